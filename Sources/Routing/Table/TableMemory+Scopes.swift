internal import Bytes

extension TableMemory {
    /// The number of a scope; made if it is new.
    func number(of scope: RouteScope) -> UInt32 {
        guard let key = scope.key else { return Self.sharedScope }
        if let known = scopes[scope] { return known.number }
        let number = makeScope()
        scopes[scope] = (number, 0)
        scopeNames[number] = scope
        key.name.withUnsafeBytes { name in
            slots.insert(
                TableSlot(key.kind, parent: 0, hash: TableHash.host(name, key.kind), number: number, key: name, generation: generation), &reclaimer)
        }
        return number
    }

    func count(_ change: Int, inScope number: UInt32) {
        if let scope = scopeNames[number] { count(change, in: scope) }
    }

    /// Notes that a scope has one route more or less; one without routes is no scope.
    func count(_ change: Int, in scope: RouteScope) {
        guard scopes[scope] != nil else { return }
        scopes[scope]!.routes += change
        dropIfEmpty(scope)
    }

    func dropIfEmpty(_ scope: RouteScope) {
        guard let key = scope.key, let known = scopes[scope], known.routes == 0 else { return }
        scopes[scope] = nil
        scopeNames[known.number] = nil
        key.name.withUnsafeBytes { name in
            removeEntry(TableHash.host(name, key.kind)) { $0.pointee.kind == key.kind && TableSlot.hasKey($0, name) }
        }
        removeEntry(TableHash.root(known.number).entryHash) { $0.pointee.kind == .scopeRoot && $0.pointee.number == known.number }
        removeEntry(TableHash.rootStage(known.number).entryHash) { $0.pointee.kind == .rootStage && $0.pointee.parent == known.number }
    }
}

extension RouteScope {
    /// How the table finds the scope by a host; nil for the shared one.
    fileprivate var key: (kind: TableSlot.Kind, name: [UInt8])? {
        switch self {
        case .shared: nil
        case .host(let name): (.hostScope, Array(name.lowercased().utf8))
        case .wildcard(let name): (.wildcardScope, Array(name.lowercased().utf8))
        }
    }
}

extension PagedTable<TableSlot>.View {
    /// The scope of a host: the exact one, else the longest wildcard's, else the shared one.
    func scope(of host: BorrowedBytes) -> UInt32 {
        guard host.count <= RoutingLimits.scopeHostBytesMax else { return TableMemory.sharedScope }
        return withUnsafeTemporaryAllocation(byteCount: max(1, host.count), alignment: 1) { buffer in
            for index in 0..<host.count { buffer[index] = ASCII.lowercased(host[index]) }
            return scope(ofCanonical: RouteScope.withoutPortAndDot(BorrowedBytes(buffer).slice(0, host.count)))
        }
    }

    private func scope(ofCanonical host: BorrowedBytes) -> UInt32 {
        if let slot = self.host(host, .hostScope) { return slot.pointee.number }
        var start = 0
        while let dot = host.firstIndex(of: UInt8(ascii: "."), from: start) {
            start = dot + 1
            if let slot = self.host(host.slice(start, host.count), .wildcardScope) { return slot.pointee.number }
        }
        return TableMemory.sharedScope
    }
}

extension RouteScope {
    /// Also without a colon that no port follows, RFC 3986 §3.2.3.
    fileprivate static func withoutPortAndDot(_ host: BorrowedBytes) -> BorrowedBytes {
        var end = host.count
        while end > 0, ASCII.isDigit(host[end - 1]) { end -= 1 }
        end = end > 0 && host[end - 1] == UInt8(ascii: ":") ? end - 1 : host.count
        if end > 0, host[end - 1] == UInt8(ascii: ".") { end -= 1 }
        return host.slice(0, end)
    }
}
