import Bytes

/// Where a pattern's routes hang below the node that its literal and named segments lead to.
struct PatternEnd: OptionSet, Sendable, Hashable {
    let rawValue: UInt8

    /// The path ends with the node's last segment: `/foo`.
    static let exact = PatternEnd(rawValue: 1)
    /// Only a slash follows: `/foo/`.
    static let slash = PatternEnd(rawValue: 2)
    /// A slash and at least one character follow: `/foo/**`.
    static let below = PatternEnd(rawValue: 4)
}

/// Why a path pattern cannot stand in the tree.
struct PathPatternError: Error, Equatable {
    let reason: String
}

/// The argument of `Path` or `PathSubtree`, taken apart (routing.md §4).
struct PathPattern: Equatable, Sendable {
    enum Segment: Hashable, Sendable {
        /// Where it stands in `text`.
        case literal(Range<Int>)
        /// `:name`: exactly one non-empty segment. All names share a node.
        case parameter
    }

    /// A name and the segment of the path that it stands for; a free wildcard's begins with the slash before it.
    struct Parameter: Hashable, Sendable {
        let name: [UInt8]
        let segment: Int
        let isFree: Bool
    }

    /// With the first slash.
    let text: [UInt8]
    private(set) var segments: [Segment] = []
    private(set) var ends: PatternEnd = []
    /// In the order of the pattern; of a name that occurs twice, the first one.
    private(set) var parameters: [Parameter] = []

    /// `Path(pattern)`; nil for the empty pattern, which is no tree predicate.
    static func path(_ pattern: BorrowedBytes, ignoresTrailingSlash: Bool) throws(PathPatternError) -> PathPattern? {
        guard var parsed = try PathPattern(rooted: pattern) else { return nil }
        var end = parsed.text.count
        if ignoresTrailingSlash, end > 1, parsed.text[end - 1] == slash { end -= 1 }
        try parsed.parse(to: end, isSubtree: false)
        return parsed
    }

    /// `PathSubtree(pattern)`; nil for the empty pattern.
    static func subtree(_ pattern: BorrowedBytes, ignoresTrailingSlash: Bool) throws(PathPatternError) -> PathPattern? {
        guard var parsed = try PathPattern(rooted: pattern) else { return nil }
        var end = parsed.text.count
        var remainder = [star]
        let last = parsed.text.lastIndex(of: slash)! + 1
        if last < end, parsed.text[last] == star {
            remainder = name(ofFree: parsed.text[last...])
            end = last
        }
        if parsed.text[end - 1] == slash { end -= 1 }
        if end == 0 {
            parsed.ends = [.slash, .below]
        } else {
            try parsed.parse(to: end, isSubtree: true)
            parsed.ends = ignoresTrailingSlash ? [.exact, .below] : [.exact, .slash, .below]
        }
        parsed.add(Parameter(name: remainder, segment: parsed.segments.count, isFree: true))
        return parsed
    }

    private static let slash = UInt8(ascii: "/")
    private static let star = UInt8(ascii: "*")
    private static let colon = UInt8(ascii: ":")

    private init?(rooted pattern: BorrowedBytes) throws(PathPatternError) {
        guard !pattern.isEmpty else { return nil }
        guard pattern.count <= RoutingLimits.patternBytesMax else {
            throw PathPatternError(reason: "a path pattern has at most \(RoutingLimits.patternBytesMax) bytes, found \(pattern.count)")
        }
        text = pattern[0] == Self.slash ? Array(pattern) : [Self.slash] + pattern
    }

    /// `*` and `**` are named `*`, `*name` is `name`, `**name` is `*name`.
    private static func name(ofFree segment: ArraySlice<UInt8>) -> [UInt8] {
        let name = Array(segment.dropFirst())
        return name.isEmpty ? [star] : name
    }

    /// Takes the segments up to `end` apart.
    private mutating func parse(to end: Int, isSubtree: Bool) throws(PathPatternError) {
        var start = 1
        while start <= end {
            guard segments.count < RoutingLimits.patternSegmentsMax else {
                throw PathPatternError(reason: "a path pattern has at most \(RoutingLimits.patternSegmentsMax) segments")
            }
            let next = text[start..<end].firstIndex(of: Self.slash) ?? end
            let segment = start..<next, isLast = next == end
            if segment.isEmpty, isLast {
                ends = .slash
            } else if !segment.isEmpty, text[start] == Self.star {
                guard isLast, !isSubtree else { throw PathPatternError(reason: "a free wildcard (*name) must be the last segment") }
                add(Parameter(name: Self.name(ofFree: text[segment]), segment: segments.count, isFree: true))
                ends = .below
            } else {
                try append(segment)
                ends = .exact
            }
            start = next + 1
        }
    }

    private mutating func append(_ segment: Range<Int>) throws(PathPatternError) {
        if !segment.isEmpty, text[segment.lowerBound] == Self.colon {
            add(Parameter(name: Array(text[segment].dropFirst()), segment: segments.count, isFree: false))
            segments.append(.parameter)
        } else if text[segment].contains(where: { $0 == Self.colon || $0 == Self.star }) {
            throw PathPatternError(reason: "* and : may only begin a segment, found \"\(String(decoding: text[segment], as: UTF8.self))\"")
        } else {
            segments.append(.literal(segment))
        }
    }

    private mutating func add(_ parameter: Parameter) {
        if !parameters.contains(where: { $0.name == parameter.name }) { parameters.append(parameter) }
    }
}
