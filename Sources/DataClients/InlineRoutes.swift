internal import Eskip

/// `-inline-routes`: the routes of one flag, loaded once. The flag itself was checked before the start.
final class InlineRoutes: DataClient {
    let name = "-inline-routes"
    private let text: String

    init(_ text: String) { self.text = text }

    func start(_ feed: RouteFeed) {
        let parsed = RouteDocument.parse(text, sourceName: name)
        guard parsed.isValid else { return feed.fail(parsed.errors.map(\.description)) }
        feed.report(upserts: parsed.document.withoutRepetitions())
    }

    func refresh() {}
}

extension RouteDocument {
    /// The routes, of several with one id the last (eskip.md §4).
    func withoutRepetitions() -> [RouteDefinition] {
        let last = RouteSet(self)
        if last.count == count { return Array(self) }
        return filter { last.sameID(as: $0)?.isSameRecord(as: $0) == true }
    }
}

extension RouteDefinition {
    /// Whether this is the other one itself, not one that says the same.
    func isSameRecord(as other: RouteDefinition) -> Bool {
        document === other.document && sourceOffset == other.sourceOffset
    }
}
