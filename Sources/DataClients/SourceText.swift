internal import Bytes
internal import Eskip

/// The text of a source as it was accepted last, and where its routes begin: what a new version is compared with.
///
/// A rope: after a change the unchanged parts go on being those of the document they came with, whose definitions need
/// that text anyway, so that a second copy of a large text is never kept.
struct SourceText {
    /// A part of some text that was read as a whole.
    private struct Piece {
        let text: [UInt8]
        /// Where routes begin in `text`.
        let starts: [UInt32]
        var bytes: Range<Int>
        /// Those of `starts` that lie in `bytes`.
        var routes: Range<Int>
    }

    private var pieces: [Piece] = []
    /// Where the pieces begin, in bytes and in routes, and where the last one ends.
    private var byteOffsets = [0]
    private var routeOffsets = [0]

    init() {}

    /// - Parameter document: parsed from `bytes`.
    init(_ bytes: [UInt8], _ document: RouteDocument) {
        append(bytes, 0..<bytes.count, starts: document.sourceOffsets)
    }

    var byteCount: Int { byteOffsets[byteOffsets.count - 1] }
    var routeCount: Int { routeOffsets[routeOffsets.count - 1] }

    /// Appends a part of a text whose routes begin at `starts`.
    mutating func append(_ text: [UInt8], _ bytes: Range<Int>, starts: [UInt32]) {
        append(Piece(text: text, starts: starts, bytes: bytes, routes: 0..<starts.count))
    }

    /// Appends a part of another text that begins and ends at the beginning of a route or at an end of the text.
    mutating func append(_ other: SourceText, bytes: Range<Int>, routes: Range<Int>) {
        guard !bytes.isEmpty else { return }
        for index in other.pieces(of: bytes) {
            var piece = other.pieces[index]
            let byteShift = piece.bytes.lowerBound - other.byteOffsets[index]
            let routeShift = piece.routes.lowerBound - other.routeOffsets[index]
            piece.bytes = piece.bytes.clamped(to: bytes.lowerBound + byteShift..<bytes.upperBound + byteShift)
            piece.routes = piece.routes.clamped(to: routes.lowerBound + routeShift..<routes.upperBound + routeShift)
            append(piece)
        }
    }

    private mutating func append(_ piece: Piece) {
        pieces.append(piece)
        byteOffsets.append(byteCount + piece.bytes.count)
        routeOffsets.append(routeCount + piece.routes.count)
    }

    // MARK: Reading

    /// Lends the bytes from `offset` up to the end of its piece.
    func withBytes<Result>(at offset: Int, _ body: (BorrowedBytes) -> Result) -> Result {
        let index = SourceText.place(of: offset, in: byteOffsets)
        let piece = pieces[index]
        let start = offset - byteOffsets[index] + piece.bytes.lowerBound
        return piece.text.withUnsafeBytes { body($0.slice(start, piece.bytes.upperBound)) }
    }

    /// Calls `body` with the bytes of a range, piece by piece.
    func forEachPiece(of range: Range<Int>, _ body: (BorrowedBytes) -> Void) {
        var offset = range.lowerBound
        while offset < range.upperBound {
            offset += withBytes(at: offset) { bytes in
                let count = min(bytes.count, range.upperBound - offset)
                body(bytes.slice(0, count))
                return count
            }
        }
    }

    func start(ofRoute route: Int) -> Int {
        let index = SourceText.place(of: route, in: routeOffsets)
        let piece = pieces[index]
        let start = Int(piece.starts[route - routeOffsets[index] + piece.routes.lowerBound])
        return start - piece.bytes.lowerBound + byteOffsets[index]
    }

    /// The route whose text `offset` lies in: the last that begins there or before.
    func route(at offset: Int) -> Int? {
        var low = 0, high = routeCount
        while low < high {
            let middle = (low + high) / 2
            if start(ofRoute: middle) <= offset { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? nil : low - 1
    }

    /// The first bytes of a route's text, by which it may be found again.
    func beginning(ofRoute route: Int) -> [UInt8] {
        let start = start(ofRoute: route)
        let end = route + 1 < routeCount ? self.start(ofRoute: route + 1) : byteCount
        return withBytes(at: start) { Array($0.prefix(min(DataClientLimits.resyncPatternBytes, end - start))) }
    }

    /// The id of a route: the symbol its text begins with.
    func id(ofRoute route: Int) -> String {
        withBytes(at: start(ofRoute: route)) { bytes in
            let end = bytes.firstIndex { !ASCII.isLetter($0) && !ASCII.isDigit($0) && $0 != UInt8(ascii: "_") }
            return bytes.slice(0, end ?? bytes.count).text
        }
    }

    private func pieces(of range: Range<Int>) -> Range<Int> {
        SourceText.place(of: range.lowerBound, in: byteOffsets)..<SourceText.place(of: range.upperBound - 1, in: byteOffsets) + 1
    }

    /// The piece in which a byte or a route lies.
    private static func place(of value: Int, in offsets: [Int]) -> Int {
        var low = 0, high = offsets.count - 1
        while high - low > 1 {
            let middle = (low + high) / 2
            if offsets[middle] <= value { low = middle } else { high = middle }
        }
        return low
    }
}

extension RouteDocument {
    /// Where the routes of a parsed document begin.
    var sourceOffsets: [UInt32] { map { UInt32($0.sourceOffset ?? 0) } }
}

/// Counts lines and columns along a text.
struct PlaceCounter {
    private(set) var place = SourceStart.ofText

    mutating func advance(over bytes: BorrowedBytes) {
        var lines = 0
        for byte in bytes where byte == UInt8(ascii: "\n") { lines &+= 1 }
        if lines == 0 {
            place = SourceStart(line: place.line, column: place.column + bytes.count)
        } else {
            let lastLine = bytes.lastIndex(of: UInt8(ascii: "\n"))!
            place = SourceStart(line: place.line + lines, column: bytes.count - lastLine)
        }
    }
}
