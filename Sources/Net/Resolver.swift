public import Bytes

/// Why a name has no address.
public enum ResolveError: Error, Equatable, Sendable {
    /// The name servers say that it has none, or does not exist.
    case notFound(String)
    /// The text is no host name, or the name servers gave no usable answer.
    case failed(String)
    case timedOut
}

/// Which addresses are asked for.
public enum AddressFamilies: Sendable {
    case ipv4Only, ipv6Only, both
}

/// How names are resolved. Durations in nanoseconds.
public struct ResolverOptions: Sendable {
    /// `-dns-servers`; those of `/etc/resolv.conf` if empty. Its search list counts either way.
    public var servers: [SocketAddress] = []
    public var families = AddressFamilies.both
    /// Of the first question to a server; every further round of the servers waits twice as long.
    public var attemptTimeout: UInt64 = 1_000_000_000
    /// Questions to each server.
    public var attempts = 3
    /// How long a caller waits at most. The lookup itself may go on and serve the next one.
    public var lookupTimeout: UInt64 = 10_000_000_000
    /// How long a caller waits for a new answer while an expired one is at hand (RFC 8767 §5 proposes 1.8 s).
    public var expiredAnswerAfter: UInt64 = 500_000_000
    /// How long an expired answer may serve while the name servers fail (RFC 8767 §5: one to three days).
    public var staleMax: UInt64 = 24 * 3600 * 1_000_000_000
    /// Bounds for the time to live that name servers give: 0 would mean a question per connection.
    public var lifetimeMin: UInt64 = 1_000_000_000
    public var lifetimeMax: UInt64 = 3600 * 1_000_000_000
    /// How long "there is no such name" is believed: short, since people wait for the name they have just made.
    public var notFoundLifetime: UInt64 = 2_000_000_000
    /// Pause after a lookup that failed before the name is asked for again.
    public var failureLifetime: UInt64 = 1_000_000_000
    /// Names kept; beyond, the one not used for longest goes.
    public var namesMax = 4096
    /// Lookups under way at once; beyond, names that are not in the cache fail.
    public var lookupsMax = 512
    public var hostsPath = "/etc/hosts"
    /// After which the hosts file is read again, when a name is looked up.
    public var hostsLifetime: UInt64 = 5_000_000_000

    public init() {}
}

/// What a resolver did; written by the loop's thread only.
public struct ResolverCounters: Sendable {
    /// Names asked for at the name servers.
    public var lookups: UInt64 = 0
    /// Callers served from the cache, with an answer that is still valid.
    public var hits: UInt64 = 0
    /// Callers served with the last good addresses, because there was no newer answer.
    public var staleAnswers: UInt64 = 0
}

/// Turns host names into addresses without ever blocking the loop; one per worker, on its loop.
///
/// A name goes through, in this order: literals and `localhost`, the cache, the hosts file, the name servers. Callers
/// who want the same name share one lookup. When the name servers fail (no answer, SERVFAIL, refusal, garbage), the last
/// good addresses go on serving; only the servers' own "no such name" ends them.
///
/// It must go before its loop does. Callers that still wait then are not called any more; `close()` answers them.
public final class Resolver {
    public typealias Completion = (Result<[IPAddress], ResolveError>) -> Void

    private let loop: UnsafeMutablePointer<EventLoop>
    private let options: ResolverOptions
    private let channel: ResolverChannel
    private var cache: ResolverCache
    private var hosts: HostsFile
    private var lookups: [[UInt8]: Lookup] = [:]
    public private(set) var counters = ResolverCounters()

    public init(loop: UnsafeMutablePointer<EventLoop>, options: ResolverOptions) {
        self.loop = loop
        self.options = options
        channel = ResolverChannel(loop: loop, options: options)
        cache = ResolverCache(options: options)
        hosts = HostsFile(path: options.hostsPath, lifetime: options.hostsLifetime)
        channel.whenSettled = { [unowned self] in deliver() }
    }

    /// With the usual options.
    ///
    /// - Parameter servers: empty for those of `/etc/resolv.conf`.
    public convenience init(loop: UnsafeMutablePointer<EventLoop>, servers: [SocketAddress]) {
        var options = ResolverOptions()
        options.servers = servers
        self.init(loop: loop, options: options)
    }

    deinit {
        for lookup in lookups.values { lookup.endPatience(loop) }
        channel.close()
    }

    /// Finds the addresses of a host, those to try first in front; never an empty list.
    ///
    /// - Parameters:
    ///   - host: a name of any case or an address literal without brackets; anything else fails.
    ///   - completion: called exactly once, at once or later on this loop, also if the caller has lost interest.
    public func resolve(_ host: [UInt8], _ completion: @escaping Completion) {
        switch HostName.read(host) {
        case .address(let address): completion(.success([address]))
        case .localhost: completion(.success(loopbackAddresses))
        case .malformed(let reason): completion(.failure(.failed(reason)))
        case .name(let name): resolve(name: name, completion)
        }
    }

