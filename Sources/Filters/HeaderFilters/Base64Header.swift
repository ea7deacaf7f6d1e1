import Bytes
import HTTP

/// `encodeBase64…Header`, `decodeBase64…Header`: the first value, or one of its words, in or out of base 64.
///
/// Nothing changes where there is nothing to do: no value, no such word, text that is no base 64, decoded bytes that
/// cannot stand in a field.
final class Base64Header: FieldFilter, @unchecked Sendable {
    enum Direction { case encode, decode }

    private let direction: Direction
    private let name: FieldName
    private let word: Int?

    init(_ direction: Direction, _ side: MessageSide, _ arguments: ArgumentReader) throws(FilterArgumentError) {
        self.direction = direction
        name = try arguments.fieldName(0)
        word = arguments.count > 1 ? try arguments.integer(1, in: 0...Int(UInt16.max)) : nil
        super.init(side)
    }

    override func edit(_ context: FilterContext) {
        guard let value = context.value(side, name), !value.isEmpty else { return }
        context.withScratch { result in
            guard rewrite(value, into: &result), result.allSatisfy({ ASCII.isFieldValueByte($0) }) else { return }
            result.withUnsafeBytes { context.setValue(side, name, $0) }
        }
    }

    private func rewrite(_ value: BorrowedBytes, into result: inout [UInt8]) -> Bool {
        guard let word else { return convert(value, into: &result) }
        var rest = value
        var position = 0
        var isRewritten = false
        while let next = Base64Header.nextWord(&rest) {
            if position > 0 { result.append(0x20) }
            if position == word {
                guard convert(next, into: &result) else { return false }
                isRewritten = true
            } else {
                result += next
            }
            position += 1
        }
        return isRewritten
    }

    private func convert(_ text: BorrowedBytes, into result: inout [UInt8]) -> Bool {
        switch direction {
        case .encode: Base64Header.append(Base64.encodedCount(text.count), to: &result) { Base64.encode(text, into: $0) }
        case .decode: Base64Header.append(text.count / 4 * 3 + 2, to: &result) { Base64.decode(text, into: $0) }
        }
    }

    /// Appends what `fill` writes into room for `room` bytes; false if it writes nothing.
    private static func append(_ room: Int, to result: inout [UInt8], _ fill: (UnsafeMutableRawBufferPointer) -> Int?) -> Bool {
        withUnsafeTemporaryAllocation(byteCount: room, alignment: 1) { target in
            guard let count = fill(target) else { return false }
            result += BorrowedBytes(rebasing: target[..<count])
            return true
        }
    }

    private static func nextWord(_ rest: inout BorrowedBytes) -> BorrowedBytes? {
        rest = rest.trimmed
        guard !rest.isEmpty else { return nil }
        let end = rest.firstIndex(where: { ASCII.isBlank($0) }) ?? rest.count
        defer { rest = rest.slice(end, rest.count) }
        return rest.slice(0, end)
    }
}
