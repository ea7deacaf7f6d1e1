/// What became of a text that should be replaced in.
public enum Replacement: Equatable, Sendable {
    /// The pattern does not match; nothing was written.
    case unchanged
    case replaced
    /// The result would exceed the limit; nothing was written.
    case tooLong
}

extension CompiledRegexp {
    /// Appends `text` with every match replaced by `template` to `output`.
    ///
    /// Go's rule for empty matches: one directly behind another match is left alone, so replacing `a*` by `x` in `baac` gives `xbxcx`.
    ///
    /// - Complexity: O(text) per match; allocates what `output` must grow by, and if the text is not UTF-8.
    public func appendReplacing(
        in text: UnsafeRawBufferPointer, with template: RegexpTemplate, to output: inout [UInt8],
        outputBytesMax: Int = RegexpLimits.replacementBytesMax
    ) -> Replacement {
        let start = output.count
        let result = SearchableText.with(text) { searchable in
            withUnsafeTemporaryAllocation(of: CaptureSpan.self, capacity: groupCount + 1) { spans in
                var replacing = Replacing(text: text, searchable: searchable, outputEnd: start + outputBytesMax)
                return replacing.run(self, template, spans, &output)
            }
        }
        if result == .tooLong { output.removeSubrange(start...) }
        return result
    }

    /// The text with every match replaced; `nil` if the result exceeds `RegexpLimits.replacementBytesMax`. For the control path.
    public func replaceAll(in text: String, with template: RegexpTemplate) -> String? {
        var output: [UInt8] = []
        var mutable = text
        switch mutable.withUTF8({ appendReplacing(in: UnsafeRawBufferPointer($0), with: template, to: &output) }) {
        case .unchanged: return text
        case .replaced: return String(decoding: output, as: UTF8.self)
        case .tooLong: return nil
        }
    }
}

/// One walk over a text, match by match. Offsets are those of the searchable text until bytes are copied.
private struct Replacing {
    let text: UnsafeRawBufferPointer
    let searchable: SearchableText
    let outputEnd: Int
    var copiedEnd = 0

    init(text: UnsafeRawBufferPointer, searchable: SearchableText, outputEnd: Int) {
        self.text = text
        self.searchable = searchable
        self.outputEnd = outputEnd
    }

    mutating func run(
        _ regexp: CompiledRegexp, _ template: RegexpTemplate, _ spans: UnsafeMutableBufferPointer<CaptureSpan>, _ output: inout [UInt8]
    ) -> Replacement {
        var searchStart = 0
        var hasMatched = false
        while searchStart <= searchable.bytes.count, regexp.search(searchable, from: searchStart, into: spans) {
            let match = spans[0]
            guard append(copiedEnd..<match.start, to: &output) else { return .tooLong }
            // An empty match directly behind the previous one would insert the replacement twice.
            if match.end > copiedEnd || match.start == 0 {
                guard expand(template, spans, to: &output) else { return .tooLong }
            }
            hasMatched = true
            copiedEnd = match.end
            searchStart = max(match.end, searchStart + searchable.characterWidth(at: searchStart))
        }
        guard hasMatched else { return .unchanged }
        return append(copiedEnd..<searchable.bytes.count, to: &output) ? .replaced : .tooLong
    }

    private func expand(
        _ template: RegexpTemplate, _ spans: UnsafeMutableBufferPointer<CaptureSpan>, to output: inout [UInt8]
    ) -> Bool {
        for part in template.parts {
            switch part {
            case .literal(let bytes):
                guard output.count + bytes.count <= outputEnd else { return false }
                output += bytes
            case .group(let index):
                guard let range = spans[index].range else { continue }
                guard append(range, to: &output) else { return false }
            }
        }
        return true
    }

    /// Copies from the client's text, not from its repaired copy.
    private func append(_ range: Range<Int>, to output: inout [UInt8]) -> Bool {
        let original = searchable.originalOffset(range.lowerBound)..<searchable.originalOffset(range.upperBound)
        guard output.count + original.count <= outputEnd else { return false }
        output += UnsafeRawBufferPointer(rebasing: text[original])
        return true
    }
}
