/// Reads the grammar of eskip.md §2 into records.
///
/// One token of lookahead. A function that meets what the grammar forbids notes the error and throws `RouteRefused`;
/// `document()` catches it, skips to the next `;` and goes on, so that every route with an error has its say. Errors
/// that leave the grammar intact (§3) are noted without being thrown.
struct Parser {
    var lexer: Lexer
    var token: Token
    /// The token before `token`: a literal there may have swallowed what should follow it.
    private(set) var previous: Token
    var route = RouteScratch()
    var text: DecodedText
    var errors = ErrorCollector()
    private var writer = RecordWriter()
    private var names = NameCache()
    var facts = PredicateFactsOfRoute()
    private(set) var isTruncated = false
    /// Whether a literal without an end took up the rest of the source: with more text behind, it would be another one.
    private var meetsOpenEnd = false
    /// Bytes that may still be read twice in recoveries; bounds the work of a hostile document.
    private var rereadBytesLeft: Int

    init(source: [UInt8]) {
        lexer = Lexer(source: source)
        text = DecodedText(base: source.count)
        rereadBytesLeft = 4 * source.count
        previous = Token(kind: .semicolon, start: 0, end: 0)
        token = previous
        advance()
    }

    var source: [UInt8] { lexer.source }

    mutating func advance() {
        previous = token
        token = lexer.next()
    }

    /// What a part came to, instead of `finish`.
    consuming func finishPart() -> (writer: RecordWriter, decoded: [UInt8], errors: ErrorCollector) { (writer, text.bytes, errors) }

    consuming func finish(sourceName: String, start: SourceStart = .ofText) -> RouteDocument {
        writer.finish(sourceName: sourceName, source: lexer.source, decoded: text.bytes, start: start)
    }
}

/// Thrown after an error was noted: the rest of the route cannot be read.
struct RouteRefused: Error {}

// MARK: - Documents

extension Parser {
    /// A route list, or one bare route.
    mutating func document() {
        routes(mayBeBare: token.kind != .semicolon)
    }

    /// A part of a list of named routes.
    ///
    /// - Returns: whether it came to what it comes to when the whole list is read, errors included, and another route may begin behind it
    ///   unless it is the last one.
    mutating func documentPart(mayBeBare: Bool, isLast: Bool) -> Bool {
        routes(mayBeBare: mayBeBare && token.kind != .semicolon)
        return token.kind == .end && !isTruncated && (isLast || previous.kind == .semicolon && !meetsOpenEnd)
    }

    private mutating func routes(mayBeBare: Bool) {
        var mayBeBare = mayBeBare
        skipSemicolons()
        while token.kind != .end {
            let errorsBefore = errors.count
            do throws(RouteRefused) {
                try definition(mayBeBare: mayBeBare)
                if errors.count == errorsBefore { writer.append(route) }
            } catch {
                recover()
            }
            mayBeBare = false
            isTruncated = isTruncated || (errors.isFull && token.kind != .end)
            if isTruncated { return }
            skipSemicolons()
        }
    }

    private mutating func skipSemicolons() {
        while token.kind == .semicolon { advance() }
    }

    private mutating func definition(mayBeBare: Bool) throws(RouteRefused) {
        route.reset()
        facts.reset()
        errors.routeID = 0..<0
        route.position = UInt32(token.start)
        var first: Token?
        let isNamed = try routeID(mayBeBare: mayBeBare, predicate: &first)
        try predicates(first: first)
        try filtersAndBackend()
        try endOfDefinition(isNamed: isNamed)
    }

