import Bytes

/// A single-byte encoding: which byte stands for which character.
struct CharacterMap: Sendable {
    private struct Entry {
        let scalar: UInt32
        let byte: UInt8
    }

    /// Characters outside of ASCII, by scalar value.
    private let entries: [Entry]
    /// The first byte of the table; those between ASCII and it stand for the control characters of their number.
    private let first: UInt8

    /// - Returns: nil if there is no encoding of this name.
    init?(named name: String) {
        guard let table = CharacterMap.tables[name] else { return nil }
        first = table.first
        entries = zip(table.first...0xFF, table.characters.unicodeScalars)
            .filter { $0.1 != "\u{FFFD}" }
            .map { Entry(scalar: $0.1.value, byte: $0.0) }
            .sorted { $0.scalar < $1.scalar }
    }

    static var names: [String] { tables.keys.sorted() }

    /// Appends the encoded text; false, with part of it appended, if it is no UTF-8 or has a character without a byte.
    func encode(_ text: BorrowedBytes, into output: inout [UInt8]) -> Bool {
        var decoder = UTF8()
        var bytes = text.makeIterator()
        while true {
            switch decoder.decode(&bytes) {
            case .scalarValue(let scalar):
                guard let byte = byte(for: scalar.value) else { return false }
                output.append(byte)
            case .emptyInput: return true
            case .error: return false
            }
        }
    }

    private func byte(for scalar: UInt32) -> UInt8? {
        if scalar < 0x80 || scalar >= 0x80 && scalar < UInt32(first) { return UInt8(scalar) }
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].scalar < scalar { low = middle + 1 } else { high = middle }
        }
        return low < entries.count && entries[low].scalar == scalar ? entries[low].byte : nil
    }
}
