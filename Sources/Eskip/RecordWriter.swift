/// The route being written: its calls, arguments and backend before they become a record.
///
/// Reused from route to route, so that writing allocates only while the arrays grow.
struct RouteScratch {
    var id = TextRef.empty
    var position = PositionWord.none
    private(set) var calls: [UInt32] = []
    private(set) var arguments: [UInt32] = []
    private(set) var predicateCount = 0
    private(set) var backend = BackendWord(.shunt)
    private(set) var backendPosition = PositionWord.none
    private(set) var backendWords: [UInt32] = []

    var callCount: Int { calls.count / RouteRecord.callWords }
    var argumentCount: Int { arguments.count / RouteRecord.argumentWords }

    mutating func reset() {
        id = .empty
        position = PositionWord.none
        calls.removeAll(keepingCapacity: true)
        arguments.removeAll(keepingCapacity: true)
        predicateCount = 0
        backend = BackendWord(.shunt)
        backendPosition = PositionWord.none
        backendWords.removeAll(keepingCapacity: true)
    }

    mutating func append(_ argument: TextRef) {
        arguments.append(argument.offset)
        arguments.append(argument.length)
    }

    /// Ends a call: its arguments are those appended since the last call ended.
    mutating func endCall(_ name: Name, position: UInt32) {
        calls.append(name.index)
        calls.append(position)
        calls.append(UInt32(argumentCount))
    }

    /// What was written so far are the predicates.
    mutating func endPredicates() { predicateCount = callCount }

    /// Forgets arguments whose call is not written.
    mutating func truncateArguments(to count: Int) {
        arguments.removeLast(arguments.count - count * RouteRecord.argumentWords)
    }

    func argument(at index: Int) -> TextRef {
        TextRef(offset: arguments[2 * index], length: arguments[2 * index + 1])
    }

    mutating func setBackend(_ word: BackendWord, position: UInt32) {
        backend = word
        backendPosition = position
    }

    mutating func appendBackend(_ ref: TextRef) {
        backendWords.append(ref.offset)
        backendWords.append(ref.length)
    }

    mutating func appendBackend(algorithm: Name?) {
        backendWords.append(algorithm?.index ?? RouteRecord.noAlgorithm)
    }
}

/// Writes records one after the other.
struct RecordWriter {
    private(set) var words: [UInt32] = []
    private(set) var routeStarts: [UInt32] = []

    var routeCount: Int { routeStarts.count }

    mutating func append(_ route: borrowing RouteScratch) {
        precondition(words.count < Int(UInt32.max) / 2, "a document's records outgrew their offsets")
        routeStarts.append(UInt32(words.count))
        words.append(route.id.offset)
        words.append(route.id.length)
        words.append(route.position)
        words.append(UInt32(route.predicateCount) << 16 | UInt32(route.callCount - route.predicateCount))
        words.append(route.backend.rawValue)
        words.append(route.backendPosition)
        words.append(contentsOf: route.calls)
        words.append(contentsOf: route.arguments)
        words.append(contentsOf: route.backendWords)
    }

    /// Makes the document. Arrays that grew well past their content are copied to their size, since documents stay.
    consuming func finish(
        sourceName: String, source: [UInt8], decoded: [UInt8], start: SourceStart = .ofText
    ) -> RouteDocument {
        RouteDocument(
            sourceName: sourceName, source: source, decoded: RecordWriter.fitted(decoded),
            words: RecordWriter.fitted(words), routeStarts: RecordWriter.fitted(routeStarts), start: start)
    }

    /// The records of several parts of one source, one after the other.
    static func joined(_ parts: [RecordWriter]) -> RecordWriter {
        var joined = RecordWriter()
        joined.words.reserveCapacity(parts.reduce(0) { $0 + $1.words.count })
        joined.routeStarts.reserveCapacity(parts.reduce(0) { $0 + $1.routeStarts.count })
        precondition(parts.reduce(0) { $0 + $1.words.count } < Int(UInt32.max) / 2, "a document's records outgrew their offsets")
        for part in parts {
            let first = UInt32(joined.words.count)
            joined.words.append(contentsOf: part.words)
            joined.routeStarts.append(contentsOf: part.routeStarts.lazy.map { $0 + first })
        }
        return joined
    }

    private static func fitted<Element>(_ array: consuming [Element]) -> [Element] {
        guard array.capacity > array.count + array.count / 8 else { return array }
        return [Element](unsafeUninitializedCapacity: array.count) { target, count in
            count = target.initialize(fromContentsOf: array)
        }
    }
}

// MARK: - Moving

extension RecordWriter {
    /// Lets all records count from elsewhere in a larger source: what stands in the source of `sourceCount` bytes by `shift`, what was
    /// decoded by `decodedShift`.
    mutating func move(sourceCount: Int, by shift: Int, decodedBy decodedShift: Int) {
        let mover = RecordMover(sourceCount: UInt32(sourceCount), shift: UInt32(shift), decodedShift: UInt32(decodedShift))
        let starts = routeStarts
        words.withUnsafeMutableBufferPointer { words in
            for start in starts { mover.move(UnsafeMutableBufferPointer(rebasing: words[Int(start)...])) }
        }
    }
}

private struct RecordMover {
    let sourceCount, shift, decodedShift: UInt32

    /// - Parameter record: a parsed one and what follows it.
    func move(_ record: UnsafeMutableBufferPointer<UInt32>) {
        moveRefs(record, at: RouteRecord.id, 1)
        record[RouteRecord.position] += shift
        record[RouteRecord.backendPosition] += shift
        let counts = record[RouteRecord.callCounts]
        let callCount = Int(counts >> 16 + counts & 0xFFFF)
        var word = RouteRecord.headerWords
        for _ in 0..<callCount {
            record[word + 1] += shift
            word += RouteRecord.callWords
        }
        let argumentCount = callCount == 0 ? 0 : Int(record[word - 1])
        moveRefs(record, at: word, argumentCount)
        word += argumentCount * RouteRecord.argumentWords
        let backend = BackendWord(rawValue: record[RouteRecord.backend])
        switch backend.kind {
        case .network: moveRefs(record, at: word, 1)
        case .loadBalanced: moveRefs(record, at: word + 1, backend.refCount)
        case .shunt, .loopback, .dynamic, .forward: break
        }
    }

    private func moveRefs(_ record: UnsafeMutableBufferPointer<UInt32>, at first: Int, _ count: Int) {
        for word in stride(from: first, to: first + 2 * count, by: 2) {
            let ref = TextRef(offset: record[word], length: record[word + 1])
            // A literal never stands at the beginning: that is no text at all.
            if ref.length == TextRef.integerMark || ref == .empty { continue }
            record[word] += ref.offset < sourceCount ? shift : decodedShift
        }
    }
}
