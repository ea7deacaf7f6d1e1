/// Filters that change one side's fields, filters.md §1.
public enum HeaderFilters {
    public static var specs: [FilterSpec] {
        editing + copying + encoding + SecretHeader.specs + client + hosts + queries + notes
    }

    private static let editing =
        bothSides("set", "Header", "(name, value)", 2...2, SetHeader.init)
        + bothSides("append", "Header", "(name, value)", 2...2, AppendHeader.init)
        + bothSides("drop", "Header", "(name)", 1...1, DropHeader.init)
        + bothSides("mod", "Header", "(name, regexp, replacement)", 3...3, ModHeader.init)
        + bothSides("drop", "HeaderRegexp", "(name, regexp)", 2...2, DropHeaderRegexp.init)
        // As Skipper's documentation calls it.
        + bothSides("drop", "HeaderValueRegexp", "(name, regexp)", 2...2, DropHeaderRegexp.init)
        + [
            // Skipper's first names for appending.
            oneSide("requestHeader", .request, "(name, value)", 2...2, AppendHeader.init),
            oneSide("responseHeader", .response, "(name, value)", 2...2, AppendHeader.init),
        ]

    private static let copying =
        bothSides("copy", "Header", "(source, target)", 2...2, CopyHeader.init)
        + [
            oneSide("requestCopyHeader", .request, "(source, target)", 2...2, CopyHeader.init),
            oneSide("responseCopyHeader", .response, "(source, target)", 2...2, CopyHeader.init),
        ]
        + bothSides("setContext", "Header", "(name, key)", 2...2, SetContextHeader.init)
        + bothSides("appendContext", "Header", "(name, key)", 2...2, AppendContextHeader.init)

    private static let encoding =
        bothSides("encodeBase64", "Header", "(name, [index])", 1...2) { (side, reader) throws(FilterArgumentError) in
            try Base64Header(.encode, side, reader)
        }
        + bothSides("decodeBase64", "Header", "(name, [index])", 1...2) { (side, reader) throws(FilterArgumentError) in
            try Base64Header(.decode, side, reader)
        }
        + bothSides("encode", "Header", "(name, encoding)", 2...2, EncodeHeader.init)

    private static let client: [FilterSpec] = [
        FilterSpec("corsOrigin", "([origin, …])", 0..., CORSOrigin.init),
        FilterSpec("flowId", "([\"reuse\"])", 0..., FlowID.init),
        FilterSpec("xforward") { _, _ in .filter(ForwardedFor(.last)) },
        FilterSpec("xforwardFirst") { _, _ in .filter(ForwardedFor(.first)) },
    ]

    private static let hosts: [FilterSpec] = [
        FilterSpec("preserveHost", "(\"true\"|\"false\")", 1, PreserveHost.init),
        FilterSpec("rfcHost") { _, _ in .filter(RFCHost()) },
    ]

    private static let queries: [FilterSpec] = [
        FilterSpec("headerToQuery", "(header, parameter)", 2, HeaderToQuery.init),
        FilterSpec("queryToHeader", "(parameter, header, [format])", 2...3, QueryToHeader.init),
    ]

    private static let notes: [FilterSpec] = [
        FilterSpec("annotate", "(key, value)", 2, Annotate.init),
        FilterSpec("comment") { _, _ in .nothing },
        FilterSpec("originMarker") { (arguments, _) throws(FilterArgumentError) in
            let reader = try ArgumentReader(arguments, "(origin, id, created)", 3)
            guard InternetTime.seconds(try reader.texts()[2]) != nil else {
                throw reader.refusal(2, "a time like \"2026-08-21T15:30:00Z\"")
            }
            return .nothing
        },
    ]

    typealias Maker = @Sendable (MessageSide, ArgumentReader) throws(FilterArgumentError) -> Filter

    /// The same filter for requests and responses: `<verb>Request<noun>` and `<verb>Response<noun>`.
    private static func bothSides(
        _ verb: String, _ noun: String, _ usage: StaticString, _ counts: ClosedRange<Int>, _ make: @escaping Maker
    ) -> [FilterSpec] {
        [
            oneSide("\(verb)Request\(noun)", .request, usage, counts, make),
            oneSide("\(verb)Response\(noun)", .response, usage, counts, make),
        ]
    }

    private static func oneSide(
        _ name: String, _ side: MessageSide, _ usage: StaticString, _ counts: ClosedRange<Int>, _ make: @escaping Maker
    ) -> FilterSpec {
        FilterSpec(name, usage, counts) { (reader) throws(FilterArgumentError) in try make(side, reader) }
    }
}
