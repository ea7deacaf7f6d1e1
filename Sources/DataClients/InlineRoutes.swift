internal import Eskip

/// `-inline-routes`: the routes of one flag, loaded once. The flag itself was checked before the start.
final class InlineRoutes: DataClient {
    let name = "-inline-routes"
    private let text: String

    init(_ text: String) { self.text = text }

    func start(_ feed: RouteFeed) {
        let parsed = RouteDocument.parse(text, sourceName: name)
        guard parsed.isValid else { return feed.fail(parsed.errors.map(\.description)) }
        feed.report(upserts: Array(parsed.document))
    }

    func refresh() {}
}
