internal import Bytes

/// The numbers of the hosts that a request's Host may stand for in one table.
///
/// Looked up once per request, so that candidates compare a number instead of a name.
struct HostNumbers {
    /// At most three forms of a host have a number; see `HostBases`.
    private var numbers: (UInt32, UInt32, UInt32) = (0, 0, 0)
    private var forms: (HostForms, HostForms, HostForms) = ([], [], [])
    private(set) var count = 0

    /// The host's numbers; none if no route names it.
    ///
    /// - Parameter hash: that of the whole host's entry.
    @inline(__always)
    init(_ host: BorrowedBytes, hash: UInt32, in view: PagedTable<TableSlot>.View) {
        if let slot = view.host(host, .hostName, hash) { add(slot.pointee.number, .plain) }
        // Only a port or a dot at the end makes other forms.
        guard let last = host.last, HostBases.mayHaveMore(last) else { return }
        var bases = HostBases(host)
        _ = bases.next()
        while let (base, form) = bases.next() {
            if let slot = view.host(base, .hostName) { add(slot.pointee.number, form) }
        }
    }

    /// No host: for tables in which no route asks for one.
    init() {}

    /// A host that stands for itself only.
    init(plain number: UInt32) { add(number, .plain) }

    private mutating func add(_ number: UInt32, _ form: HostForms) {
        switch count {
        case 0: (numbers.0, forms.0) = (number, form)
        case 1: (numbers.1, forms.1) = (number, form)
        default: (numbers.2, forms.2) = (number, form)
        }
        count += 1
    }

    subscript(index: Int) -> UInt32 {
        switch index {
        case 0: numbers.0
        case 1: numbers.1
        default: numbers.2
        }
    }

    /// Whether one of the host's forms is a literal that counts in it.
    @inline(__always)
    func satisfy(_ candidate: Candidate) -> Bool {
        if candidate.hostID == numbers.0, candidate.hostForms.contains(forms.0), count > 0 { return true }
        if count < 2 { return false }
        return candidate.hostID == numbers.1 && candidate.hostForms.contains(forms.1)
            || candidate.hostID == numbers.2 && count > 2 && candidate.hostForms.contains(forms.2)
    }
}

extension PagedTable<TableSlot>.View {
    /// The entry of a host's name or of the end of names.
    @inline(__always)
    func host(_ name: BorrowedBytes, _ kind: TableSlot.Kind) -> UnsafePointer<TableSlot>? { host(name, kind, TableHash.host(name, kind)) }

    @inline(__always)
    func host(_ name: BorrowedBytes, _ kind: TableSlot.Kind, _ hash: UInt32) -> UnsafePointer<TableSlot>? {
        find(hash) { $0.pointee.kind == kind && TableSlot.hasKey($0, name) }
    }

    /// What routes are found by.
    func key(_ key: TablePlace.Key) -> UnsafePointer<TableSlot>? { host(key.text, key.kind, key.hash) }

    /// A node by its parent and its segment.
    @inline(__always)
    func literal(_ parent: UInt32, _ hash: SegmentHash, _ segment: BorrowedBytes) -> UnsafePointer<TableSlot>? {
        find(hash.entryHash) { $0.pointee.parent == parent && $0.pointee.kind == .literal && TableSlot.hasKey($0, segment) }
    }

    /// What a parent has one of.
    @inline(__always)
    func only(_ kind: TableSlot.Kind, _ parent: UInt32, _ hash: SegmentHash) -> UnsafePointer<TableSlot>? {
        find(hash.entryHash) { $0.pointee.parent == parent && $0.pointee.kind == kind }
    }

    /// The routes that a divided node has for a host with its usual number, if the entry tells the host's name.
    @inline(__always)
    func hostRoutes(_ node: UnsafePointer<TableSlot>, of host: BorrowedBytes, _ hostHash: UInt32, _ seed: UInt64) -> UnsafePointer<TableSlot>? {
        let number = HostNumber.usual(hostHash)
        return find(TableHash.hostRoutes(node.pointee.hash, number, seed)) {
            $0.pointee.parent == node.pointee.number && $0.pointee.number == number && $0.pointee.kind == .hostRoutes && TableSlot.hasKey($0, host)
        }
    }

    /// The routes that a divided node has for a host.
    @inline(__always)
    func hostRoutes(_ node: UnsafePointer<TableSlot>, _ host: UInt32, _ seed: UInt64) -> UnsafePointer<TableSlot>? {
        find(TableHash.hostRoutes(node.pointee.hash, host, seed)) {
            $0.pointee.parent == node.pointee.number && $0.pointee.number == host && $0.pointee.kind == .hostRoutes
        }
    }
}

/// Where entries that are not reached by segments stand.
enum TableHash {
    @inline(__always)
    static func host(_ name: BorrowedBytes, _ kind: TableSlot.Kind, _ seed: UInt64 = SegmentHash.seed) -> UInt32 {
        SegmentHash(seed: seed).adding(UInt64(kind.rawValue)).adding(name, seed).entryHash
    }

    /// - Parameters:
    ///   - node: its entry's hash, which unlike its number the path tells.
    ///   - host: its number.
    @inline(__always)
    static func hostRoutes(_ node: UInt32, _ host: UInt32, _ seed: UInt64 = SegmentHash.seed) -> UInt32 {
        SegmentHash(seed: seed).adding(UInt64(node) << 32 | UInt64(host)).entryHash
    }

    /// The root of a scope's tree: further down, hashes go on from its number.
    static func root(_ number: UInt32) -> SegmentHash { SegmentHash().adding(~UInt64(number)) }

    /// One step down by any segment.
    static func parameter(_ parent: SegmentHash) -> SegmentHash { parent.adding(UInt64(TableSlot.Kind.parameter.rawValue)) }

    static func rootStage(_ scope: UInt32) -> SegmentHash { root(scope).adding(UInt64(TableSlot.Kind.rootStage.rawValue)) }
}
