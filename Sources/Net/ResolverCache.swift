import Bytes

/// What is known of a name without asking.
enum CachedAnswer: Equatable {
    case fresh([IPAddress])
    /// Only until a new answer has come: expired, and nothing says that the name servers fail.
    case expired
    /// Expired, but the name servers fail.
    case stale([IPAddress], mayAskAgain: Bool)
    case failed(ResolveError)
    case unknown
}

/// Answers of the name servers by name, the least recently used one leaving when it is full. Knows no clock and asks
/// nobody: `now` comes from the caller.
struct ResolverCache {
    private struct Entry {
        var name: [UInt8]
        /// The last good ones; empty if there are none.
        var addresses: [IPAddress] = []
        var freshUntil: UInt64 = 0
        var staleUntil: UInt64 = 0
        /// Why the latest lookup failed; nil if it did not.
        var failure: ResolveError?
        var failureUntil: UInt64 = 0
        /// Callers so far: each starts with another address, as if each had asked.
        var turn = 0
        /// Places of the neighbours in order of use, -1 at the ends.
        var newer = -1
        var older = -1
    }

    private let options: ResolverOptions
    private var entries: [Entry] = []
    private var places: [[UInt8]: Int] = [:]
    private var newest = -1
    private var oldest = -1

    init(options: ResolverOptions) { self.options = options }

    var count: Int { entries.count }

    mutating func answer(_ name: [UInt8], now: UInt64) -> CachedAnswer {
        guard let place = places[name] else { return .unknown }
        use(place)
        if now < entries[place].freshUntil { return .fresh(rotated(place)) }
        let hasStale = !entries[place].addresses.isEmpty && now < entries[place].staleUntil
        guard let failure = entries[place].failure else { return hasStale ? .expired : .unknown }
        let mayAskAgain = now >= entries[place].failureUntil
        if hasStale { return .stale(rotated(place), mayAskAgain: mayAskAgain) }
        return mayAskAgain ? .unknown : .failed(failure)
    }

    /// - Returns: the addresses as the first caller should have them.
    mutating func store(_ addresses: [IPAddress], lifetime: UInt64, for name: [UInt8], now: UInt64) -> [IPAddress] {
        let place = placeForWriting(name)
        entries[place].addresses = addresses
        entries[place].freshUntil = now + min(max(lifetime, options.lifetimeMin), options.lifetimeMax)
        entries[place].staleUntil = entries[place].freshUntil + options.staleMax
        entries[place].failure = nil
        entries[place].turn = 0
        return rotated(place)
    }

    /// Takes note of a failed lookup.
    ///
    /// - Returns: the last good addresses if they may still serve.
    mutating func fail(_ name: [UInt8], _ error: ResolveError, now: UInt64) -> [IPAddress]? {
        let place = placeForWriting(name)
        var isAnswer = false
        // The servers know that there is no such name: that is their answer, not their failure (RFC 8767 §4).
        if case .notFound = error { isAnswer = true }
        if isAnswer { entries[place].addresses = [] }
        entries[place].freshUntil = 0
        entries[place].failure = error
        entries[place].failureUntil = now + (isAnswer ? options.notFoundLifetime : options.failureLifetime)
        guard !entries[place].addresses.isEmpty, now < entries[place].staleUntil else { return nil }
        return rotated(place)
    }

    /// The addresses, those of the family in front turned by one for each caller.
    private mutating func rotated(_ place: Int) -> [IPAddress] {
        let addresses = entries[place].addresses
        let leading = addresses.prefix { $0.isIPv4 == addresses[0].isIPv4 }.count
        let shift = entries[place].turn % max(1, leading)
        entries[place].turn &+= 1
        guard shift > 0 else { return addresses }
        return Array(addresses[shift..<leading] + addresses[..<shift] + addresses[leading...])
    }

    // MARK: Order of use

    private mutating func placeForWriting(_ name: [UInt8]) -> Int {
        if let place = places[name] {
            use(place)
            return place
        }
        let place: Int
        if entries.count < options.namesMax || oldest < 0 {
            place = entries.count
            entries.append(Entry(name: name))
        } else {
            place = oldest
            unlink(place)
            places[entries[place].name] = nil
            entries[place] = Entry(name: name)
        }
        places[name] = place
        linkNewest(place)
        return place
    }

    private mutating func use(_ place: Int) {
        guard place != newest else { return }
        unlink(place)
        linkNewest(place)
    }

    private mutating func linkNewest(_ place: Int) {
        entries[place].older = newest
        entries[place].newer = -1
        if newest >= 0 { entries[newest].newer = place } else { oldest = place }
        newest = place
    }

    private mutating func unlink(_ place: Int) {
        let (newer, older) = (entries[place].newer, entries[place].older)
        if newer >= 0 { entries[newer].older = older } else { newest = older }
        if older >= 0 { entries[older].newer = newer } else { oldest = newer }
    }
}
