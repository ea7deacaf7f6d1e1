/// Builds a document from values and from definitions of other documents.
///
/// For many routes: all of them share the one document that `finish` returns. For a single route see
/// `RouteDefinition.make`. As everywhere outside parsed documents (eskip.md §3), nothing is refused: `Any` is left out,
/// of several `Method`, or `Header` of one name, the last stays, and the rest shows when the route is compiled.
public struct RouteDocumentBuilder {
    private let sourceName: String
    private var text = DecodedText(base: 0)
    private var writer = RecordWriter()
    private var scratch = RouteScratch()
    private var sharedTexts = SharedTexts()

    /// - Parameter sourceName: what messages call the source. Definitions added from a document of the same name keep
    ///   their line and column (up to 4,194,303 and 1,022).
    public init(sourceName: String = "") {
        self.sourceName = sourceName
    }

    /// Routes added so far.
    public var count: Int { writer.routeCount }

    /// Adds a route made of values.
    public mutating func add(
        id: String, predicates: [CallValue], filters: [CallValue], backend: BackendDefinition
    ) {
        scratch.reset()
        scratch.id = text.append(id.utf8)
        for call in PredicateReplacement.kept(predicates) { append(call) }
        scratch.endPredicates()
        for call in filters { append(call) }
        append(backend)
        endRoute()
    }

    /// Adds a route of another document, changed on the way.
    public mutating func add(_ definition: RouteDefinition, changedBy edit: RouteEdit = RouteEdit()) {
        scratch.reset()
        scratch.id = edit.id.map { text.append($0.utf8) } ?? copy(definition.idRef, from: definition.document)
        scratch.position = packed(definition.position, of: definition.document)
        addPredicates(of: definition, changedBy: edit)
        scratch.endPredicates()
        for call in edit.prependedFilters { append(call, isShared: true) }
        for call in edit.filters ?? definition.filters { append(call) }
        for call in edit.appendedFilters { append(call, isShared: true) }
        if let backend = edit.backend { append(backend) } else { appendBackend(of: definition) }
        endRoute()
    }

    /// The document of everything added. The builder is used up.
    public consuming func finish() -> RouteDocument {
        writer.finish(sourceName: sourceName, source: [], decoded: text.bytes)
    }

    /// A record without id and backend, whose predicates are `calls`: the carrier of a `CallList`.
    static func list(of calls: some Sequence<Call>, sourceName: String) -> CallList {
        var builder = RouteDocumentBuilder(sourceName: sourceName)
        for call in calls { builder.append(call) }
        return builder.finishList()
    }

    static func list(of calls: some Sequence<CallValue>) -> CallList {
        var builder = RouteDocumentBuilder()
        for call in calls { builder.append(call) }
        return builder.finishList()
    }

    private consuming func finishList() -> CallList {
        scratch.endPredicates()
        endRoute()
        return finish()[0].predicates
    }
}

// MARK: - Parts of a route

extension RouteDocumentBuilder {
    private mutating func endRoute() {
        precondition(
            scratch.predicateCount <= EskipLimits.callsPerRouteMax
                && scratch.callCount - scratch.predicateCount <= EskipLimits.callsPerRouteMax,
            "more than \(EskipLimits.callsPerRouteMax) predicates or filters in one route")
        writer.append(scratch)
    }

    private mutating func addPredicates(of definition: RouteDefinition, changedBy edit: RouteEdit) {
        let own = edit.predicates ?? definition.predicates
        guard edit.changesPredicates else {
            // What a definition holds has been through this once.
            for call in own { append(call) }
            return
        }
        let calls = Array(own) + Array(edit.appendedPredicates)
        for call in PredicateReplacement.kept(calls) { append(call) }
    }

    private mutating func append(_ call: CallValue) {
        for argument in call.arguments {
            switch argument {
            case .string(let string): scratch.append(text.append(string.utf8))
            case .number(let number): scratch.append(text.append(number))
            }
        }
        scratch.endCall(call.name, position: PositionWord.none)
    }

