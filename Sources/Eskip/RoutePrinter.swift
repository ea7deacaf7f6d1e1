/// Writes definitions as text that parses back to equal ones (eskip.md §6.1, §6.2).
///
/// Predicates come out in a fixed order: Path, Host, PathRegexp, Method, Header, HeaderRegexp, then the others as
/// written. So the text of canonically equal definitions may differ, but printing what was printed changes nothing.
public struct RoutePrinter: Sendable {
    /// `nil` for one line per route; else what each `->` on a line of its own is indented by.
    public var indent: String?

    public static let compact = RoutePrinter(indent: nil)
    public static let pretty = RoutePrinter(indent: "  ")

    public init(indent: String?) { self.indent = indent }

    /// Appends one route: `id: …;`, or the bare expression if the id is empty.
    public func append(_ definition: RouteDefinition, to output: inout [UInt8]) {
        guard definition.idRef.length > 0 else { return appendExpression(of: definition, to: &output) }
        definition.withIdBytes { output.append(contentsOf: $0) }
        output.append(": ")
        appendExpression(of: definition, to: &output)
        output.append(";")
    }

    /// Appends routes, separated by a line end, or by a blank line in the pretty form, which also ends in one.
    ///
    /// Only a document of one route may hold one without an id: give the others theirs first.
    public func append(routes definitions: some Sequence<RouteDefinition>, to output: inout [UInt8]) {
        var isFirst = true
        for definition in definitions {
            if !isFirst { output.append(indent == nil ? "\n" : "\n\n") }
            append(definition, to: &output)
            isFirst = false
        }
        if indent != nil, !isFirst { output.append("\n") }
    }

    /// Appends what stands behind the id: predicates, filters and backend.
    public func appendExpression(of definition: RouteDefinition, to output: inout [UInt8]) {
        append(predicates: definition.predicatesInPrintOrder(), to: &output)
        for filter in definition.filters {
            appendArrow(to: &output)
            append(filter: filter, to: &output)
        }
        appendArrow(to: &output)
        appendBackend(of: definition, to: &output)
    }

    private func appendArrow(to output: inout [UInt8]) {
        if let indent {
            output.append("\n")
            output.append(contentsOf: indent.utf8)
            output.append("-> ")
        } else {
            output.append(" -> ")
        }
    }
}

// MARK: - As text

extension RoutePrinter {
    /// One route as text.
    public func text(of definition: RouteDefinition) -> String {
        text { append(definition, to: &$0) }
    }

    /// Routes as the text of a document.
    public func text(of definitions: some Sequence<RouteDefinition>) -> String {
        text { append(routes: definitions, to: &$0) }
    }

    /// One predicate as text; what `-edit-route` matches.
    public func text(ofPredicate predicate: Call) -> String {
        text { append(predicate: predicate, to: &$0) }
    }

    /// One filter as text; what `-edit-route` matches.
    public func text(ofFilter filter: Call) -> String {
        text { append(filter: filter, to: &$0) }
    }

    private func text(_ body: (inout [UInt8]) -> Void) -> String {
        var output: [UInt8] = []
        body(&output)
        return String(decoding: output, as: UTF8.self)
    }
}

// MARK: - Parts of a route

extension RoutePrinter {
    /// Appends predicates joined by `&&`, without `Any`; `*` if nothing is left.
    private func append(predicates: [Call], to output: inout [UInt8]) {
        var isFirst = true
        for predicate in predicates where predicate.nameID != .any {
            if !isFirst { output.append(" && ") }
            append(predicate: predicate, to: &output)
            isFirst = false
        }
        if isFirst { output.append("*") }
    }

    /// Appends a predicate; the regexps of Host, PathRegexp and HeaderRegexp stand between slashes.
    public func append(predicate: Call, to output: inout [UInt8]) {
        let regexpAt: Int? = switch predicate.nameID {
        case .host, .pathRegexp: 0
        case .headerRegexp: 1
        default: nil
        }
        append(predicate, regexpAt: regexpAt, to: &output)
    }

    public func append(filter: Call, to output: inout [UInt8]) {
        append(filter, regexpAt: nil, to: &output)
    }

    private func append(_ call: Call, regexpAt: Int?, to output: inout [UInt8]) {
        output.append(contentsOf: call.name.utf8)
        output.append("(")
        let arguments = call.arguments
        for index in arguments.indices {
            if index > 0 { output.append(", ") }
            let ref = arguments.ref(at: index)
            if ref.isNumber {
                NumberText.append(call.document.number(ref), to: &output)
            } else {
                call.document.withBytes(ref) { Literal.append($0, asRegexp: index == regexpAt, to: &output) }
            }
        }
        output.append(")")
    }

    private func appendBackend(of definition: RouteDefinition, to output: inout [UInt8]) {
        switch definition.backendKind {
        case .network:
            let address = definition.document.ref(at: definition.backendStart)
            definition.document.withBytes(address) { Literal.append($0, asRegexp: false, to: &output) }
        case .shunt: output.append("<shunt>")
        case .loopback: output.append("<loopback>")
        case .dynamic: output.append("<dynamic>")
        case .forward: output.append("<forward>")
        case .loadBalanced: appendLoadBalanced(definition, to: &output)
        }
    }

    private func appendLoadBalanced(_ definition: RouteDefinition, to output: inout [UInt8]) {
        output.append("<")
        var separator: StaticString = ""
        if let algorithm = definition.lbAlgorithm {
            output.append(contentsOf: algorithm.text.utf8)
            separator = ", "
        }
        let endpoints = definition.endpoints
        for index in endpoints.indices {
            output.append(separator)
            var address = endpoints.withAddressBytes(at: index) { Array($0) }
            let zone = endpoints.zoneRef(at: index)
            if zone.length > 0 {
                definition.document.withBytes(zone) { LBEndpointAddress.appendZone($0, to: &address) }
            }
            address.withUnsafeBytes { Literal.append($0, asRegexp: false, to: &output) }
            separator = ", "
        }
        output.append(">")
    }
}

// MARK: - Literals

/// Strings and regexps between their delimiters.
enum Literal {
    static func append(_ bytes: UnsafeRawBufferPointer, asRegexp: Bool, to output: inout [UInt8]) {
        if asRegexp, isRegexp(bytes) { appendRegexp(bytes, to: &output) } else { appendString(bytes, to: &output) }
    }

    private static func appendString(_ bytes: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        output.append("\"")
        for byte in bytes {
            if let letter = StringEscape.letter(of: byte) {
                output.append("\\")
                output.append(letter)
            } else {
                if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { output.append("\\") }
                output.append(byte)
            }
        }
        output.append("\"")
    }

    private static func appendRegexp(_ bytes: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        output.append("/")
        for byte in bytes {
            if byte == UInt8(ascii: "/") || byte == UInt8(ascii: "\\") { output.append("\\") }
            output.append(byte)
        }
        output.append("/")
    }

    /// Whether the text survives between slashes: `//` would be a comment, and behind a class that the lexer finds
    /// open the closing slash would not count. (Backslashes double, so none hides a bracket from the lexer.)
    private static func isRegexp(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var isInClass = false
        for byte in bytes {
            if byte == UInt8(ascii: "[") { isInClass = true }
            if byte == UInt8(ascii: "]") { isInClass = false }
        }
        return !bytes.isEmpty && !isInClass
    }
}

extension [UInt8] {
    /// Appends fixed text, without a `String` in between.
    mutating func append(_ text: StaticString) {
        append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }
}
