import Bytes
import Eskip

/// Reads single values by Go's rules, because files and command lines written for Skipper follow them.
enum ValueText {
    /// Why a value was refused: what was found and what is allowed.
    struct Problem: Error, Hashable {
        var message: String
        init(_ message: String) { self.message = message }
    }

    typealias Outcome<T> = Result<T, Problem>

    /// Go's words for booleans.
    static func bool(_ text: String) -> Outcome<Bool> {
        switch text {
        case "1", "t", "T", "true", "TRUE", "True": .success(true)
        case "0", "f", "F", "false", "FALSE", "False": .success(false)
        default: .failure(Problem("\"\(text)\" is neither true nor false"))
        }
    }

    /// Decimal, or with Go's prefixes `0x`, `0o`, `0b` and `0` (octal), `_` between digits.
    static func int(_ text: String, in range: ClosedRange<Int>) -> Outcome<Int> {
        guard let value = integer(text) else {
            return .failure(Problem("\"\(text)\" is no whole number"))
        }
        return range.contains(value) ? .success(value) : .failure(Problem("\(value) is not allowed, \(bounds(range))"))
    }

    private static func bounds(_ range: ClosedRange<Int>) -> String {
        range.upperBound == .max ? "at least \(range.lowerBound) is" : "\(range.lowerBound) to \(range.upperBound) is"
    }

    private static func integer(_ text: String) -> Int? {
        let sign = text.hasPrefix("-") ? "-" : ""
        var digits = text.hasPrefix("-") || text.hasPrefix("+") ? text.dropFirst() : text[...]
        guard let first = digits.utf8.first, ASCII.isDigit(first), digits.last != "_", !digits.contains("__") else { return nil }
        var radix = 10
        if first == UInt8(ascii: "0"), digits.utf8.count > 1 {
            switch digits.dropFirst().first {
            case "x", "X": radix = 16
            case "o", "O": radix = 8
            case "b", "B": radix = 2
            default: radix = 8
            }
            digits = digits.dropFirst(radix == 8 && digits.dropFirst().first?.isLetter == false ? 1 : 2)
        }
        let plain = digits.filter { $0 != "_" }
        // A second sign would be read by Int.
        guard let start = plain.first, start.isHexDigit else { return nil }
        return Int(sign + plain, radix: radix)
    }

    static func float(_ text: String, in range: ClosedRange<Double>) -> Outcome<Double> {
        guard let value = Double(text), value.isFinite else { return .failure(Problem("\"\(text)\" is no number")) }
        return range.contains(value) ? .success(value) : .failure(Problem("\(value) is not allowed, \(range.lowerBound) to \(range.upperBound) is"))
    }

    static func duration(_ text: String, min: Duration) -> Outcome<Duration> {
        guard let value = GoDuration.parse(text) else {
            return .failure(Problem("\"\(text)\" is no duration; write a number with its unit, such as 500ms, 75s or 1h30m"))
        }
        return value >= min ? .success(value) : .failure(Problem("\(text) is not allowed, at least \(ValueText.text(of: min)) is"))
    }

    /// A duration in the largest unit that needs no fraction: `2m`, `75s`, `1500ms`. Below a nanosecond is nothing.
    static func text(of duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let nanoseconds = seconds * 1_000_000_000 + attoseconds / 1_000_000_000
        guard nanoseconds != 0, let unit = units.first(where: { nanoseconds % $0.nanoseconds == 0 }) else { return "0s" }
        return "\(nanoseconds / unit.nanoseconds)\(unit.name)"
    }

    private static let units: [(name: String, nanoseconds: Int64)] = [
        ("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1000), ("ns", 1),
    ]

    static func choice<T: RawRepresentable<String> & CaseIterable>(_ text: String) -> Outcome<T> {
        if let value = T(rawValue: text) { return .success(value) }
        let words = T.allCases.map(\.rawValue).filter { !$0.isEmpty }
        let hint = NearestName.hint(for: text, among: words)
        return .failure(Problem("\"\(text)\" is not allowed\(hint); allowed are \(words.joined(separator: ", "))"))
    }
}
