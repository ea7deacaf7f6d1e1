internal import CRE2

/// One compiled regular expression in Go's dialect: linear time, no look-around, no back references.
///
/// Immutable; any thread may match with it at any time. Text is bytes: UTF-8, where an invalid byte counts as one U+FFFD.
/// Memory is bounded by `RegexpLimits`. Equal patterns should share one instance: `CompiledRegexp.shared`.
public final class CompiledRegexp: @unchecked Sendable {
    // Unchecked because of the pointer; RE2 objects are safe to share, and this one lives as long as `self`.
    private let regexp: OpaquePointer
    public let pattern: String
    /// The number of groups; the whole match is not counted.
    public let groupCount: Int

    public init(_ pattern: String) throws(RegexpError) {
        guard pattern.utf8.count <= RegexpLimits.patternBytesMax else {
            throw RegexpError(pattern: pattern, reason: .patternTooLong)
        }
        let translated = try GoDialect.translate(pattern)
        regexp = try Self.compile(translated, for: pattern)
        self.pattern = pattern
        groupCount = Int(cre2_group_count(regexp))
    }

    deinit { cre2_free(regexp) }

    /// With the small memory limit first: it is what an automaton may grow to under traffic, and few programs need more.
    private static func compile(_ translated: [UInt8], for pattern: String) throws(RegexpError) -> OpaquePointer {
        var error = cre2_error()
        for memory in [RegexpLimits.memoryBytesMax, RegexpLimits.largePatternMemoryBytesMax] {
            let compiled = translated.withUnsafeBytes {
                cre2_compile($0.baseAddress?.assumingMemoryBound(to: CChar.self), $0.count, Int64(memory), &error)
            }
            if let compiled { return compiled }
            guard RegexpError.Reason(re2Code: error.code) == .programTooLarge else { break }
        }
        let fragment = withUnsafeBytes(of: &error.fragment) { String(decoding: $0.prefix(error.fragment_length), as: UTF8.self) }
        throw RegexpError(pattern: pattern, reason: RegexpError.Reason(re2Code: error.code), fragment: fragment)
    }

    /// The number of the group with that name.
    public func groupIndex(named name: String) -> Int? {
        var name = name
        let index = name.withUTF8 { text in
            text.withMemoryRebound(to: CChar.self) { cre2_group_index(regexp, $0.baseAddress, $0.count) }
        }
        return index < 0 ? nil : Int(index)
    }
}

// MARK: - Matching

extension CompiledRegexp {
    /// Whether the pattern matches anywhere in the text.
    ///
    /// - Complexity: O(text); allocates only if the text is not UTF-8.
    public func matches(_ text: UnsafeRawBufferPointer) -> Bool {
        SearchableText.with(text) { cre2_matches(regexp, $0.bytes.characters, $0.bytes.count) }
    }

    public func matches(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { matches(UnsafeRawBufferPointer($0)) }
    }

    /// The leftmost match that starts at or after `start`; what stands before counts as context (`^` matches at 0 only).
    ///
    /// - Complexity: O(text); allocates only if the text is not UTF-8.
    public func firstMatch(in text: UnsafeRawBufferPointer, from start: Int = 0) -> Range<Int>? {
        withCaptures(in: text, from: start, groups: 0) { $0[0].range } ?? nil
    }

    /// Calls `body` with the captures of the leftmost match at or after `start`, the whole match first; `nil` if there is none.
    public func withCaptures<Result>(
        in text: UnsafeRawBufferPointer, from start: Int = 0, _ body: (UnsafeBufferPointer<CaptureSpan>) -> Result
    ) -> Result? {
        withCaptures(in: text, from: start, groups: groupCount, body)
    }

    private func withCaptures<Result>(
        in text: UnsafeRawBufferPointer, from start: Int, groups: Int, _ body: (UnsafeBufferPointer<CaptureSpan>) -> Result
    ) -> Result? {
        precondition(start >= 0 && start <= text.count, "search starts at \(start) in a text of \(text.count) bytes")
        return SearchableText.with(text) { searchable in
            withUnsafeTemporaryAllocation(of: CaptureSpan.self, capacity: groups + 1) { spans in
                guard search(searchable, from: searchable.offset(ofOriginal: start), into: spans) else { return nil }
                for index in spans.indices { spans[index] = spans[index].mapped(searchable.originalOffset) }
                return body(UnsafeBufferPointer(spans))
            }
        }
    }

    /// Finds the leftmost match at or after `start`; the spans are offsets into the searchable text.
    func search(_ text: SearchableText, from start: Int, into spans: UnsafeMutableBufferPointer<CaptureSpan>) -> Bool {
        spans.withMemoryRebound(to: cre2_span.self) {
            cre2_search(regexp, text.bytes.characters, text.bytes.count, start, $0.baseAddress, $0.count)
        }
    }
}

/// Where a group matched, in bytes.
public struct CaptureSpan: Equatable, Sendable {
    // The layout of cre2_span: two words, negative if the group took no part in the match.
    let start: Int
    let end: Int

    /// `nil` if the group took no part in the match.
    public var range: Range<Int>? { start < 0 ? nil : start..<end }

    func mapped(_ offset: (Int) -> Int) -> CaptureSpan {
        start < 0 ? self : CaptureSpan(start: offset(start), end: offset(end))
    }
}

extension UnsafeRawBufferPointer {
    var characters: UnsafePointer<CChar>? { baseAddress?.assumingMemoryBound(to: CChar.self) }
}