    /// Reads `id:`. A bare route has none: then what was read is the name of its first predicate, if any.
    private mutating func routeID(mayBeBare: Bool, predicate: inout Token?) throws(RouteRefused) -> Bool {
        if mayBeBare, token.kind == .star { return false }
        guard token.kind == .symbol else { throw expected(mayBeBare ? "a route id or a predicate" : "a route id") }
        let symbol = token
        advance()
        if token.kind == .openParen, mayBeBare {
            predicate = symbol
            return false
        }
        if token.kind == .openParen {
            let name = Printable.quoted(source[symbol.range])
            throw refuse("a route in a list needs an id before its predicates, as in \"id: \(name)(…)\"", at: symbol.range)
        }
        errors.routeID = symbol.range
        guard token.kind == .colon else {
            throw expected("\":\" after the route id (ids are made of letters, digits and _)")
        }
        advance()
        route.id = TextRef(offset: UInt32(symbol.start), length: UInt32(symbol.range.count))
        return true
    }

    private mutating func endOfDefinition(isNamed: Bool) throws(RouteRefused) {
        switch token.kind {
        case .end: return
        case .semicolon where isNamed: return
        case .semicolon:
            throw refuse(
                "a route without an id is a document of its own: give it one, \"id: …;\", or drop the \";\"",
                at: token.range)
        default:
            throw expected(isNamed ? "\";\" or the end of the document behind the backend"
                : "the end of the document behind the backend of a route without an id")
        }
    }

    /// Skips the rest of a refused route. If a literal reaches into later definitions, its end was probably
    /// forgotten: then these are read again, and have their own say.
    private mutating func recover() {
        noteOpenEnd()
        if previous.isLiteral, restart(inside: previous) { return }
        while token.kind != .semicolon && token.kind != .end {
            let isSuspect = token.isLiteral || token.kind == .invalid
            if isSuspect, restart(inside: token) { return }
            advance()
            noteOpenEnd()
        }
    }

    private mutating func noteOpenEnd() {
        if token.kind == .invalid, token.end == source.count { meetsOpenEnd = true }
    }

    private mutating func restart(inside literal: Token) -> Bool {
        guard literal.range.count > 1, let start = lexer.definitionStart(in: literal.range) else { return false }
        rereadBytesLeft -= token.end - start
        guard rereadBytesLeft >= 0 else {
            isTruncated = true
            return false
        }
        lexer.move(to: start)
        advance()
        return true
    }
}

// MARK: - Routes

extension Parser {
    /// - Parameter first: the name of the first predicate if it was read already.
    private mutating func predicates(first: Token?) throws(RouteRefused) {
        var name = first
        repeat {
            if name == nil, token.kind == .star {
                advance()
            } else {
                try predicate(name: name)
            }
            name = nil
        } while take(.and)
        guard take(.arrow) else {
            throw expected("\"&&\" and a predicate, or \"->\" and a filter or backend")
        }
        route.endPredicates()
    }

    private mutating func predicate(name: Token?) throws(RouteRefused) {
        let argumentsBefore = route.argumentCount
        let (name, place) = try call(name: name, expected: "a predicate such as Path(\"/\") or *")
        if name == .any {
            route.truncateArguments(to: argumentsBefore)
            return
        }
        route.endCall(name, position: UInt32(place.lowerBound))
        try checkCallCount(route.callCount, "predicates", at: place)
        if name.isLegacyPredicate { checkLegacy(name, from: argumentsBefore, at: place) }
    }

    private mutating func filtersAndBackend() throws(RouteRefused) {
        while token.kind == .symbol {
            try filter()
            guard take(.arrow) else {
                throw expected("\"->\" and a backend (a route ends in one such as \"http://host:port\" or <shunt>)")
            }
        }
        try backend()
    }

    private mutating func filter() throws(RouteRefused) {
        let (name, place) = try call(name: nil, expected: "a filter")
        route.endCall(name, position: UInt32(place.lowerBound))
        try checkCallCount(route.callCount - route.predicateCount, "filters", at: place)
    }

    private mutating func checkCallCount(_ count: Int, _ what: String, at place: Range<Int>) throws(RouteRefused) {
        guard count > EskipLimits.callsPerRouteMax else { return }
        throw refuse("a route has \(EskipLimits.callsPerRouteMax) \(what) at most", at: place)
    }

