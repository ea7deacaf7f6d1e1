public import Bytes
import Eskip
import HTTP

/// A filter's argument with `${…}` placeholders (eskip.md §7), expanded per request into the worker's scratch.
public struct TemplateText: Sendable {
    /// The text itself if it has no placeholder.
    public let constant: [UInt8]?
    private let template: Template

    public init(_ text: String) {
        template = Template(text)
        constant = template.isConstant ? Array(text.utf8) : nil
    }

    /// Calls `body` with the expansion and whether every placeholder had a value.
    ///
    /// - Parameter side: `.response` lets placeholders see the response.
    public func withExpansion<Result>(
        _ context: FilterContext, _ side: MessageSide, _ body: (BorrowedBytes, _ isResolved: Bool) -> Result
    ) -> Result {
        if let constant { return constant.withUnsafeBytes { body($0, true) } }
        return context.withScratch { scratch in
            let isResolved = append(context, side, to: &scratch)
            return scratch.withUnsafeBytes { body($0, isResolved) }
        }
    }

    /// Appends the expansion to `output`.
    ///
    /// - Returns: whether every placeholder had a value.
    public func append(_ context: FilterContext, _ side: MessageSide, to output: inout [UInt8]) -> Bool {
        if let constant {
            output += constant
            return true
        }
        return template.expand(from: ExchangeValues(context: context, side: side), into: &output)
    }
}

extension ArgumentReader {
    public func template(_ position: Int) throws(FilterArgumentError) -> TemplateText { TemplateText(try text(position)) }
}

/// The values that placeholders have in an exchange; put in verbatim.
struct ExchangeValues: TemplateValues {
    let context: FilterContext
    let side: MessageSide

    func appendValue<Sink: TemplateSink & ~Copyable & ~Escapable>(of placeholder: Placeholder, to sink: inout Sink) -> Bool {
        switch placeholder {
        case .requestMethod: put(context.request.methodBytes, to: &sink)
        case .requestHost: put(context.request.host, to: &sink)
        case .requestPath: put(context.request.decodedPath, to: &sink)
        case .requestRawQuery: put(context.request.query, to: &sink)
        case .requestSource: put(ClientAddress.first(context), to: &sink)
        case .requestSourceFromLast: put(ClientAddress.last(context), to: &sink)
        case .requestClientIP: put(ClientAddress.nearest(context), to: &sink)
        case .requestHeader(let name): put(requestField(name), to: &sink)
        case .requestQuery(let name):
            name.bytes.withUnsafeBytes { QueryString.appendFirst($0, of: context.request.query, to: &sink) }
        case .requestCookie(let name): put(cookie(name), to: &sink)
        case .responseHeader(let name): put(responseField(name), to: &sink)
        case .parameter(let name): put(parameter(name), to: &sink)
        }
    }

    private func put<Sink: TemplateSink & ~Copyable & ~Escapable>(_ value: BorrowedBytes?, to sink: inout Sink) -> Bool {
        guard let value, !value.isEmpty else { return false }
        sink.append(value)
        return true
    }

    private func put<Sink: TemplateSink & ~Copyable & ~Escapable>(_ address: IPAddress, to sink: inout Sink) -> Bool {
        withUnsafeTemporaryAllocation(byteCount: IPAddress.textBytesMax, alignment: 1) { text in
            let count = address.write(into: text)
            sink.append(BorrowedBytes(rebasing: text[..<count]))
            return true
        }
    }

    /// Never the Host, which is `${request.host}`.
    private func requestField(_ name: PlaceholderName) -> BorrowedBytes? {
        name.bytes.withUnsafeBytes { $0.equalsIgnoringCase("host") ? nil : context.request.headers.first(named: $0) }
    }

    private func responseField(_ name: PlaceholderName) -> BorrowedBytes? {
        guard side == .response else { return nil }
        return name.bytes.withUnsafeBytes { context.response.headers.first(named: $0) }
    }

    private func cookie(_ name: PlaceholderName) -> BorrowedBytes? {
        name.bytes.withUnsafeBytes { CookiePairs.value($0, in: context.request.headers) }
    }

    private func parameter(_ name: PlaceholderName) -> BorrowedBytes? {
        name.bytes.withUnsafeBytes { context.parameters.range(of: $0) }.map { context.request.headers.slice($0) }
    }
}
