/// Writes definitions as JSON (eskip.md §6.4): what the support listener and `fairway print --json` answer.
public struct RouteJSON: Sendable {
    public init() {}

    /// Appends an array of routes.
    ///
    /// - Parameter error: what is wrong with a route, for the member `error`; `nil` leaves the member out.
    public func append(
        routes definitions: some Sequence<RouteDefinition>, to output: inout [UInt8],
        error: (RouteDefinition) -> String? = { _ in nil }
    ) {
        JSONText.append(definitions, open: "[", close: "]", to: &output) { definition, output in
            append(definition, error: error(definition), to: &output)
        }
    }

    /// Appends one route as an object. Empty members are left out; predicates stand in canonical order, by name.
    public func append(_ definition: RouteDefinition, error: String? = nil, to output: inout [UInt8]) {
        var object = JSONObject(openedIn: &output)
        if definition.idRef.length > 0 {
            object.member("id", in: &output)
            definition.withIdBytes { JSONText.append($0, to: &output) }
        }
        if let error {
            object.member("error", in: &output)
            JSONText.append(error, to: &output)
        }
        appendBackend(of: definition, to: &object, in: &output)
        append(
            canonicalPredicates(of: definition), as: "predicates", to: &object, in: &output)
        append(definition.filters, as: "filters", to: &object, in: &output)
        output.append("}")
    }
}

// MARK: - Members

extension RouteJSON {
    /// The array of a route's predicates, in canonical order.
    public func predicates(of definition: RouteDefinition) -> [UInt8] {
        var output: [UInt8] = []
        append(canonicalPredicates(of: definition), to: &output)
        return output
    }

    /// The array of a route's filters.
    public func filters(of definition: RouteDefinition) -> [UInt8] {
        var output: [UInt8] = []
        append(definition.filters, to: &output)
        return output
    }

    private func canonicalPredicates(of definition: RouteDefinition) -> [Call] {
        definition.predicatesInPrintOrder().filter { $0.nameID != .any }.stablySorted { $0.name < $1.name }
    }

    private func append(
        _ calls: some Collection<Call>, as key: StaticString, to object: inout JSONObject, in output: inout [UInt8]
    ) {
        guard !calls.isEmpty else { return }
        object.member(key, in: &output)
        append(calls, to: &output)
    }

    private func append(_ calls: some Collection<Call>, to output: inout [UInt8]) {
        JSONText.append(calls, open: "[", close: "]", to: &output) { call, output in
            var object = JSONObject(openedIn: &output)
            object.member("name", in: &output)
            JSONText.append(call.name, to: &output)
            object.member("args", in: &output)
            append(call.arguments, of: call.document, to: &output)
            output.append("}")
        }
    }

    private func append(_ arguments: Arguments, of document: RouteDocument, to output: inout [UInt8]) {
        JSONText.append(arguments.indices, open: "[", close: "]", to: &output) { index, output in
            let ref = arguments.ref(at: index)
            if ref.isNumber {
                NumberText.append(document.number(ref), to: &output)
            } else {
                document.withBytes(ref) { JSONText.append($0, to: &output) }
            }
        }
    }

    private func appendBackend(of definition: RouteDefinition, to object: inout JSONObject, in output: inout [UInt8]) {
        let kind = definition.backendKind
        // A network route without an address has nothing to say about its backend.
        if kind == .network, definition.networkAddress?.isEmpty ?? true { return }
        object.member("backend", in: &output)
        var backend = JSONObject(openedIn: &output)
        backend.member("type", in: &output)
        JSONText.append(kind.jsonText, to: &output)
        if let address = definition.networkAddress {
            backend.member("address", in: &output)
            JSONText.append(address, to: &output)
        }
        if let algorithm = definition.lbAlgorithm {
            backend.member("algorithm", in: &output)
            JSONText.append(algorithm.text, to: &output)
        }
        let endpoints = definition.endpoints
        if !endpoints.isEmpty {
            backend.member("endpoints", in: &output)
            JSONText.append(endpoints.indices, open: "[", close: "]", to: &output) { index, output in
                endpoints.withAddressBytes(at: index) { JSONText.append($0, to: &output) }
            }
        }
        output.append("}")
    }
}

/// An object being written: knows whether the next member needs a comma.
private struct JSONObject {
    private var isEmpty = true

    init(openedIn output: inout [UInt8]) { output.append("{") }

    mutating func member(_ key: StaticString, in output: inout [UInt8]) {
        output.append(isEmpty ? "\"" : ",\"")
        output.append(key)
        output.append("\":")
        isEmpty = false
    }
}

/// JSON's strings and arrays, RFC 8259.
enum JSONText {
    static func append<Elements: Sequence>(
        _ elements: Elements, open: StaticString, close: StaticString, to output: inout [UInt8],
        element: (Elements.Element, inout [UInt8]) -> Void
    ) {
        output.append(open)
        var isFirst = true
        for value in elements {
            if !isFirst { output.append(",") }
            element(value, &output)
            isFirst = false
        }
        output.append(close)
    }

    /// Invalid UTF-8 is repaired, since JSON has no other.
    static func append(_ bytes: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        append(String(decoding: bytes, as: UTF8.self), to: &output)
    }

    static func append(_ text: String, to output: inout [UInt8]) {
        output.append("\"")
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""): output.append("\\\"")
            case UInt8(ascii: "\\"): output.append("\\\\")
            case 0x08: output.append("\\b")
            case 0x09: output.append("\\t")
            case 0x0A: output.append("\\n")
            case 0x0C: output.append("\\f")
            case 0x0D: output.append("\\r")
            case ..<0x20:
                output.append("\\u00")
                output.append(contentsOf: [UInt8.hexDigits[Int(byte >> 4)], UInt8.hexDigits[Int(byte & 15)]])
            default: output.append(byte)
            }
        }
        output.append("\"")
    }
}
