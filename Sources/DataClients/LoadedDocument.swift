internal import Bytes
internal import CLinux
internal import Eskip

/// What the new text of a source came to.
enum DocumentUpdate {
    /// Byte by byte the last good text.
    case same
    /// Another text, and what it says that the last did not; the text is to be accepted with the change.
    case read(SourceChange, SourceText?)
    /// The text has errors; the routes stay those of the last good text.
    case refused([EskipError])

    /// Whether it says nothing.
    var isEmpty: Bool {
        guard case .read(let change, _) = self else { return false }
        return change.isEmpty
    }

    /// Whether it takes away all routes of a source that has so many, and brings none: its writer may not have come to its end.
    func takesAll(of routeCount: Int) -> Bool {
        guard case .read(let change, _) = self else { return false }
        return change.upserts.isEmpty && !change.deletes.isEmpty && change.deletes.count == routeCount
    }
}

/// A source that is one document of the route language, read again whenever it may have changed.
///
/// A change costs what it changes: the new text is compared with the last good one, and only routes around differences are
/// parsed. Changed routes get small documents of their own, so that old texts go when their routes go.
struct LoadedDocument {
    let sourceName: String
    /// The last good text; nil if there is none, or if it cannot be taken apart: then the next one is read as a whole.
    private(set) var text: SourceText?
    private let wholeReadBytes: Int

    /// - Parameter wholeReadBytes: texts up to this size are read again as a whole.
    init(sourceName: String, wholeReadBytes: Int = DataClientLimits.wholeReadBytes) {
        self.sourceName = sourceName
        self.wholeReadBytes = wholeReadBytes
    }

    /// Makes a text the one that the next is compared with.
    ///
    /// - Parameter routeCount: of the routes that it brought. If ids repeat, the last counts, wherever it stands: then only the whole text
    ///   tells what a change means.
    mutating func accept(_ text: SourceText?, routeCount: Int) {
        self.text = text.flatMap { $0.routeCount == routeCount ? $0 : nil }
    }

    /// - Parameters:
    ///   - new: the whole text of the source.
    ///   - known: the routes of the last good text.
    func read(_ new: inout some ReadableText & ~Copyable, knowing known: RouteSet) throws(FileProblem) -> DocumentUpdate {
        if let text, let hunks = try TextChanges.find(from: text, to: &new) {
            if hunks.isEmpty { return .same }
            if new.count > wholeReadBytes, let (spliced, change) = try splice(text, hunks, &new, known) {
                return .read(change, spliced)
            }
        }
        return readWhole(try new.copy(0..<new.count), known)
    }

    // MARK: The whole text

    private func readWhole(_ bytes: [UInt8], _ known: RouteSet) -> DocumentUpdate {
        // Until there are routes, nobody else needs the processors.
        let threads = known.count == 0 ? Int(clinux_processor_count()) : 1
        let parsed = RouteDocument.parse(bytes: bytes, sourceName: sourceName, threads: threads)
        guard parsed.isValid else { return .refused(parsed.errors) }
        let document = parsed.document
        let change = known.count == 0 ? SourceChange(upserts: Array(document)) : change(to: document, known)
        // A bare route has no id to find it by.
        let isList = document.first.map { $0.withIdBytes { !$0.isEmpty } } ?? false
        return .read(change, isList ? SourceText(bytes, document) : nil)
    }

    private func change(to document: RouteDocument, _ known: RouteSet) -> SourceChange {
        let new = RouteSet(document)
        let hasRepetitions = new.count != document.count
        var change = SourceChange()
        known.forEach { former in
            if new.sameID(as: former) == nil { change.deletes.append(former.id) }
        }
        for definition in document where known.sameID(as: definition) != definition {
            if hasRepetitions, !new.holds(definition) { continue }
            change.upserts.append(definition)
        }
        if change.upserts.count < document.count { change.upserts = change.upserts.inSmallDocuments(sourceName) }
        return change
    }

    // MARK: Parts of it

