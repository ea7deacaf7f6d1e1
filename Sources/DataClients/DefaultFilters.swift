internal import Eskip

/// `-default-filters-prepend` and `-default-filters-append`: filters around those of every route.
struct DefaultFilters {
    let prepended: CallList
    let appended: CallList

    /// - Parameter problems: takes what is wrong with the chains.
    init(_ options: RouteRewritingOptions, problems: inout [String]) {
        prepended = Self.chain(options.defaultFiltersPrepend, "default-filters-prepend", &problems)
        appended = Self.chain(options.defaultFiltersAppend, "default-filters-append", &problems)
    }

    var isEmpty: Bool { prepended.isEmpty && appended.isEmpty }

    /// A flag may be given several times; its chains follow one another.
    private static func chain(_ texts: [String], _ flag: String, _ problems: inout [String]) -> CallList {
        var calls: [Call] = []
        for text in texts {
            let parsed = CallList.parseFilters(text, sourceName: "-" + flag)
            problems += parsed.errors.map(\.description)
            calls += parsed.calls
        }
        return CallList(calls)
    }
}
