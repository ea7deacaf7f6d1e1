internal import Bytes

/// A route in the table, with what most requests need to know to pass it by: 16 bytes.
struct Candidate: BitwiseCopyable {
    let route: Unmanaged<Route>
    /// The number of the literal host that the request must have, or of another `RouteKey`; 0 for none.
    let hostID: UInt32
    /// One bit per `Method`.
    let methods: UInt16
    private let bits: UInt8
    let flags: Flags

    struct Flags: OptionSet, BitwiseCopyable {
        let rawValue: UInt8
        /// There are conditions beside path, method and literal host.
        static let hasChecks = Flags(rawValue: 1)
        /// The path pattern names parts of the path.
        static let hasParameters = Flags(rawValue: 2)
        /// The key serves to find the route only; its checks compare.
        static let isHint = Flags(rawValue: 4)

        /// The upper half: one more than the segment behind which the only parameter begins, the free one named `*`; 0 if it is
        /// another or lies deeper.
        static func rest(behind segment: Int) -> Flags { segment < 15 ? Flags(rawValue: UInt8(segment + 1) << 4) : [] }
        var restSegment: Int? { rawValue >> 4 == 0 ? nil : Int(rawValue >> 4) - 1 }
    }

    /// Where below its node the route hangs.
    var ends: PatternEnd { PatternEnd(rawValue: bits & 7) }
    /// In which forms the literal host counts.
    var hostForms: HostForms { HostForms(rawValue: bits >> 3) }

    init(route: Unmanaged<Route>, ends: PatternEnd, hostID: UInt32, hostForms: HostForms, methods: UInt16, flags: Flags) {
        self.route = route
        self.hostID = hostID
        self.methods = methods
        self.flags = flags
        bits = ends.rawValue | hostForms.rawValue << 3
    }
}

/// An entry of the path table, one cache line: a node of a path tree with the segment that leads to it, the routes of one host
/// at a node, or a host's name.
///
/// A node's routes stand in the entry itself if it is one, else in a `CandidateList`. A list that grows long is divided: routes
/// of one literal host then have an entry of their own, and only the others stay in the list.
struct TableSlot: PagedEntry {
    enum Kind: UInt8, BitwiseCopyable {
        case vacant
        /// A node by its parent and its segment.
        case literal
        /// The node for any one segment, by its parent.
        case parameter
        /// Routes of a host at a node, by the node and the host's number.
        case hostRoutes
        /// The number of a host's name, or of what the names below a wildcard end in.
        case hostName, hostSuffix
        /// The number of a regexp of the host or the path.
        case hostRegexp, pathRegexp
        /// The number of a scope, by its exact host or by what its hosts end in.
        case hostScope, wildcardScope
        /// The root of a scope's path tree, by the scope's number.
        case scopeRoot
        /// The routes of a scope that have no path pattern.
        case rootStage

        /// Such entries have no routes of their own: their keys take that room, as most hosts' names are longer than segments.
        var hasWideKey: Bool { rawValue >= Kind.hostName.rawValue && rawValue <= Kind.wildcardScope.rawValue }
        /// Bytes of a key that stand in the entry; longer ones have memory of their own.
        var inlineKeyBytes: Int { hasWideKey ? 40 : 24 }
    }

    struct Flags: OptionSet, BitwiseCopyable {
        let rawValue: UInt8
        static let hasParameterChild = Flags(rawValue: 1)
        static let hasCandidate = Flags(rawValue: 2)
        /// Instead of a candidate.
        static let hasList = Flags(rawValue: 4)
        /// Routes of literal hosts have entries of their own.
        static let isDivided = Flags(rawValue: 8)
    }

    let parent: UInt32
    let hash: UInt32
    let keyCount: UInt16
    let kind: Kind
    var flags: Flags = []
    /// This node's number, or the host's.
    let number: UInt32
    /// Children by literals.
    var literalChildren: UInt32 = 0
    /// Entries of hosts at this node; routes that use this host.
    var uses: UInt32 = 0
    /// A candidate, or the address of a list in its first word; the beginning of a wide key.
    private var content: (UInt64, UInt64)
    /// The key, or the address of its memory in the first word.
    private var key: (UInt64, UInt64, UInt64)

    static let vacant = TableSlot(kind: .vacant, parent: 0, hash: 0, number: 0, key: (0, 0, 0, 0, 0), keyCount: 0)

    var isVacant: Bool { kind == .vacant }
    /// Of pages half full, few entries stand neither in their home nor in the slot behind it, which are the two that look-ups fetch ahead.
    static var fullPercent: Int { 50 }
    /// Whether neither routes nor other nodes hang on this node.
    var isBare: Bool { literalChildren == 0 && flags.isEmpty }

    private init(kind: Kind, parent: UInt32, hash: UInt32, number: UInt32, key: (UInt64, UInt64, UInt64, UInt64, UInt64), keyCount: Int) {
        self.parent = parent
        self.hash = hash
        self.keyCount = UInt16(keyCount)
        self.kind = kind
        self.number = number
        content = (key.0, key.1)
        self.key = (key.2, key.3, key.4)
    }