    /// Reads the hunks only.
    ///
    /// - Returns: nil if a hunk cannot be understood by itself; then the whole text tells what is wrong.
    private func splice(
        _ text: SourceText, _ hunks: [TextHunk], _ new: inout some ReadableText & ~Copyable, _ known: RouteSet
    ) throws(FileProblem) -> (SourceText, SourceChange)? {
        var spliced = SourceText()
        var place = PlaceCounter()
        var changes = HunkChanges()
        var oldEnd = (byte: 0, route: 0)
        for hunk in hunks {
            let unchanged = oldEnd.byte..<hunk.oldBytes.lowerBound
            spliced.append(text, bytes: unchanged, routes: oldEnd.route..<hunk.oldRoutes.lowerBound)
            text.forEachPiece(of: unchanged) { place.advance(over: $0) }
            let isLast = hunk.newBytes.upperBound == new.count
            guard let part = DocumentPart(try new.copy(hunk.newBytes), sourceName, at: place.place, isLast: isLast) else { return nil }
            spliced.append(part.text, 0..<hunk.newBytes.count, starts: part.starts)
            part.text.withUnsafeBytes { place.advance(over: $0.slice(0, hunk.newBytes.count)) }
            for route in hunk.oldRoutes { changes.oldIDs.insert(text.id(ofRoute: route)) }
            changes.routes += part.routes
            oldEnd = (hunk.oldBytes.upperBound, hunk.oldRoutes.upperBound)
        }
        spliced.append(text, bytes: oldEnd.byte..<text.byteCount, routes: oldEnd.route..<text.routeCount)
        return changes.change(against: known, sourceName).map { (spliced, $0) }
    }
}

/// The routes that hunks took out and brought in.
private struct HunkChanges {
    var oldIDs: Set<String> = []
    var routes: [RouteDefinition] = []

    /// - Returns: nil if an id stands twice in the text now: then which one counts depends on all of it.
    func change(against known: RouteSet, _ sourceName: String) -> SourceChange? {
        var change = SourceChange()
        var newIDs: Set<String> = []
        for definition in routes {
            let id = definition.id
            let former = known[id]
            guard newIDs.insert(id).inserted, former == nil || oldIDs.contains(id) else { return nil }
            if former != definition { change.upserts.append(definition) }
        }
        change.deletes = oldIDs.subtracting(newIDs).sorted()
        if change.upserts.count < routes.count, routes.count > DataClientLimits.routesPerDocumentMax {
            change.upserts = change.upserts.inSmallDocuments(sourceName)
        }
        return change
    }
}

/// Routes that stand side by side in a text, read by themselves.
private struct DocumentPart {
    /// May have more bytes than the part.
    let text: [UInt8]
    let routes: ArraySlice<RouteDefinition>
    var starts: [UInt32] { routes.map { UInt32($0.sourceOffset ?? 0) } }

    /// A route put behind a part tells by its place whether a route may begin there: a comment or an open string would swallow it.
    private static let sentinel = Array("_:*-><shunt>".utf8)

    /// - Parameter isLast: the text ends with the part.
    /// - Returns: nil if this is no list of routes, or if what follows it would not begin afresh.
    init?(_ bytes: [UInt8], _ sourceName: String, at start: SourceStart, isLast: Bool) {
        text = isLast ? bytes : bytes + DocumentPart.sentinel
        let parsed = RouteDocument.parse(bytes: text, sourceName: sourceName, start: start)
        guard parsed.isValid else { return nil }
        if !isLast, parsed.document.last?.sourceOffset != bytes.count { return nil }
        routes = isLast ? Array(parsed.document)[...] : Array(parsed.document).dropLast()
        if routes.contains(where: { $0.withIdBytes(\.isEmpty) }) { return nil }
    }
}

extension [RouteDefinition] {
    /// Copies that do not keep the document they come from, in documents of a few routes each.
    func inSmallDocuments(_ sourceName: String) -> [RouteDefinition] {
        var copies: [RouteDefinition] = []
        copies.reserveCapacity(count)
        for start in stride(from: 0, to: count, by: DataClientLimits.routesPerDocumentMax) {
            var builder = RouteDocumentBuilder(sourceName: sourceName)
            for definition in self[start..<Swift.min(start + DataClientLimits.routesPerDocumentMax, count)] { builder.add(definition) }
            copies += builder.finish()
        }
        return copies
    }
}
