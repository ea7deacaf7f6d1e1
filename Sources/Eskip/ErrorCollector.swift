/// The errors of one source while it is read; places become lines and columns once, at the end.
struct ErrorCollector {
    private struct Entry {
        var range: Range<Int>
        var routeID: Range<Int>
        var message: String
    }

    private var entries: [Entry] = []
    /// The id of the route being read, as bytes of the source; empty if it has none.
    var routeID = 0..<0

    var count: Int { entries.count }
    var isFull: Bool { entries.count >= EskipLimits.errorsMax }

    mutating func add(_ message: String, at range: Range<Int>) {
        guard !isFull else { return }
        entries.append(Entry(range: range, routeID: routeID, message: message))
    }

    /// Adds those of the part that follows, whose bytes begin at `offset` of the source.
    mutating func append(_ part: ErrorCollector, from offset: Int) {
        for entry in part.entries {
            entries.append(Entry(range: entry.range.moved(by: offset), routeID: entry.routeID.moved(by: offset), message: entry.message))
        }
    }

    /// The errors in the order of the text.
    func errors(source: [UInt8], sourceName: String, start: SourceStart = .ofText) -> [EskipError] {
        guard !entries.isEmpty else { return [] }
        let lines = LineStarts.of(source)
        return entries.stablySorted { $0.range.lowerBound < $1.range.lowerBound }.map { entry in
            let (line, column) = LineStarts.locate(entry.range.lowerBound, in: lines)
            return EskipError(
                position: start.position(line, column, in: sourceName),
                routeID: String(decoding: source[entry.routeID], as: UTF8.self), message: entry.message,
                excerpt: SourceExcerpt(of: source, at: entry.range))
        }
    }
}

extension Range<Int> {
    fileprivate func moved(by offset: Int) -> Range<Int> { lowerBound + offset..<upperBound + offset }
}

extension SourceExcerpt {
    /// The line around `range`, cut to `EskipLimits.excerptBytesMax` on each side of its start.
    init(of source: [UInt8], at range: Range<Int>) {
        let before = source[..<range.lowerBound].suffix(EskipLimits.excerptBytesMax)
        let behind = source[range.lowerBound...].prefix(EskipLimits.excerptBytesMax)
        let head = before.suffix(from: before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? before.startIndex)
        let tail = behind.prefix { $0 != UInt8(ascii: "\n") }
        let isCut = head.startIndex > 0 && source[head.startIndex - 1] != UInt8(ascii: "\n")
        let headText = (isCut ? "…" : "") + Printable.text(head)
        text = headText + Printable.text(tail)
        let marked = tail.prefix(max(1, range.count))
        marker = Printable.blanks(below: headText) + String(repeating: "^", count: max(1, Printable.text(marked).count))
    }
}

extension RouteDocument {
    /// The line of the source that `position` names, with `length` bytes marked: for messages about routes that parsed
    /// but mean nothing. `nil` if the document does not have its text.
    public func excerpt(at position: SourcePosition, length: Int = 1) -> SourceExcerpt? {
        guard !source.isEmpty, let start = offset(of: position) else { return nil }
        return SourceExcerpt(of: source, at: start..<Swift.min(source.count, start + Swift.max(0, length)))
    }
}

/// Source text made fit for a terminal and a log line.
public enum Printable {
    /// A message with texts of others in it, as one line; of one above `EskipLimits.messageBytesMax` bytes the middle is left out.
    public static func line(_ message: String) -> String {
        if message.utf8.count <= EskipLimits.messageBytesMax, message.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) { return message }
        var bytes = message.utf8.map { $0 >= 0x09 && $0 <= 0x0D ? 0x20 : $0 }
        if bytes.count > EskipLimits.messageBytesMax {
            let kept = EskipLimits.messageBytesMax / 2
            bytes.replaceSubrange(kept..<(bytes.count - kept), with: "…".utf8)
        }
        return text(bytes)
    }

    /// Invalid UTF-8 is repaired; control characters other than tabs, which could move a cursor, are replaced.
    static func text(_ bytes: some Collection<UInt8>) -> String {
        var text = ""
        for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
            let isControl = scalar.properties.generalCategory == .control || scalar.properties.generalCategory == .format
            text.unicodeScalars.append(isControl && scalar != "\t" ? "\u{FFFD}" : scalar)
        }
        return text
    }

    /// As wide as `text`: tabs stay tabs.
    static func blanks(below text: String) -> String {
        String(text.map { $0 == "\t" ? "\t" : " " })
    }

    /// At most `EskipLimits.quotedBytesMax` bytes, on one line.
    static func quoted(_ bytes: ArraySlice<UInt8>) -> String {
        let isCut = bytes.count > EskipLimits.quotedBytesMax
        let text = text(bytes.prefix(EskipLimits.quotedBytesMax).map { $0 >= 0x09 && $0 <= 0x0D ? 0x20 : $0 })
        return isCut ? text + "…" : text
    }
}
