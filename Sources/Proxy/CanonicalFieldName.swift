import Bytes
import HTTP

/// Field names as Skipper's users know them, `X-Forwarded-For`: the first letter and those behind dashes are upper case, the others lower.
enum CanonicalFieldName {
    static func bytes(_ name: BorrowedBytes) -> [UInt8] {
        var isFirst = true
        return name.map { byte in
            defer { isFirst = byte == UInt8(ascii: "-") }
            let lower = ASCII.lowercased(byte)
            let isLetter = (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(lower)
            return isFirst && isLetter ? lower & 0xDF : lower
        }
    }
}
