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
    @inline(__always)
    init(_ host: BorrowedBytes, in view: PagedTable<TableSlot>.View) {
        var bases = HostBases(host)
        while let (base, form) = bases.next() {
            guard let slot = view.host(base, .hostName) else { continue }
            add(slot.pointee.number, form)
        }
    }

    /// No host: for tables in which no route asks for one.
    init() {}

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
    func host(_ name: BorrowedBytes, _ kind: TableSlot.Kind) -> UnsafePointer<TableSlot>? {
        find(TableHash.host(name, kind)) { $0.pointee.kind == kind && TableSlot.hasKey($0, name) }
    }

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

    /// The routes that a divided node has for a host.
    @inline(__always)
    func hostRoutes(_ node: UInt32, _ host: UInt32) -> UnsafePointer<TableSlot>? {
        find(TableHash.hostRoutes(node, host)) {
            $0.pointee.parent == node && $0.pointee.number == host && $0.pointee.kind == .hostRoutes
        }
    }
}

/// Where entries that are not reached by segments stand.
enum TableHash {
    static func host(_ name: BorrowedBytes, _ kind: TableSlot.Kind) -> UInt32 {
        SegmentHash().adding(UInt64(kind.rawValue)).adding(name).entryHash
    }

    static func hostRoutes(_ node: UInt32, _ host: UInt32) -> UInt32 {
        SegmentHash().adding(UInt64(node) << 32 | UInt64(host)).entryHash
    }

    /// The root of a scope's tree: further down, hashes go on from its number.
    static func root(_ number: UInt32) -> SegmentHash { SegmentHash().adding(~UInt64(number)) }

    /// One step down by any segment.
    static func parameter(_ parent: SegmentHash) -> SegmentHash { parent.adding(UInt64(TableSlot.Kind.parameter.rawValue)) }

    static func rootStage(_ scope: UInt32) -> SegmentHash { root(scope).adding(UInt64(TableSlot.Kind.rootStage.rawValue)) }
}