    /// Ends all lookups; whoever waits is told so.
    public func close() {
        channel.close()
        deliver()
    }

    private func resolve(name: [UInt8], _ completion: @escaping Completion) {
        switch cache.answer(name, now: loop.pointee.now) {
        case .fresh(let addresses):
            counters.hits += 1
            completion(.success(addresses))
        case .failed(let error):
            counters.hits += 1
            completion(.failure(error))
        case .stale(let addresses, let mayAskAgain):
            counters.staleAnswers += 1
            if mayAskAgain { look(up: name, patience: options.lookupTimeout, nil) }
            completion(.success(addresses))
        case .expired: look(up: name, patience: options.expiredAnswerAfter, completion)
        case .unknown: look(up: name, patience: options.lookupTimeout, completion)
        }
    }

    /// RFC 6761 §6.3: never asked for. IPv4 first, as most programs listen there.
    private var loopbackAddresses: [IPAddress] {
        switch options.families {
        case .ipv4Only: [.loopbackV4]
        case .ipv6Only: [.loopbackV6]
        case .both: [.loopbackV4, .loopbackV6]
        }
    }
}

// MARK: - Lookups

extension Resolver {
    /// Joins the lookup of a name or starts one.
    private func look(up name: [UInt8], patience: UInt64, _ completion: Completion?) {
        if let lookup = lookups[name] { return join(lookup, patience, completion) }
        guard lookups.count < options.lookupsMax else {
            completion?(.failure(.failed("\(options.lookupsMax) lookups are under way")))
            return
        }
        let lookup = Lookup(name: name)
        lookups[name] = lookup
        join(lookup, patience, completion)
        if let addresses = hosts.addresses(of: name, families: options.families, now: loop.pointee.now) {
            channel.settled.append((lookup, .success(addresses, lifetime: options.hostsLifetime)))
        } else {
            counters.lookups += 1
            channel.ask(lookup)
        }
        deliver()
    }

    private func join(_ lookup: Lookup, _ patience: UInt64, _ completion: Completion?) {
        guard let completion else { return }
        lookup.waiters.append(completion)
        lookup.startPatience(until: loop.pointee.now + patience, loop, of: self)
    }

    /// Takes what lookups came to and calls whoever waits, when c-ares is no longer below us on the stack.
    fileprivate func deliver() {
        while !channel.settled.isEmpty {
            let (lookup, outcome) = channel.settled.removeFirst()
            lookup.endPatience(loop)
            lookups[lookup.name] = nil
            switch outcome {
            case .success(let addresses, let lifetime):
                let kept = cache.store(AddressOrder.preferred(addresses), lifetime: lifetime, for: lookup.name, now: loop.pointee.now)
                answer(lookup, .success(kept))
            case .failure(let error):
                fail(lookup, error)
            }
        }
    }

    private func fail(_ lookup: Lookup, _ error: ResolveError) {
        guard let addresses = cache.fail(lookup.name, error, now: loop.pointee.now) else { return answer(lookup, .failure(error)) }
        counters.staleAnswers += UInt64(lookup.waiters.count)
        answer(lookup, .success(addresses))
    }

    private func answer(_ lookup: Lookup, _ result: Result<[IPAddress], ResolveError>) {
        let waiters = lookup.waiters
        lookup.waiters = []
        for completion in waiters { completion(result) }
    }

    /// Callers wait no longer; the lookup goes on, for those that come next.
    fileprivate func patienceEnded(_ lookup: Lookup) { fail(lookup, .timedOut) }
}

/// What a lookup came to.
enum LookupOutcome {
    case success([IPAddress], lifetime: UInt64)
    case failure(ResolveError)
}

/// One name that is being asked for, and who waits for it.
final class Lookup {
    let name: [UInt8]
    var waiters: [Resolver.Completion] = []
    /// Its owner is this lookup, unretained: `endPatience` takes it out of the wheel before the lookup goes.
    private let timer = UnsafeMutablePointer<TimerNode>.allocate(capacity: 1)
    private unowned(unsafe) var resolver: Resolver?

    init(name: [UInt8]) {
        self.name = name
        timer.initialize(to: TimerNode())
    }

    deinit { timer.deallocate() }

    /// The first caller's patience counts for those that join: they then wait less than they might.
    func startPatience(until deadline: UInt64, _ loop: UnsafeMutablePointer<EventLoop>, of resolver: Resolver) {
        guard !timer.pointee.isSet else { return }
        self.resolver = resolver
        timer.pointee.owner = Unmanaged.passUnretained(self).toOpaque()
        timer.pointee.expired = { pointer in
            let lookup = Unmanaged<Lookup>.fromOpaque(pointer).takeUnretainedValue()
            lookup.resolver?.patienceEnded(lookup)
        }
        loop.pointee.timers.set(timer, at: deadline)
    }

    func endPatience(_ loop: UnsafeMutablePointer<EventLoop>) { loop.pointee.timers.remove(timer) }
}
