internal import Glibc

/// A large document, cut into parts that are read side by side, each by a thread of its own.
///
/// Where to cut is guessed: before what looks like the beginning of a route at the beginning of a line. The guess was right if the part before
/// ends with a `;` between two routes, for there the language has no state but that no bare route may follow; that holds for a part with
/// errors too, if none of its literals is open where it ends. A wrong guess (a string of several lines has such lines) means that one thread
/// reads the whole again, and so do more errors than one thread would report. Errors are always those of one thread. What a wrong
/// guess has interned stays interned, within `EskipLimits.namesMax` as always.
final class DocumentParts: @unchecked Sendable {
    // Unchecked: each thread has the part of its number to itself until it is joined.

    private let source: [UInt8]
    private let cuts: [Int]
    private let results: UnsafeMutablePointer<Part?>

    /// What a part came to; its records count from the beginning of the whole source, its errors from its own.
    private struct Part {
        let writer: RecordWriter
        let decoded: [UInt8]
        let errors: ErrorCollector
    }

    private static let stackBytes = 1 << 20

    /// - Returns: nil if the document cannot be read in parts, for whatever reason.
    static func read(_ source: [UInt8], _ partCount: Int, _ sourceName: String, _ start: SourceStart) -> ParsedDocument? {
        guard let parts = DocumentParts(source, partCount), let read = parts.readAll() else { return nil }
        var errors = ErrorCollector()
        for (part, cut) in zip(read, parts.cuts) { errors.append(part.errors, from: cut) }
        if errors.isFull { return nil }
        return ParsedDocument(
            document: joined(read, source, sourceName, start), errors: errors.errors(source: source, sourceName: sourceName, start: start), isTruncated: false)
    }

    private init?(_ source: [UInt8], _ partCount: Int) {
        let lexer = Lexer(source: source)
        var cuts = [0]
        for number in 1..<partCount {
            let wanted = max(source.count * number / partCount, cuts[cuts.count - 1] + 1)
            guard wanted < source.count, let cut = lexer.definitionStart(in: wanted..<source.count) else { break }
            cuts.append(cut)
        }
        guard cuts.count > 1 else { return nil }
        self.source = source
        self.cuts = cuts + [source.count]
        results = .allocate(capacity: cuts.count)
        results.initialize(repeating: nil, count: cuts.count)
    }

    deinit {
        results.deinitialize(count: cuts.count - 1)
        results.deallocate()
    }

    private func readAll() -> [Part]? {
        let threads = (1..<cuts.count - 1).map { startReading($0) }
        read(0)
        for (index, thread) in threads.enumerated() {
            if let thread { pthread_join(thread, nil) } else { read(index + 1) }
        }
        let parts = (0..<cuts.count - 1).compactMap { results[$0] }
        return parts.count == cuts.count - 1 ? parts : nil
    }

    private func read(_ number: Int) {
        // A copy: threads that counted references to one array would wait for each other.
        let text = Array(source[cuts[number]..<cuts[number + 1]])
        var parser = Parser(source: text)
        guard parser.documentPart(mayBeBare: number == 0, isLast: number == cuts.count - 2) else { return }
        var part = parser.finishPart()
        part.writer.move(sourceCount: text.count, by: cuts[number], decodedBy: source.count - text.count)
        results[number] = Part(writer: part.writer, decoded: part.decoded, errors: part.errors)
    }

    private static func joined(_ parts: [Part], _ source: [UInt8], _ sourceName: String, _ start: SourceStart) -> RouteDocument {
        var writers: [RecordWriter] = []
        var decoded: [UInt8] = []
        for part in parts {
            var writer = part.writer
            if !decoded.isEmpty, !part.decoded.isEmpty { writer.move(sourceCount: source.count, by: 0, decodedBy: decoded.count) }
            writers.append(writer)
            decoded += part.decoded
        }
        return RecordWriter.joined(writers).finish(sourceName: sourceName, source: source, decoded: decoded, start: start)
    }

    // MARK: Threads

    private struct Task {
        let parts: DocumentParts
        let number: Int
    }

    /// - Returns: nil if there is no thread to be had.
    private func startReading(_ number: Int) -> pthread_t? {
        var thread = pthread_t()
        let task = UnsafeMutablePointer<Task>.allocate(capacity: 1)
        task.initialize(to: Task(parts: self, number: number))
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setstacksize(&attributes, Self.stackBytes)
        let result = pthread_create(&thread, &attributes, { argument in
            let task = argument!.assumingMemoryBound(to: Task.self).move()
            argument!.deallocate()
            DocumentParts.blockSignals()
            task.parts.read(task.number)
            return nil
        }, task)
        if result == 0 { return thread }
        task.deinitialize(count: 1)
        task.deallocate()
        return nil
    }

    /// Signals are for the thread that waits for them.
    private static func blockSignals() {
        var all = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_BLOCK, &all, nil)
    }
}
