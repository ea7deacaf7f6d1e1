/// Filters that answer by themselves or change the answer's status.
public enum RespondFilters {
    public static let specs: [FilterSpec] = [
        FilterSpec("status", "(code)", 1, StatusFilter.init),
        FilterSpec("healthcheck", "(…)", 0...) { _ in StatusFilter(status: 200) },
        FilterSpec("inlineContent", "(text, [mime])", 1...2, InlineContentFilter.init),
        FilterSpec("inlineContentIfStatus", "(code, text, [mime])", 2...3, InlineContentIfStatusFilter.init),
        FilterSpec("loopbackIfStatus", "(code, path)", 2...3, LoopbackIfStatusFilter.init),
        // Accepted for routes written for Skipper; no backend here speaks FastCGI.
        FilterSpec("setFastCgiFilename") { (arguments, _) throws(FilterArgumentError) in
            _ = try ArgumentReader(arguments, "(filename)", 1).text(0)
            return .nothing
        },
    ]
}
