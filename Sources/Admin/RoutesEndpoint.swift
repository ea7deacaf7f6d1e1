import Eskip
import Routing

/// `/routes`: the routes in use, or those that are left out, sorted by id (operations.md §3).
struct RoutesEndpoint {
    let source: any AdminSource

    func answer(_ request: AdminRequest) -> AdminResponse {
        let query = request.query
        guard let offset = query.count("offset", default: 0), let limit = query.count("limit", default: AdminLimits.routesPerPageDefault) else {
            return AdminResponse("offset and limit are numbers from 0", status: 400)
        }
        let timestamp = source.routesTimestamp
        if let expected = query["timestamp"], Int(expected) != timestamp {
            return AdminResponse("the routes have changed: their timestamp is \(timestamp)", status: 400)
        }
        let page = query.isSet("invalid") ? refused(offset, limit) : inUse(offset, limit)
        let form: RouteListing.Form = request.acceptsJSON ? .json : query.isSet("nopretty") ? .compact : .pretty
        let contentType = form == .json ? "application/json" : "text/plain"
        var response = AdminResponse(.routes(RouteListing(page.entries, form: form)), contentType: contentType)
        response.fields = [("X-Count", "\(page.total)"), ("X-Timestamp", "\(timestamp)"), ("Vary", "Accept")]
        return response
    }

    private func inUse(_ offset: Int, _ limit: Int) -> (total: Int, entries: [RouteListing.Entry]) {
        var definitions: [RouteDefinition] = []
        source.forEachRoute { definitions.append($0) }
        let total = definitions.count
        return (total, RoutePage.select(&definitions, offset: offset, limit: limit).map { RouteListing.Entry(definition: $0) })
    }

    private func refused(_ offset: Int, _ limit: Int) -> (total: Int, entries: [RouteListing.Entry]) {
        let refused = source.refusedRoutes
        let page = refused.dropFirst(offset).prefix(limit)
        return (refused.count, page.map { RouteListing.Entry(definition: $0.definition, error: "\($0.diagnostic.refusal.rawValue): \($0.diagnostic.message)") })
    }
}

/// A part of many routes in the order of their ids.
enum RoutePage {
    /// The routes from `offset` on, `limit` at most, as if all were sorted by the bytes of their ids.
    ///
    /// - Complexity: O(n) on average and O(page × log page): a page of 300,000 routes takes some 50 ms where sorting them all takes a second.
    static func select(_ routes: inout [RouteDefinition], offset: Int, limit: Int) -> [RouteDefinition] {
        let start = min(offset, routes.count)
        let end = start + min(limit, routes.count - start)
        guard start < end else { return [] }
        divide(&routes, 0..<routes.count, at: start)
        divide(&routes, start..<routes.count, at: end)
        return routes[start..<end].sorted(by: precedes)
    }

    /// Orders `range` so far that nothing before `place` belongs behind it, nor the other way round.
    private static func divide(_ routes: inout [RouteDefinition], _ range: Range<Int>, at place: Int) {
        var range = range
        while range.count > 1, range.contains(place) {
            let pivot = routes[Int.random(in: range)]
            var (low, high) = (range.lowerBound, range.upperBound - 1)
            while low <= high {
                while precedes(routes[low], pivot) { low += 1 }
                while precedes(pivot, routes[high]) { high -= 1 }
                if low <= high {
                    routes.swapAt(low, high)
                    low += 1
                    high -= 1
                }
            }
            // Now everything up to `high` belongs before everything from `low` on; what is between equals the pivot.
            if place <= high { range = range.lowerBound..<(high + 1) } else if place >= low { range = low..<range.upperBound } else { return }
        }
    }

    private static func precedes(_ left: RouteDefinition, _ right: RouteDefinition) -> Bool {
        left.withIdBytes { left in right.withIdBytes { left.lexicographicallyPrecedes($0) } }
    }
}
