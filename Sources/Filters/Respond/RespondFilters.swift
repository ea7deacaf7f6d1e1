/// Filters that answer by themselves or change the answer's status.
public enum RespondFilters {
    public static let specs: [FilterSpec] = [
        FilterSpec("status", "(code)", 1, StatusFilter.init),
        FilterSpec("healthcheck", "(…)", 0...) { _ in StatusFilter(status: 200) },
        FilterSpec("inlineContent", "(text, [mime])", 1...2, InlineContentFilter.init),
        FilterSpec("inlineContentIfStatus", "(code, text, [mime])", 2...3, InlineContentIfStatusFilter.init),
        FilterSpec("loopbackIfStatus", "(code, path)", 2...3, LoopbackIfStatusFilter.init),
        FilterSpec("repeatContent", "(text, bytes)", 2, RepeatContentFilter.init(text:)),
        FilterSpec("repeatContentHex", "(hexadecimal text, bytes)", 2, RepeatContentFilter.init(hex:)),
        FilterSpec("randomContent", "(bytes)", 1, RandomContentFilter.init),
        FilterSpec("tarpit", "(duration)", 1, TarpitFilter.init),
        FilterSpec("absorb", "(…)", 0...) { _ in AbsorbFilter(isSilent: false) },
        FilterSpec("absorbSilent", "(…)", 0...) { _ in AbsorbFilter(isSilent: true) },
        FilterSpec("static", "(prefix, directory)", 2, StaticFilter.init),
        // Accepted for routes written for Skipper; no backend here speaks FastCGI.
        FilterSpec("setFastCgiFilename") { (arguments, _) throws(FilterArgumentError) in
            _ = try ArgumentReader(arguments, "(filename)", 1).text(0)
            return .nothing
        },
    ]
}
