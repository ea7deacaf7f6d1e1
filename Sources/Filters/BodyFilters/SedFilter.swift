internal import Bytes
internal import HTTP
internal import Regexp

/// `sed`, `sedDelim`, `sedRequest`, `sedRequestDelim`: replaces what a regexp matches in a body.
final class SedFilter: Filter, @unchecked Sendable {
    enum Side: Sendable { case request, response }

    private let side: Side
    private let edit: SedEdit

    init(_ side: Side, _ edit: SedEdit) {
        self.side = side
        self.edit = edit
    }

    override func request(_ context: FilterContext) -> FilterAction {
        guard side == .request, !context.request.framing.isEmpty else { return .next }
        context.transformRequestBody(EditedBody(edit, statusWhenFull: 413))
        return .next
    }

    override func response(_ context: FilterContext) -> FilterAction {
        // The answer to a HEAD must not tell the length of the unedited body.
        let isHead = context.request.method == .head && !Status.forbidsBody(context.response.status)
        guard side == .response, context.hasResponseBody || isHead else { return .next }
        context.transformResponseBody(EditedBody(edit, statusWhenFull: 500))
        return .next
    }
}

/// What a sed filter does to a text.
struct SedEdit: Sendable {
    static let bufferBytesDefault = 2 * 1024 * 1024

    let regexp: CompiledRegexp
    /// Literal text; `$1` means nothing.
    let replacement: [UInt8]
    /// Finds the ends of the parts that are edited one by one; nil edits the body as a whole.
    let delimiter: PatternScanner?
    let bufferBytesMax: Int
    let abortsWhenFull: Bool
    /// The pattern's bytes if it means just them and is short.
    let literal: [UInt8]?

    /// Longer patterns without operators are treated like others, since finding a beginning of theirs takes the square of it.
    static let literalBytesMax = 256

    init(_ reader: ArgumentReader, hasDelimiter: Bool) throws(FilterArgumentError) {
        let pattern = try reader.text(0)
        do { regexp = try CompiledRegexp.shared(pattern) } catch { throw FilterArgumentError(error.description) }
        replacement = try reader.bytes(1)
        delimiter = hasDelimiter ? PatternScanner([Array(try reader.nonEmptyText(2).utf8)]) : nil
        let rest = hasDelimiter ? 3 : 2
        let bufferBytes = reader.count > rest ? try reader.integer(rest, in: Int.min...Int(Int32.max)) : 0
        bufferBytesMax = bufferBytes > 0 ? bufferBytes : SedEdit.bufferBytesDefault
        abortsWhenFull = try SedEdit.abortsWhenFull(reader, rest + 1)
        let isLiteral = !pattern.utf8.contains { "\\.+*?()|[]{}^$".utf8.contains($0) }
        literal = isLiteral && pattern.utf8.count <= SedEdit.literalBytesMax ? Array(pattern.utf8) : nil
    }

    /// How many bytes at the end of a text may be the beginning of a match; nil if that cannot be told.
    func partialMatchCount(_ text: ArraySlice<UInt8>) -> Int? {
        guard let literal else { return nil }
        let lengths = (0..<max(1, min(literal.count, text.count + 1))).reversed()
        return lengths.first { text.suffix($0) == literal.prefix($0) }
    }

    private static func abortsWhenFull(_ reader: ArgumentReader, _ position: Int) throws(FilterArgumentError) -> Bool {
        guard reader.count > position else { return false }
        switch try reader.text(position) {
        case "abort": return true
        case "best-effort": return false
        default: throw reader.refusal(position, "\"best-effort\" or \"abort\"")
        }
    }
}

/// Replaces matches in a body that streams.
///
/// A match may begin anywhere before the bytes that complete it, so a text is edited when its end is known: the
/// delimiter, the body's end, or a full buffer. Only for a pattern without operators all but its length goes on at once.
final class EditedBody: BodyTransform {
    let edit: SedEdit
    private let statusWhenFull: UInt16
    private var scan = PatternScanner.State.start
    /// The text that is edited or waits for its end; behind a full buffer it begins with one byte of context.
    private var text: [UInt8] = []
    /// Bytes of `text` that are done with.
    private var position = 0
    /// Up to here nothing is to be replaced, and then the match that ends at `matchEnd`.
    private var copyEnd = 0
    private var matchEnd: Int?
    private var replacementWritten = 0
    private var phase = Phase.collecting

    private enum Phase {
        case collecting
        /// - Parameter held: bytes at the end that may be the beginning of a match.
        case searching(held: Int, isOverflow: Bool)
        /// No further match in the text.
        case copying(isOverflow: Bool)
    }

    private enum Progress {
        case done
        /// The output is full.
        case full
        /// Other exchanges come first.
        case sliceOver
    }

