/// What a route does with a request that its filters did not answer.
public enum BackendDefinition: Equatable, Sendable {
    /// One address, `scheme://host[:port]`, as written: whether it is well formed shows when the route is compiled.
    case network(String)
    case shunt
    case loopback
    case dynamic
    case forward
    /// An empty algorithm means the default. Every endpoint is an absolute URI, all of one scheme, if a document said so.
    /// A group is what several routes share their endpoints by, as those of one service do; no text says it, only who makes
    /// definitions of values.
    case loadBalanced(algorithm: String, endpoints: [LBEndpoint], group: String? = nil)
}

/// One address of a load-balanced backend.
public struct LBEndpoint: Hashable, Sendable {
    /// An absolute URI without the query parameter `zone`.
    public var address: String
    /// The availability zone, if the address carried `?zone=…`.
    public var zone: String?

    public init(address: String, zone: String? = nil) {
        self.address = address
        self.zone = zone
    }
}

/// The kind of a backend; the raw value is its code in records.
public enum BackendKind: UInt8, Sendable, CaseIterable {
    case network, shunt, loopback, dynamic, forward, loadBalanced

    /// The word of the JSON form (eskip.md §6.4).
    public var jsonText: String {
        switch self {
        case .network: "network"
        case .shunt: "shunt"
        case .loopback: "loopback"
        case .dynamic: "dynamic"
        case .forward: "forward"
        case .loadBalanced: "lb"
        }
    }
}

/// The record's backend word: the kind in the low 7 bits, the number of endpoints in the upper 23, between them
/// whether there is a group and whether the endpoints carry zones.
struct BackendWord {
    var rawValue: UInt32

    init(rawValue: UInt32) { self.rawValue = rawValue }

    init(_ kind: BackendKind, endpointCount: Int = 0, hasZones: Bool = false, hasGroup: Bool = false) {
        rawValue = UInt32(kind.rawValue) | (hasGroup ? 0x80 : 0) | (hasZones ? 0x100 : 0) | UInt32(endpointCount) << 9
    }

    /// A record of ours holds no other code.
    var kind: BackendKind { BackendKind(rawValue: UInt8(truncatingIfNeeded: rawValue & 0x7F))! }
    var hasGroup: Bool { rawValue & 0x80 != 0 }
    var hasZones: Bool { rawValue & 0x100 != 0 }
    var endpointCount: Int { Int(rawValue >> 9) }
    /// Words per endpoint: its address, and its zone if any endpoint has one.
    var endpointWords: Int { hasZones ? 4 : 2 }
    /// Texts behind the algorithm: the endpoints, then the group.
    var refCount: Int { endpointCount * endpointWords / 2 + (hasGroup ? 1 : 0) }
}

extension RouteDefinition {
    var backendWord: BackendWord { BackendWord(rawValue: document.words[record + RouteRecord.backend]) }

    /// The kind of the backend; costs no text.
    public var backendKind: BackendKind { backendWord.kind }

    /// The backend with its texts.
    public var backend: BackendDefinition {
        switch backendKind {
        case .network: .network(document.string(document.ref(at: backendStart)))
        case .shunt: .shunt
        case .loopback: .loopback
        case .dynamic: .dynamic
        case .forward: .forward
        case .loadBalanced: .loadBalanced(algorithm: lbAlgorithm?.text ?? "", endpoints: Array(endpoints), group: endpointGroup)
        }
    }

    /// The address of a network backend as written, else `nil`.
    public var networkAddress: String? {
        backendKind == .network ? document.string(document.ref(at: backendStart)) : nil
    }

    /// The balancing algorithm of a load-balanced backend that names one.
    public var lbAlgorithm: Name? {
        guard backendKind == .loadBalanced else { return nil }
        let word = document.words[backendStart]
        return word == RouteRecord.noAlgorithm ? nil : Name(index: word)
    }

    /// What a load-balanced backend shares its endpoints by, if it shares them.
    public var endpointGroup: String? {
        guard backendWord.hasGroup else { return nil }
        return document.string(document.ref(at: backendStart + 1 + 2 * (backendWord.refCount - 1)))
    }

    /// The endpoints of a load-balanced backend, in written order; empty for every other kind.
    public var endpoints: LBEndpoints {
        let isBalanced = backendKind == .loadBalanced
        return LBEndpoints(
            document: document, word: isBalanced ? UInt32(backendStart + 1) : 0,
            backend: isBalanced ? backendWord : BackendWord(.shunt))
    }
}

/// The endpoints of one definition.
public struct LBEndpoints: RandomAccessCollection, Sendable {
    let document: RouteDocument
    let word: UInt32
    let backend: BackendWord

    public var count: Int { backend.endpointCount }
    public var startIndex: Int { 0 }
    public var endIndex: Int { count }

    public subscript(position: Int) -> LBEndpoint {
        let zone = zoneRef(at: position)
        return LBEndpoint(
            address: document.string(addressRef(at: position)), zone: zone.length == 0 ? nil : document.string(zone))
    }

    /// Lends the bytes of an address; they are valid only inside `body`.
    public func withAddressBytes<R>(at position: Int, _ body: (UnsafeRawBufferPointer) -> R) -> R {
        document.withBytes(addressRef(at: position), body)
    }

    func addressRef(at position: Int) -> TextRef {
        precondition(position >= 0 && position < count, "endpoint \(position) of \(count)")
        return document.ref(at: Int(word) + position * backend.endpointWords)
    }

    /// Empty if the endpoint has no zone.
    func zoneRef(at position: Int) -> TextRef {
        backend.hasZones ? document.ref(at: Int(word) + position * 4 + 2) : .empty
    }
}
