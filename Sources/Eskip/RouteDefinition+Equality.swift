// Exact equality and its hash: what tells an update from a repetition. Both ignore spelling (white space, comments,
// escapes, delimiters), source and position, and heed everything else, the order of predicates included.

extension RouteDefinition: Equatable {
    public static func == (left: RouteDefinition, right: RouteDefinition) -> Bool {
        if left.document === right.document && left.index == right.index { return true }
        return left.hasCounts(of: right)
            && left.text(left.idRef, isTextOf: right, right.idRef)
            && left.hasCalls(of: right) && left.hasBackend(of: right)
    }

    private func hasCounts(of other: RouteDefinition) -> Bool {
        document.words[record + RouteRecord.callCounts] == other.document.words[other.record + RouteRecord.callCounts]
            && backendWord.rawValue == other.backendWord.rawValue && argumentCount == other.argumentCount
    }

    /// Whether both say the same but for the addresses of their backends, which are of one kind and, if balanced, of one algorithm
    /// and one group.
    public func isSameButForEndpoints(as other: RouteDefinition) -> Bool {
        guard backendKind == other.backendKind, lbAlgorithm == other.lbAlgorithm, endpointGroup == other.endpointGroup else { return false }
        return document.words[record + RouteRecord.callCounts] == other.document.words[other.record + RouteRecord.callCounts]
            && argumentCount == other.argumentCount && text(idRef, isTextOf: other, other.idRef) && hasCalls(of: other)
    }

    private func hasCalls(of other: RouteDefinition) -> Bool {
        var word = record + RouteRecord.headerWords, otherWord = other.record + RouteRecord.headerWords
        for _ in 0..<callCount {
            guard document.words[word] == other.document.words[otherWord],
                document.words[word + 2] == other.document.words[otherWord + 2]
            else { return false }
            word += RouteRecord.callWords
            otherWord += RouteRecord.callWords
        }
        return hasRefs(argumentCount, at: argumentsStart, of: other, at: other.argumentsStart)
    }

    private func hasBackend(of other: RouteDefinition) -> Bool {
        let start = backendStart, otherStart = other.backendStart
        switch backendKind {
        case .network: return hasRefs(1, at: start, of: other, at: otherStart)
        case .shunt, .loopback, .dynamic, .forward: return true
        case .loadBalanced:
            return document.words[start] == other.document.words[otherStart]
                && hasRefs(backendWord.refCount, at: start + 1, of: other, at: otherStart + 1)
        }
    }

    private func hasRefs(_ count: Int, at word: Int, of other: RouteDefinition, at otherWord: Int) -> Bool {
        for place in stride(from: 0, to: count * RouteRecord.argumentWords, by: RouteRecord.argumentWords) {
            let ref = document.ref(at: word + place), otherRef = other.document.ref(at: otherWord + place)
            guard text(ref, isTextOf: other, otherRef) else { return false }
        }
        return true
    }

    private func text(_ ref: TextRef, isTextOf other: RouteDefinition, _ otherRef: TextRef) -> Bool {
        // Lengths and number marks first: number 1 is not string "1".
        guard ref.length == otherRef.length else { return false }
        if ref.length == TextRef.integerMark { return ref.offset == otherRef.offset }
        if ref.length == TextRef.doubleMark { return document.number(ref) == other.document.number(otherRef) }
        return document.withBytes(ref) { bytes in
            other.document.withBytes(otherRef) { bytes.hasSameBytes(as: $0) }
        }
    }
}

extension RouteDefinition: Hashable {
    public func hash(into hasher: inout Hasher) { hasher.combine(contentHash) }

    /// A 64-bit hash of everything that `==` compares, the id included. Good within one process, for finding changes;
    /// it is no defence against an author who looks for collisions, so let `==` confirm what must be certain.
    public var contentHash: UInt64 {
        var hash = ContentHash()
        combine(idRef, into: &hash)
        hash.combine(UInt64(document.words[record + RouteRecord.callCounts]))
        var word = record + RouteRecord.headerWords
        for _ in 0..<callCount {
            hash.combine(UInt64(document.words[word]) << 32 | UInt64(document.words[word + 2]))
            word += RouteRecord.callWords
        }
        combineRefs(argumentCount, at: argumentsStart, into: &hash)
        combineBackend(into: &hash)
        return hash.value
    }

    private func combineBackend(into hash: inout ContentHash) {
        hash.combine(UInt64(backendWord.rawValue))
        let start = backendStart
        switch backendKind {
        case .network: combineRefs(1, at: start, into: &hash)
        case .shunt, .loopback, .dynamic, .forward: break
        case .loadBalanced:
            hash.combine(UInt64(document.words[start]))
            combineRefs(backendWord.refCount, at: start + 1, into: &hash)
        }
    }

    private func combineRefs(_ count: Int, at word: Int, into hash: inout ContentHash) {
        for place in stride(from: 0, to: count * RouteRecord.argumentWords, by: RouteRecord.argumentWords) {
            combine(document.ref(at: word + place), into: &hash)
        }
    }

    private func combine(_ ref: TextRef, into hash: inout ContentHash) {
        hash.combine(UInt64(ref.length))
        if ref.length == TextRef.integerMark {
            hash.combine(UInt64(ref.offset))
        } else if ref.isNumber {
            hash.combine(document.number(ref).bitPattern)
        } else {
            document.withBytes(ref) { hash.combine($0) }
        }
    }
}

/// A running 64-bit hash: each word is multiplied into 128 bits whose halves are folded.
struct ContentHash {
    private(set) var value: UInt64 = 0x9E37_79B9_7F4A_7C15

    @inline(__always)
    mutating func combine(_ word: UInt64) {
        let (high, low) = (value ^ word).multipliedFullWidth(by: 0xD6E8_FEB8_6659_FD93)
        // Rotated, so that a zero product does not forget what came before it.
        value = (high ^ low) &+ (value << 23 | value >> 41)
    }

    mutating func combine(_ bytes: UnsafeRawBufferPointer) {
        var offset = 0
        while bytes.count - offset >= 8 {
            combine(bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            offset += 8
        }
        var rest: UInt64 = 0
        while offset < bytes.count {
            rest = rest << 8 | UInt64(bytes[offset])
            offset += 1
        }
        combine(rest)
    }
}

extension UnsafeRawBufferPointer {
    /// Whether both hold the same bytes: eight at a time, which `elementsEqual` does not do.
    fileprivate func hasSameBytes(as other: UnsafeRawBufferPointer) -> Bool {
        guard count == other.count else { return false }
        var offset = 0
        while count - offset >= 8 {
            guard loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                == other.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            else { return false }
            offset += 8
        }
        while offset < count {
            guard self[offset] == other[offset] else { return false }
            offset += 1
        }
        return true
    }
}
