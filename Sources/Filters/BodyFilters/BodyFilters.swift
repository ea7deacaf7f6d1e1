/// Filters that read or rewrite bodies while they stream.
public enum BodyFilters {
    public static let specs: [FilterSpec] = [
        FilterSpec("wrapContent", "(prefix, suffix)", 2, WrapContentFilter.init(text:)),
        FilterSpec("wrapContentHex", "(hexadecimal prefix, suffix)", 2, WrapContentFilter.init(hex:)),
        FilterSpec("blockContent", "(text…)", 1..., BlockContentFilter.init(text:)),
        FilterSpec("blockContentHex", "(hexadecimal text…)", 1..., BlockContentFilter.init(hex:)),
        sed("sed", "(regexp, replacement, [buffer bytes], [\"best-effort\"|\"abort\"])", 2...4, .response, false),
        sed("sedRequest", "(regexp, replacement, [buffer bytes], [\"best-effort\"|\"abort\"])", 2...4, .request, false),
        sed("sedDelim", "(regexp, replacement, delimiter, [buffer bytes], [\"best-effort\"|\"abort\"])", 3...5, .response, true),
        sed("sedRequestDelim", "(regexp, replacement, delimiter, [buffer bytes], [\"best-effort\"|\"abort\"])", 3...5, .request, true),
    ]

    private static func sed(
        _ name: String, _ usage: StaticString, _ counts: ClosedRange<Int>, _ side: SedFilter.Side, _ hasDelimiter: Bool
    ) -> FilterSpec {
        FilterSpec(name, usage, counts) { reader throws(FilterArgumentError) in
            SedFilter(side, try SedEdit(reader, hasDelimiter: hasDelimiter))
        }
    }
}
