import Bytes
import Eskip
import Filters
import HTTP

/// `Traffic`: a share of the requests; with a cookie, clients stay in the group that the cookie names.
final class TrafficPredicate: Predicate, @unchecked Sendable {
    struct Cookie: Sendable {
        let name: [UInt8]
        let group: [UInt8]
    }

    private let chance: Double
    private let cookie: Cookie?

    init(chance: Double, cookie: Cookie?) {
        self.chance = chance
        self.cookie = cookie
    }

    override func matches(_ context: FilterContext) -> Bool {
        if let cookie, let value = cookie.name.withUnsafeBytes({ CookiePairs.value($0, in: context.request.headers) }) {
            return cookie.group.withUnsafeBytes { value.equals($0) }
        }
        return context.services.randomUnit() < chance
    }
}

/// `TrafficSegment`: the request's one draw from 0..<1, shared by all segments, falls between these bounds.
final class TrafficSegmentPredicate: Predicate, @unchecked Sendable {
    private let share: Range<Double>

    init(_ share: Range<Double>) { self.share = share }

    override func matches(_ context: FilterContext) -> Bool { share.contains(context.trafficDraw) }
}

extension PredicateRegistry {
    static let trafficPredicates = [
        PredicateSpec("Traffic") { arguments, _ throws(PredicateArgumentError) in
            guard arguments.count == 1 || arguments.count == 3 else {
                throw PredicateArgumentError("takes a chance, and a cookie's name and a group if clients are to stay; found \(arguments.count) arguments")
            }
            let chance = try arguments.requiredNumber(0, "the chance")
            guard (0...1).contains(chance) else { throw PredicateArgumentError("the chance must be from 0 to 1, found \(NumberText.text(chance))") }
            guard arguments.count == 3 else { return TrafficPredicate(chance: chance, cookie: nil) }
            return TrafficPredicate(chance: chance, cookie: .init(
                name: Array(try arguments.requiredString(1, "the cookie's name").utf8),
                group: Array(try arguments.requiredString(2, "the group").utf8)))
        },
        // Skipper's contribution is one for the predicate and minus one of its own: none.
        PredicateSpec("TrafficSegment", weight: 0) { arguments, _ throws(PredicateArgumentError) in
            try arguments.require(2...2, "a minimum and a maximum")
            let minimum = try arguments.requiredNumber(0, "the minimum"), maximum = try arguments.requiredNumber(1, "the maximum")
            guard minimum >= 0, minimum <= maximum, maximum <= 1 else {
                throw PredicateArgumentError("takes 0 ≤ minimum ≤ maximum ≤ 1, found \(NumberText.text(minimum)) and \(NumberText.text(maximum))")
            }
            return TrafficSegmentPredicate(minimum..<maximum)
        },
    ]
}
