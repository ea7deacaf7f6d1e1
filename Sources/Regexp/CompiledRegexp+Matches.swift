extension CompiledRegexp {
    /// Calls `body` with the ranges of successive matches, the first one at or after `start`, until it answers false.
    ///
    /// What stands before `start` counts as context. An empty match is told too; the next search then starts one character on.
    ///
    /// - Complexity: O(text) per match, and once if the text is not UTF-8, which is why callers should not loop over `firstMatch`.
    public func forEachMatch(in text: UnsafeRawBufferPointer, from start: Int = 0, _ body: (Range<Int>) -> Bool) {
        precondition(start >= 0 && start <= text.count, "search starts at \(start) in a text of \(text.count) bytes")
        SearchableText.with(text) { searchable in
            withUnsafeTemporaryAllocation(of: CaptureSpan.self, capacity: 1) { spans in
                var position = searchable.offset(ofOriginal: start)
                while position <= searchable.bytes.count, search(searchable, from: position, into: spans) {
                    let match = spans[0].start..<spans[0].end
                    guard body(searchable.originalOffset(match.lowerBound)..<searchable.originalOffset(match.upperBound)) else { return }
                    position = match.isEmpty ? match.upperBound + searchable.characterWidth(at: match.upperBound) : match.upperBound
                }
            }
        }
    }
}