    /// An entry keyed by bytes, which are copied.
    init(_ kind: Kind, parent: UInt32, hash: UInt32, number: UInt32, key bytes: BorrowedBytes, generation: UInt64) {
        var key: (UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0)
        if bytes.count <= kind.inlineKeyBytes {
            withUnsafeMutableBytes(of: &key) { UnsafeMutableRawBufferPointer(rebasing: $0[(40 - kind.inlineKeyBytes)...]).copyBytes(from: bytes) }
        } else {
            let block = LongKey.make(bytes, generation)
            key.2 = UInt64(UInt(bitPattern: block))
        }
        self.init(kind: kind, parent: parent, hash: hash, number: number, key: key, keyCount: bytes.count)
    }

    /// An entry keyed by its parent, and a number if there can be several.
    init(_ kind: Kind, parent: UInt32, hash: UInt32, number: UInt32) {
        self.init(kind: kind, parent: parent, hash: hash, number: number, key: (0, 0, 0, 0, 0), keyCount: 0)
    }

    /// Whether some route's pattern ends at this node.
    var hasRoutes: Bool { !flags.isDisjoint(with: [.hasCandidate, .hasList, .isDivided]) }
    var hasNothing: Bool { flags.isEmpty && literalChildren == 0 && uses == 0 }
}

extension TableSlot {
    @inline(__always)
    static func hasKey(_ slot: UnsafePointer<TableSlot>, _ bytes: BorrowedBytes) -> Bool {
        guard Int(slot.pointee.keyCount) == bytes.count else { return false }
        return Self.key(of: slot).isSame(as: bytes)
    }

    /// The bytes of the key; valid as long as the entry stays where it is.
    @inline(__always)
    static func key(of slot: UnsafePointer<TableSlot>) -> BorrowedBytes {
        let end = UnsafeRawPointer(slot) + MemoryLayout<TableSlot>.size
        let count = Int(slot.pointee.keyCount), room = slot.pointee.kind.inlineKeyBytes
        guard count > room else { return BorrowedBytes(start: end - room, count: count) }
        return BorrowedBytes(start: LongKey.bytes((end - Kind.literal.inlineKeyBytes).load(as: UnsafeMutableRawPointer.self)), count: count)
    }

    /// The memory of a long key, and since when it is there.
    var longKey: (block: UnsafeMutableRawPointer, birth: UInt64)? {
        guard Int(keyCount) > kind.inlineKeyBytes, let block = UnsafeMutableRawPointer(bitPattern: UInt(key.0)) else { return nil }
        return (block, LongKey.birth(block))
    }

    var candidate: Candidate? {
        get { flags.contains(.hasCandidate) ? unsafeBitCast(content, to: Candidate.self) : nil }
        set {
            flags.remove(.hasList)
            if let newValue {
                flags.insert(.hasCandidate)
                content = unsafeBitCast(newValue, to: (UInt64, UInt64).self)
            } else {
                flags.remove(.hasCandidate)
                content = (0, 0)
            }
        }
    }

    var list: CandidateList? {
        get { flags.contains(.hasList) ? UnsafeMutableRawPointer(bitPattern: UInt(content.0)).map { CandidateList(block: $0) } : nil }
        set {
            flags.remove(.hasCandidate)
            if let newValue {
                flags.insert(.hasList)
                content = (UInt64(UInt(bitPattern: newValue.block)), 0)
            } else {
                flags.remove(.hasList)
                content = (0, 0)
            }
        }
    }

    /// The candidates of the entry itself, in the order in which they are tried; valid as long as the entry stays where it is.
    @inline(__always)
    static func candidates(of slot: UnsafePointer<TableSlot>) -> UnsafeBufferPointer<Candidate> {
        if slot.pointee.flags.contains(.hasCandidate) {
            let inline = UnsafeRawPointer(slot) + MemoryLayout<TableSlot>.offset(of: \.content)!
            return UnsafeBufferPointer(start: inline.assumingMemoryBound(to: Candidate.self), count: 1)
        }
        return slot.pointee.list?.candidates ?? UnsafeBufferPointer(start: nil, count: 0)
    }
}

/// Keys too long for their entry: when they were made, then the bytes.
private enum LongKey {
    static func make(_ bytes: BorrowedBytes, _ generation: UInt64) -> UnsafeMutableRawPointer {
        let block = UnsafeMutableRawPointer.allocate(byteCount: 8 + bytes.count, alignment: 8)
        block.storeBytes(of: generation, as: UInt64.self)
        UnsafeMutableRawBufferPointer(start: block + 8, count: bytes.count).copyBytes(from: bytes)
        return block
    }

    static func bytes(_ block: UnsafeMutableRawPointer) -> UnsafeRawPointer { UnsafeRawPointer(block + 8) }
    static func birth(_ block: UnsafeMutableRawPointer) -> UInt64 { block.load(as: UInt64.self) }
}
