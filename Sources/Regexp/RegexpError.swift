/// A pattern that cannot be compiled.
public struct RegexpError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Reason: Hashable, Sendable {
        case badEscape, badCharacterClass, badCharacterRange, missingBracket, missingParenthesis, unexpectedParenthesis
        case trailingBackslash, missingRepeatArgument, badRepeatSize, badRepeatOperator, badGroupSyntax, invalidUTF8, badGroupName
        /// More than `RegexpLimits.patternBytesMax` bytes.
        case patternTooLong
        /// The compiled program needs more than its memory limit, mostly because of nested or large repetitions.
        case programTooLarge
        case internalFailure
    }

    public let pattern: String
    public let reason: Reason
    /// The part of the pattern that is to blame, if it is known and not the whole.
    public let fragment: String?
    /// Where `fragment` starts, in bytes.
    public let offset: Int?

    init(pattern: String, reason: Reason, fragment: String? = nil) {
        self.pattern = pattern
        self.reason = reason
        self.offset = fragment.flatMap { Self.offset(of: $0, in: pattern) }
        self.fragment = self.offset == nil ? nil : fragment
    }

    /// `nil` also for the whole pattern, which tells nothing.
    private static func offset(of fragment: String, in pattern: String) -> Int? {
        let needle = Array(fragment.utf8)
        let bytes = Array(pattern.utf8)
        guard !needle.isEmpty, needle.count < bytes.count else { return nil }
        return (0...(bytes.count - needle.count)).first { bytes[$0..<($0 + needle.count)].elementsEqual(needle) }
    }

    public var description: String {
        let shown = pattern.utf8.count > 200 ? String(pattern.prefix(200)) + "…" : pattern
        guard let fragment, let offset else { return "regexp /\(shown)/: \(reason)" }
        return "regexp /\(shown)/: \(reason): \"\(fragment)\" at byte \(offset)"
    }
}

extension RegexpError.Reason: CustomStringConvertible {
    public var description: String {
        switch self {
        case .badEscape: "unknown escape sequence"
        case .badCharacterClass: "invalid character class"
        case .badCharacterRange: "invalid range or class name within brackets"
        case .missingBracket: "missing closing ]"
        case .missingParenthesis: "missing closing )"
        case .unexpectedParenthesis: "closing ) without an opening one"
        case .trailingBackslash: "\\ at the end"
        case .missingRepeatArgument: "nothing before the repetition"
        case .badRepeatSize: "repetition count must be at most 1000, and its bounds in order"
        case .badRepeatOperator: "repetition of a repetition"
        case .badGroupSyntax: "unknown group syntax (look-around and back references are not available)"
        case .invalidUTF8: "not UTF-8"
        case .badGroupName: "invalid group name"
        case .patternTooLong: "longer than \(RegexpLimits.patternBytesMax) bytes"
        case .programTooLarge: "too large when compiled; use smaller repetitions"
        case .internalFailure: "the regexp library failed"
        }
    }

    /// The numbers of RE2::ErrorCode.
    init(re2Code: Int32) {
        self = switch re2Code {
        case 2: .badEscape
        case 3: .badCharacterClass
        case 4: .badCharacterRange
        case 5: .missingBracket
        case 6: .missingParenthesis
        case 7: .unexpectedParenthesis
        case 8: .trailingBackslash
        case 9: .missingRepeatArgument
        case 10: .badRepeatSize
        case 11: .badRepeatOperator
        case 12: .badGroupSyntax
        case 13: .invalidUTF8
        case 14: .badGroupName
        case 15: .programTooLarge
        default: .internalFailure
        }
    }
}
