public import Eskip
public import Routing

/// A source of routes on the control loop. It tells its feed what changed and never what did not.
///
/// All calls come on the loop's thread, and the feed is called there.
public protocol DataClient: AnyObject {
    /// Its file, URL or flag, for logs, metrics and messages.
    var name: String { get }

    /// Loads the routes and goes on watching them. What fails is told to the feed and tried again.
    func start(_ feed: RouteFeed)

    /// Looks at once whether anything changed, as SIGHUP asks for.
    func refresh()
}

/// Where a data client leaves what it finds; made by the updater, which gives each client its place in the precedence.
public final class RouteFeed {
    public let name: String
    let index: Int
    unowned let updater: RouteUpdater

    init(name: String, index: Int, updater: RouteUpdater) {
        self.name = name
        self.index = index
        self.updater = updater
    }

    /// The routes that the client reported and did not take back.
    public var routeCount: Int { updater.merge.sources[index].count }

    var routes: RouteSet { _read { yield updater.merge.sources[index] } }

    /// Reports a load that went well: what is new against all that was reported before, or nothing.
    ///
    /// The table is published at the end of the loop's turn, together with what other clients report until then.
    /// - Parameters:
    ///   - upserts: new and changed definitions; each keeps its document alive. Of several with one id, which must be of one document, the last
    ///     counts.
    ///   - deletes: ids of routes that are gone, none of them in `upserts`.
    public func report(upserts: [RouteDefinition] = [], deletes: [String] = []) {
        updater.take(SourceChange(upserts: upserts, deletes: deletes), from: self)
    }

    /// Reports other endpoints of groups, as a service's: all routes whose definitions name the group have them at once, at the cost of one
    /// route. From then on, what definitions of the group say of endpoints counts no more, and they need not be reported anew.
    ///
    /// They act at the end of the loop's turn, in the order of reports. A list that is empty or names no address changes nothing and is
    /// logged: without endpoints the routes themselves must become others.
    public func report(endpoints groups: [EndpointGroupChange]) { updater.take(SourceChange(groups: groups), from: self) }

    /// Reports a load that failed; all routes stay.
    ///
    /// - Parameter problems: what is wrong, one line each; logged unless they are the same as before.
    public func fail(_ problems: [String]) { updater.take(problems, from: self) }
}
