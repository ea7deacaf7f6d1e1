import Eskip

/// libFuzzer's question: does this input break the parser, or anything that takes what it read?
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzEskip(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: size))
    checkDocument(bytes)
    checkLists(String(decoding: bytes, as: UTF8.self))
    return 0
}

/// What parses prints, and the print parses to the same.
private func checkDocument(_ bytes: [UInt8]) {
    let parsed = RouteDocument.parse(bytes: bytes, sourceName: "fuzz")
    for error in parsed.errors {
        let isInside = error.position.line >= 1 && (1...bytes.count + 1).contains(error.position.column)
        precondition(isInside && !error.rendered.isEmpty, "misplaced: \(error)")
    }
    for route in parsed.document { checkCopy(of: route) }
    guard parsed.isValid else { return }
    var printed: [UInt8] = []
    RoutePrinter.pretty.append(routes: parsed.document, to: &printed)
    let again = RouteDocument.parse(bytes: printed)
    precondition(again.errors.isEmpty, "does not read what it prints: \(again.errors)")
    precondition(again.document.count == parsed.document.count, "prints another number of routes")
    for (read, route) in zip(again.document, parsed.document) {
        precondition(read.isCanonicallyEqual(to: route), "prints another route")
    }
}

private func checkCopy(of route: RouteDefinition) {
    let copy = route.detached()
    precondition(copy == route && copy.contentHash == route.contentHash, "a copy differs")
    precondition(copy.position?.line == route.position?.line, "a copy lost its place")
    var json: [UInt8] = []
    RouteJSON().append(route, to: &json)
    precondition(json.first == UInt8(ascii: "{") && json.last == UInt8(ascii: "}"), "no JSON object")
}

private func checkLists(_ text: String) {
    for parsed in [CallList.parsePredicates(text), CallList.parseFilters(text)] where parsed.isValid {
        for call in parsed.calls { precondition(call.value.arguments.count == call.arguments.count) }
    }
    _ = Template(text).placeholders
    _ = GoDuration.parse(text)
}