    private mutating func append(_ call: Call, isShared: Bool = false) {
        let arguments = call.arguments
        for index in arguments.indices {
            let ref = arguments.ref(at: index)
            scratch.append(isShared ? copyShared(ref, from: call.document) : copy(ref, from: call.document))
        }
        scratch.endCall(call.nameID, position: packed(call.position, of: call.document))
    }

    private mutating func append(_ backend: BackendDefinition) {
        switch backend {
        case .network(let address):
            scratch.setBackend(BackendWord(.network), position: PositionWord.none)
            scratch.appendBackend(text.append(address.utf8))
        case .shunt: scratch.setBackend(BackendWord(.shunt), position: PositionWord.none)
        case .loopback: scratch.setBackend(BackendWord(.loopback), position: PositionWord.none)
        case .dynamic: scratch.setBackend(BackendWord(.dynamic), position: PositionWord.none)
        case .forward: scratch.setBackend(BackendWord(.forward), position: PositionWord.none)
        case .loadBalanced(let algorithm, let endpoints, let group):
            append(algorithm: algorithm.isEmpty ? nil : Name(algorithm), endpoints, group)
        }
    }

    private mutating func append(algorithm: Name?, _ endpoints: [LBEndpoint], _ group: String?) {
        precondition(endpoints.count <= EskipLimits.endpointsMax, "\(endpoints.count) endpoints in one route")
        let hasZones = endpoints.contains { $0.zone?.isEmpty == false }
        scratch.setBackend(
            BackendWord(.loadBalanced, endpointCount: endpoints.count, hasZones: hasZones, hasGroup: group != nil),
            position: PositionWord.none)
        scratch.appendBackend(algorithm: algorithm)
        for endpoint in endpoints {
            scratch.appendBackend(text.append(endpoint.address.utf8))
            if hasZones { scratch.appendBackend(text.append((endpoint.zone ?? "").utf8)) }
        }
        if let group { scratch.appendBackend(text.append(group.utf8)) }
    }

    private mutating func appendBackend(of definition: RouteDefinition) {
        let document = definition.document, start = definition.backendStart
        let word = definition.backendWord
        scratch.setBackend(word, position: packed(definition.backendPosition, of: document))
        switch word.kind {
        case .network:
            scratch.appendBackend(copy(document.ref(at: start), from: document))
        case .loadBalanced:
            scratch.appendBackend(algorithm: definition.lbAlgorithm)
            for ref in 0..<word.refCount {
                scratch.appendBackend(copy(document.ref(at: start + 1 + 2 * ref), from: document))
            }
        case .shunt, .loopback, .dynamic, .forward: break
        }
    }
}

// MARK: - Text of other documents

extension RouteDocumentBuilder {
    private mutating func copy(_ ref: TextRef, from document: RouteDocument) -> TextRef {
        if ref.length == TextRef.integerMark { return ref }
        if ref.isNumber { return text.append(document.number(ref)) }
        return document.withBytes(ref) { text.append($0) }
    }

    /// Copies text that many routes repeat (default filters) once.
    private mutating func copyShared(_ ref: TextRef, from document: RouteDocument) -> TextRef {
        if let known = sharedTexts.ref(ref, of: document) { return known }
        let copied = copy(ref, from: document)
        sharedTexts.remember(copied, as: ref, of: document)
        return copied
    }

    private func packed(_ position: SourcePosition?, of document: RouteDocument) -> UInt32 {
        guard let position, document.sourceName == sourceName else { return PositionWord.none }
        return PositionWord.pack(position)
    }
}

/// Where text of other documents was copied to. Keeps these documents, lest another one take their identity.
private struct SharedTexts {
    private struct Key: Hashable {
        let document: ObjectIdentifier
        let offset, length: UInt32
    }

    private var documents: [ObjectIdentifier: RouteDocument] = [:]
    private var refs: [Key: TextRef] = [:]

    func ref(_ ref: TextRef, of document: RouteDocument) -> TextRef? {
        refs[Key(document: ObjectIdentifier(document), offset: ref.offset, length: ref.length)]
    }

    mutating func remember(_ copied: TextRef, as ref: TextRef, of document: RouteDocument) {
        documents[ObjectIdentifier(document)] = document
        refs[Key(document: ObjectIdentifier(document), offset: ref.offset, length: ref.length)] = copied
    }
}
