public import Bytes
public import HTTP
internal import Synchronization

/// Everything of an exchange that filters may see or change; a part of the exchange's slot, reused by the next one.
public struct FilterState: ~Copyable {
    public var request = RequestHead()
    public var response = ResponseHead()
    public var settings = ExchangeSettings()
    public var parameters = PathParameters()
    public var bag = StateBag()
    public var peer = IPAddress.unspecifiedV4
    /// The client as trusted proxies tell; nil while none are configured.
    public var trustedClient: IPAddress?
    /// The draw that all `TrafficSegment` predicates of the request share; negative until one asks.
    var trafficDraw = -1.0
    /// Kept alive by the routing table's generation that the exchange holds.
    public unowned(unsafe) var route: RouteFacts?
    public unowned(unsafe) var services: FilterServices
    public var outgoingHost: ByteRange?
    /// The Host field that filters gave the request; the client's own is none of theirs.
    public var hostField: ByteRange?
    public var replacement = ReplacementBody.untouched
    public var requestTransforms: [any BodyTransform] = []
    public var responseTransforms: [any BodyTransform] = []
    /// A served answer waits for the end of the request's body (`absorb`).
    public var servesAfterRequestBody = false
    public var endObservers: [Filter] = []
    /// Distinguishes the exchanges that use this slot one after the other.
    public var exchangeNumber: UInt64 = 0
    /// Set by the exchange while a filter has it suspended.
    public var resume: (@convention(thin) (UnsafeMutablePointer<FilterState>, FilterAction) -> Void)?

    public init(services: FilterServices) { self.services = services }

    /// Prepares the slot for its next exchange, but for the request, which may stand in it already; memory of the heads is kept.
    public mutating func reset() {
        exchangeNumber &+= 1
        response.reset()
        settings.reset()
        parameters.removeAll()
        trustedClient = nil
        trafficDraw = -1
        if !bag.isEmpty { bag.removeAll() }
        route = nil
        outgoingHost = nil
        hostField = nil
        if case .untouched = replacement {} else { replacement = .untouched }
        if !requestTransforms.isEmpty { requestTransforms.removeAll() }
        if !responseTransforms.isEmpty { responseTransforms.removeAll() }
        servesAfterRequestBody = false
        if !endObservers.isEmpty { endObservers.removeAll() }
        resume = nil
    }
}

/// What filters decide about the exchange outside of its messages. Durations in nanoseconds.
public struct ExchangeSettings {
    /// `backendTimeout`: total time for the upstream, from its start.
    public var backendTimeout: UInt64?
    public var readTimeout: UInt64?
    public var writeTimeout: UInt64?
    /// The client's Host goes upstream unless filters chose another; `-proxy-preserve-host`, then `preserveHost`.
    public var preservesHost = false
    /// `enableAccessLog`, `disableAccessLog`.
    public var accessLog = AccessLogChoice.inherited
    /// `maskAccessLogQuery`: names whose values are hashed in the log.
    public var maskedQueryParameters: [[UInt8]] = []
    /// `consistentHashKey`'s hash, `consistentHashBalanceFactor`.
    public var consistentHash: UInt64?
    public var balanceFactor: Double?
    /// `setDynamicBackend…`; ranges of the request head's block.
    public var dynamicScheme: ByteRange?
    public var dynamicHost: ByteRange?
    /// Scheme and host of `setDynamicBackendUrl`.
    public var dynamicURL: (scheme: ByteRange, host: ByteRange)?
    /// `backendIsProxy`: the request goes to its own host by way of the backend, a forward proxy.
    public var backendIsProxy = false
    /// `backendProxyProtocol`, `-enable-proxy-protocol-backend`: the connection tells the backend who the client is.
    public var sendsProxyHeader = false
    /// `backendTLS…`: what the route asks for of TLS to an `https` backend, as `BackendTLSRules` numbers it; 0 for nothing.
    public var backendSecurity: UInt64 = 0
    /// `teeLoopback`'s mark on the copy, which the predicate `Tee` reads.
    public var teeLabel: ByteRange?
    /// `annotate`.
    public var annotations: [String: String] = [:]

    public init() {}

    /// As new; what needs no memory in most exchanges is touched only if it has some.
    mutating func reset() {
        backendTimeout = nil
        readTimeout = nil
        writeTimeout = nil
        preservesHost = false
        if case .inherited = accessLog {} else { accessLog = .inherited }
        if !maskedQueryParameters.isEmpty { maskedQueryParameters = [] }
        consistentHash = nil
        balanceFactor = nil
        dynamicScheme = nil
        dynamicHost = nil
        dynamicURL = nil
        backendIsProxy = false
        sendsProxyHeader = false
        backendSecurity = 0
        teeLabel = nil
        if !annotations.isEmpty { annotations = [:] }
    }
}

/// Whether an exchange is logged: the flag's choice unless a filter of the route made one.
public enum AccessLogChoice: Equatable, Sendable {
    case inherited, always, never
    /// Only statuses that start with one of these digits; the rest is not logged.
    case onlyStatuses([Int])
    /// All but these.
    case exceptStatuses([Int])
}

/// Text values by name, for filters to talk to later ones; empty in most exchanges and then without memory.
public struct StateBag {
    private var values: [String: String] = [:]

    public init() {}

    public var isEmpty: Bool { values.isEmpty }
    public mutating func removeAll() { values = [:] }

    public subscript(key: String) -> String? {
        get { values.isEmpty ? nil : values[key] }
        set { values[key] = newValue }
    }
}

/// What filters and logs may know of the compiled route; lives as long as the route, which is one.
///
/// `id` and `backendHost` are made when asked for: hundreds of thousands of routes need not keep them.
open class RouteFacts: @unchecked Sendable {
    public enum BackendKind: Sendable { case network, shunt, loopback, dynamic, loadBalanced }

    public let backendKind: BackendKind
    private let label = Atomic(RouteFacts.noLabel)
    /// Until somebody asked; 0 is the label of the empty id.
    private static var noLabel: UInt32 { .max }

    public init(backendKind: BackendKind) { self.backendKind = backendKind }

    /// The route's label in metrics, made for the first exchange that counts for the route: most of many routes never have one.
    @inline(__always)
    public final func metricLabel(_ make: (RouteFacts) -> UInt32) -> UInt32 {
        let known = label.load(ordering: .relaxed)
        if known != Self.noLabel { return known }
        // Two workers may both make it: one text has one label.
        let made = make(self)
        label.store(made, ordering: .relaxed)
        return made
    }

    open var id: String { "" }
    /// `host[:port]` of a network backend as it goes into Host, empty for the others.
    open var backendHost: [UInt8] { [] }
}
