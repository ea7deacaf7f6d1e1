public import Eskip

/// Reads a filter's arguments by position and, when one is wrong, says so in the words of the filter's usage.
public struct ArgumentReader {
    public let arguments: Arguments
    private let usage: StaticString

    /// - Parameters:
    ///   - usage: the arguments as the documentation writes them, `(name, value)`.
    ///   - counts: how many are allowed.
    public init(
        _ arguments: Arguments, _ usage: StaticString, _ counts: some RangeExpression<Int>
    ) throws(FilterArgumentError) {
        self.arguments = arguments
        self.usage = usage
        guard counts.contains(arguments.count) else {
            throw FilterArgumentError("takes \(usage), found \(arguments.count) argument\(arguments.count == 1 ? "" : "s")")
        }
    }

    public init(_ arguments: Arguments, _ usage: StaticString, _ count: Int) throws(FilterArgumentError) {
        try self.init(arguments, usage, count...count)
    }

    public var count: Int { arguments.count }

    /// The error for the argument at `position`, counted from 0.
    public func refusal(_ position: Int, _ expected: String, because reason: String = "") -> FilterArgumentError {
        let why = reason.isEmpty ? "" : " (\(reason))"
        let found = switch arguments[position] {
        case .string(let text): "\"\(text)\""
        case .number(let number): NumberText.text(number)
        }
        return FilterArgumentError("takes \(usage): argument \(position + 1) must be \(expected), found \(found)\(why)")
    }

    public func text(_ position: Int) throws(FilterArgumentError) -> String {
        guard let text = arguments.string(at: position) else { throw refusal(position, "a string") }
        return text
    }

    public func nonEmptyText(_ position: Int) throws(FilterArgumentError) -> String {
        let text = try text(position)
        guard !text.isEmpty else { throw refusal(position, "a string that is not empty") }
        return text
    }

    /// The argument's UTF-8 bytes.
    public func bytes(_ position: Int) throws(FilterArgumentError) -> [UInt8] { Array(try text(position).utf8) }

    /// All arguments from `start` on, which must be strings.
    public func texts(from start: Int = 0) throws(FilterArgumentError) -> [String] {
        var texts: [String] = []
        for position in start..<max(start, count) { texts.append(try text(position)) }
        return texts
    }

    /// `"true"` or `"false"`.
    public func flag(_ position: Int) throws(FilterArgumentError) -> Bool {
        switch try text(position) {
        case "true": return true
        case "false": return false
        default: throw refusal(position, "\"true\" or \"false\"")
        }
    }

    public func number(_ position: Int) throws(FilterArgumentError) -> Double {
        guard let number = arguments.number(at: position) else { throw refusal(position, "a number") }
        return number
    }

    /// A whole number; fractions are cut off, as Skipper does.
    public func integer(_ position: Int, in range: ClosedRange<Int> = Int.min...Int.max) throws(FilterArgumentError) -> Int {
        let number = try number(position).rounded(.towardZero)
        guard let integer = Int(exactly: number), range.contains(integer) else {
            throw refusal(position, "a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return integer
    }

    /// Nanoseconds of a duration text (`"1.5s"`), which must not be negative.
    public func duration(_ position: Int) throws(FilterArgumentError) -> UInt64 {
        guard let text = arguments.string(at: position), let duration = GoDuration.parse(text), duration >= .zero else {
            throw refusal(position, "a duration like \"100ms\" or \"1m30s\"")
        }
        return ArgumentReader.nanoseconds(duration)
    }

    /// Nanoseconds of a duration text, or of a number of units of `unit` nanoseconds.
    public func duration(_ position: Int, numbersAre unit: UInt64) throws(FilterArgumentError) -> UInt64 {
        guard let number = arguments.number(at: position) else { return try duration(position) }
        let scaled = number * Double(unit)
        guard scaled >= 0, scaled < Double(Int64.max) else { throw refusal(position, "a duration, not negative") }
        return UInt64(scaled)
    }

    private static func nanoseconds(_ duration: Duration) -> UInt64 {
        // GoDuration yields at most 63 bits of nanoseconds.
        let (seconds, attoseconds) = duration.components
        return UInt64(seconds) * 1_000_000_000 + UInt64(attoseconds / 1_000_000_000)
    }
}

extension FilterSpec {
    /// A filter made of its arguments alone, mostly by its initializer.
    ///
    /// - Parameters:
    ///   - usage: the arguments as the documentation writes them.
    ///   - counts: how many are allowed.
    public init(
        _ name: String, _ usage: StaticString, _ counts: some RangeExpression<Int> & Sendable,
        _ make: @escaping @Sendable (ArgumentReader) throws(FilterArgumentError) -> Filter
    ) {
        self.init(name) { (arguments, _) throws(FilterArgumentError) in
            .filter(try make(try ArgumentReader(arguments, usage, counts)))
        }
    }

    public init(
        _ name: String, _ usage: StaticString, _ count: Int,
        _ make: @escaping @Sendable (ArgumentReader) throws(FilterArgumentError) -> Filter
    ) {
        self.init(name, usage, count...count, make)
    }
}
