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
        case literal([UInt8])
        /// `:name`: exactly one non-empty segment. All names share a node.
        case parameter
    }

    /// A name and the segment of the path that it stands for; a free wildcard's begins with the slash before it.
    struct Parameter: Hashable, Sendable {
        let name: [UInt8]
        let segment: Int
        let isFree: Bool
    }

    private(set) var segments: [Segment] = []
    private(set) var ends: PatternEnd = []
    /// In the order of the pattern; of a name that occurs twice, the first one.
    private(set) var parameters: [Parameter] = []

    /// `Path(pattern)`; nil for the empty pattern, which is no tree predicate.
    static func path(_ pattern: [UInt8], ignoresTrailingSlash: Bool) throws(PathPatternError) -> PathPattern? {
        guard var bytes = try rooted(pattern) else { return nil }
        if ignoresTrailingSlash, bytes.count > 1, bytes.last == slash { bytes.removeLast() }
        var parsed = PathPattern()
        try parsed.append(bytes[1...], isSubtree: false)
        return parsed
    }

    /// `PathSubtree(pattern)`; nil for the empty pattern.
    static func subtree(_ pattern: [UInt8], ignoresTrailingSlash: Bool) throws(PathPatternError) -> PathPattern? {
        guard let bytes = try rooted(pattern) else { return nil }
        var base = bytes[...]
        var remainder: [UInt8] = [star]
        let last = base[(base.lastIndex(of: slash)! + 1)...]
        if last.first == star {
            if last.count > 1 { remainder = name(ofFree: last) }
            base = base[..<last.startIndex]
        }
        if base.last == slash { base.removeLast() }
        var parsed = PathPattern()
        if base.isEmpty {
            parsed.ends = [.slash, .below]
        } else {
            try parsed.append(base.dropFirst(), isSubtree: true)
            parsed.ends = ignoresTrailingSlash ? [.exact, .below] : [.exact, .slash, .below]
        }
        parsed.add(Parameter(name: remainder, segment: parsed.segments.count, isFree: true))
        return parsed
    }

    private static let slash = UInt8(ascii: "/")
    private static let star = UInt8(ascii: "*")
    private static let colon = UInt8(ascii: ":")

    private static func rooted(_ pattern: [UInt8]) throws(PathPatternError) -> [UInt8]? {
        guard !pattern.isEmpty else { return nil }
        guard pattern.count <= RoutingLimits.patternBytesMax else {
            throw PathPatternError(reason: "a path pattern has at most \(RoutingLimits.patternBytesMax) bytes, found \(pattern.count)")
        }
        return pattern[0] == slash ? pattern : [slash] + pattern
    }

    /// `*` and `**` are named `*`, `*name` is `name`, `**name` is `*name`.
    private static func name(ofFree segment: ArraySlice<UInt8>) -> [UInt8] {
        let name = Array(segment.dropFirst())
        return name.isEmpty ? [star] : name
    }

    private mutating func append(_ path: ArraySlice<UInt8>, isSubtree: Bool) throws(PathPatternError) {
        let parts = path.split(separator: Self.slash, omittingEmptySubsequences: false)
        guard parts.count <= RoutingLimits.patternSegmentsMax else {
            throw PathPatternError(reason: "a path pattern has at most \(RoutingLimits.patternSegmentsMax) segments, found \(parts.count)")
        }
        for (index, part) in parts.enumerated() {
            let isLast = index == parts.count - 1
            if part.first == Self.star {
                guard isLast, !isSubtree else {
                    throw PathPatternError(reason: "a free wildcard (*name) must be the last segment")
                }
                add(Parameter(name: Self.name(ofFree: part), segment: index, isFree: true))
                ends = .below
            } else if part.isEmpty, isLast {
                ends = .slash
            } else {
                try append(segment: part, index)
                ends = .exact
            }
        }
    }

    private mutating func append(segment: ArraySlice<UInt8>, _ index: Int) throws(PathPatternError) {
        if segment.first == Self.colon {
            add(Parameter(name: Array(segment.dropFirst()), segment: index, isFree: false))
            segments.append(.parameter)
        } else if segment.contains(Self.colon) || segment.contains(Self.star) {
            throw PathPatternError(reason: "* and : may only begin a segment, found \"\(String(decoding: segment, as: UTF8.self))\"")
        } else {
            segments.append(.literal(Array(segment)))
        }
    }

    private mutating func add(_ parameter: Parameter) {
        if !parameters.contains(where: { $0.name == parameter.name }) { parameters.append(parameter) }
    }
}
