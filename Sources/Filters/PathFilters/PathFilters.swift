/// Filters that change path and query or redirect, filters.md §2.
public enum PathFilters {
    public static var specs: [FilterSpec] { paths + queries + redirects }

    private static let paths: [FilterSpec] = [
        FilterSpec("setPath", "(path)", 1, SetPath.init),
        FilterSpec("modPath", "(regexp, replacement)", 2, ModPath.init),
        FilterSpec("rfcPath") { _, _ in .filter(RFCPath()) },
    ]

    private static let queries: [FilterSpec] = [
        FilterSpec("setQuery", "(key, value) or (query)", 1...2) { (reader) throws(FilterArgumentError) in
            if reader.count == 1 { return SetRawQuery(try reader.template(0)) }
            return try SetQuery(reader)
        },
        FilterSpec("dropQuery", "(key)", 1, DropQuery.init),
        FilterSpec("stripQuery", "([\"true\"])", 0..., StripQuery.init),
    ]

    private static let redirects: [FilterSpec] = [
        FilterSpec("redirectTo", "(code, [location])", 1...2) { (reader) throws(FilterArgumentError) in
            RedirectTo(try Redirection(reader, lowersPath: false))
        },
        FilterSpec("redirectToLower", "(code, [location])", 1...2) { (reader) throws(FilterArgumentError) in
            RedirectTo(try Redirection(reader, lowersPath: true))
        },
        FilterSpec("redirect", "(code, [location])", 1...2) { (reader) throws(FilterArgumentError) in
            RedirectResponse(try Redirection(reader, lowersPath: false))
        },
    ]
}