    mutating func take(_ kind: TokenKind) -> Bool {
        guard token.kind == kind else { return false }
        advance()
        return true
    }
}

// MARK: - Calls

extension Parser {
    /// Reads a name, unless it was read already, and its arguments; the caller ends the call.
    private mutating func call(
        name: Token?, expected what: String
    ) throws(RouteRefused) -> (name: Name, place: Range<Int>) {
        let place = name ?? token
        if name == nil {
            guard token.kind == .symbol else { throw expected(what) }
            advance()
        }
        let name = try interned(place)
        guard take(.openParen) else {
            throw expected("\"(\" after \(quoted(place)): parentheses are needed even without arguments")
        }
        try arguments(of: place)
        return (name, place.range)
    }

    private mutating func arguments(of name: Token) throws(RouteRefused) {
        // A comma may lead the list (eskip.md §2: accepted, never printed), but not end it.
        let hasLeadingComma = take(.comma)
        if token.kind == .closeParen, !hasLeadingComma { return advance() }
        let first = route.argumentCount
        repeat { try argument(of: name) } while take(.comma)
        guard route.argumentCount - first <= EskipLimits.argumentsPerCallMax else {
            throw refuse("\(quoted(name)) has more than \(EskipLimits.argumentsPerCallMax) arguments", at: name.range)
        }
        guard take(.closeParen) else { throw expected("\",\" or \")\" after an argument of \(quoted(name))") }
    }

    private mutating func argument(of name: Token) throws(RouteRefused) {
        switch token.kind {
        case .string, .regexp: route.append(text.value(of: token, in: source))
        case .number:
            guard let number = NumberLiteral.value(source[token.range]) else {
                throw refuse("the number \(quoted(token)) is out of range", at: token.range)
            }
            route.append(text.append(number))
        default: throw expectedArgument(of: name)
        }
        advance()
    }

    mutating func interned(_ symbol: Token) throws(RouteRefused) -> Name {
        guard symbol.range.count <= EskipLimits.nameBytesMax else {
            throw refuse("a name has \(EskipLimits.nameBytesMax) characters at most", at: symbol.range)
        }
        guard let name = names.name(at: symbol.range, in: source) else {
            throw refuse(
                "\(quoted(symbol)) is one name too many: this process has met \(EskipLimits.namesMax) different ones",
                at: symbol.range)
        }
        return name
    }
}

// MARK: - Predicate lists and filter chains

extension Parser {
    /// A predicate list alone: `*` is dropped, `Any` kept, nothing checked.
    mutating func predicateList() {
        list(separator: .and) { (parser) throws(RouteRefused) in
            if parser.take(.star) { return }
            let (name, place) = try parser.call(name: nil, expected: "a predicate such as Path(\"/\") or *")
            parser.route.endCall(name, position: UInt32(place.lowerBound))
        } expected: { "\"&&\" and a predicate, or the end" }
    }

    /// A filter chain alone.
    mutating func filterChain() {
        list(separator: .arrow) { (parser) throws(RouteRefused) in
            let (name, place) = try parser.call(name: nil, expected: "a filter")
            parser.route.endCall(name, position: UInt32(place.lowerBound))
        } expected: { "\"->\" and a filter, or the end" }
    }

    /// Reads elements up to the end. After an error it goes on behind the next separator.
    private mutating func list(
        separator: TokenKind, element: (inout Parser) throws(RouteRefused) -> Void, expected what: () -> String
    ) {
        if token.kind != .end {
            repeat {
                do throws(RouteRefused) {
                    try element(&self)
                    try checkCallCount(route.callCount, "predicates or filters", at: previous.range)
                    guard token.kind == separator || token.kind == .end else { throw expected(what()) }
                } catch {
                    while token.kind != separator && token.kind != .end { advance() }
                }
            } while take(separator) && !errors.isFull
        }
        route.endPredicates()
        writer.append(route)
    }
}