    /// How long one call goes on searching. A pattern such as `a(.*b)?` looks to the buffer's end for each match it
    /// finds, so that all of them take the square of it; a single search is linear.
    static let sliceDefault = Duration.milliseconds(4)
    /// Slices for one text: four seconds, a thousand times what usual patterns take for a full buffer. Beyond them the body fails.
    static let slicesDefault = 1000
    private let slice: Duration
    private let slicesMax: Int
    private var sliceCount = 0

    init(_ edit: SedEdit, statusWhenFull: UInt16, slice: Duration = EditedBody.sliceDefault, slicesMax: Int = EditedBody.slicesDefault) {
        self.edit = edit
        self.statusWhenFull = statusWhenFull
        self.slice = slice
        self.slicesMax = slicesMax
    }

    func transform(_ input: BorrowedBytes, isLast: Bool, limit: Int, into output: inout ByteBuffer) -> BodyTransformation {
        var taken = 0
        while true {
            if case .collecting = phase {
                guard collect(input, isLast, &taken) else { return .failed(status: statusWhenFull) }
                if case .collecting = phase { return .consumed(taken, isFlushed: true) }
            }
            switch editText(limit, &output) {
            case .done: break
            case .full: return .consumed(taken, isFlushed: false)
            case .sliceOver:
                sliceCount += 1
                return sliceCount > slicesMax ? .failed(status: statusWhenFull) : .yielded(taken)
            }
            if isLast, taken == input.count, position == text.count { return .consumed(taken, isFlushed: true) }
            finishText()
            if taken == input.count, !isLast { return .consumed(taken, isFlushed: true) }
        }
    }

    // MARK: Collecting

    /// Takes input until a text is complete; false if the buffer is full and the filter gives up then.
    private func collect(_ input: BorrowedBytes, _ isLast: Bool, _ taken: inout Int) -> Bool {
        let room = edit.bufferBytesMax - (text.count - position)
        if room <= 0, taken < input.count {
            phase = .searching(held: 0, isOverflow: true)
            return !edit.abortsWhenFull
        }
        let available = input.slice(taken, min(input.count, taken + room))
        if let delimiter = edit.delimiter, let end = delimiter.firstEnd(in: available, &scan) {
            text += available.slice(0, end)
            taken += end
            phase = .searching(held: 0, isOverflow: false)
            return true
        }
        text += available
        taken += available.count
        guard taken == input.count else { return collect(input, isLast, &taken) }
        if isLast {
            phase = .searching(held: 0, isOverflow: false)
        } else if edit.delimiter == nil, let held = edit.partialMatchCount(text[position...]), text.count - position > held {
            phase = .searching(held: held, isOverflow: false)
        }
        return true
    }

    /// Forgets the edited text but what may still become a match.
    private func finishText() {
        // `^` and `\b` at the next text's beginning look at this byte.
        let context = if case .copying(isOverflow: true) = phase { 1 } else { 0 }
        text.removeFirst(position - context)
        sliceCount = 0
        position = context
        copyEnd = context
        phase = .collecting
    }

    // MARK: Editing

    /// Appends the edited text.
    private func editText(_ limit: Int, _ output: inout ByteBuffer) -> Progress {
        guard drain(limit, &output) else { return .full }
        if case .searching(let held, let isOverflow) = phase {
            let progress = replaceMatches(limit, &output)
            guard case .done = progress else { return progress }
            copyEnd = max(position, text.count - held)
            phase = .copying(isOverflow: isOverflow)
        }
        return drain(limit, &output) ? .done : .full
    }

    private func replaceMatches(_ limit: Int, _ output: inout ByteBuffer) -> Progress {
        var progress = Progress.done
        let end = ContinuousClock.now.advanced(by: slice)
        text.withUnsafeBytes { bytes in
            edit.regexp.forEachMatch(in: bytes, from: position) { match in
                // Skipper's rule: where the pattern matches nothing, the rest of the text stays.
                if match.isEmpty { return false }
                copyEnd = match.lowerBound
                matchEnd = match.upperBound
                guard drain(bytes, limit, &output) else {
                    progress = .full
                    return false
                }
                guard ContinuousClock.now >= end else { return true }
                progress = .sliceOver
                return false
            }
        }
        return progress
    }

    private func drain(_ limit: Int, _ output: inout ByteBuffer) -> Bool { text.withUnsafeBytes { drain($0, limit, &output) } }

    /// Appends what is decided; false if the output is full before.
    private func drain(_ bytes: BorrowedBytes, _ limit: Int, _ output: inout ByteBuffer) -> Bool {
        let count = min(copyEnd - position, max(0, limit - output.count))
        output.append(bytes.slice(position, position + count))
        position += count
        guard position == copyEnd else { return false }
        guard let matchEnd else { return true }
        let rest = min(edit.replacement.count - replacementWritten, max(0, limit - output.count))
        edit.replacement.withUnsafeBytes { output.append($0.slice(replacementWritten, replacementWritten + rest)) }
        replacementWritten += rest
        guard replacementWritten == edit.replacement.count else { return false }
        position = matchEnd
        copyEnd = matchEnd
        self.matchEnd = nil
        replacementWritten = 0
        return true
    }
}
