internal import Bytes
public import Filters

/// The ring of `consistentHash`: 100 points per endpoint, so that an endpoint that comes or goes moves only its own keys.
struct HashRing: Sendable {
    static let pointsPerEndpoint = 100

    /// Ascending.
    private let hashes: [UInt64]
    /// The endpoint's position for each point.
    private let owners: [UInt16]

    /// - Parameter addresses: `scheme://host[:port]`; Skipper's points are those of the same text, so both agree.
    init(addresses: [String]) {
        var points: [(hash: UInt64, owner: UInt16)] = []
        points.reserveCapacity(addresses.count * HashRing.pointsPerEndpoint)
        for (owner, address) in addresses.enumerated() {
            for point in 0..<HashRing.pointsPerEndpoint {
                points.append((XXHash64.hash("\(address)-\(point)"), UInt16(owner)))
            }
        }
        points.sort { ($0.hash, $0.owner) < ($1.hash, $1.owner) }
        hashes = points.map(\.hash)
        owners = points.map(\.owner)
    }

    /// The endpoint of the first point at or after `hash`, going round, whose endpoint is a candidate and accepted.
    ///
    /// - Complexity: O(log points) and the points passed over.
    func owner(of hash: UInt64, among candidates: Candidates, where isAccepted: (Int) -> Bool) -> Int {
        var point = firstPoint(atLeast: hash)
        for _ in 0..<hashes.count {
            if point == hashes.count { point = 0 }
            let owner = Int(owners[point])
            if candidates.contains(owner), isAccepted(owner) { return owner }
            point += 1
        }
        // Loads move while they are looked at: all may have been above the bound once.
        return candidates.nth(0)
    }

    private func firstPoint(atLeast hash: UInt64) -> Int {
        var low = 0
        var high = hashes.count
        while low < high {
            let middle = (low + high) / 2
            if hashes[middle] < hash { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

extension LoadBalancer {
    /// The hash that `consistentHash` takes without `consistentHashKey`: of the client's address, which is the first
    /// one of X-Forwarded-For if that is one, else the peer's.
    public static func defaultHash(_ context: FilterContext) -> UInt64 {
        Filters.ClientAddress.first(context).withText { XXHash64.hash($0) }
    }
}
