/// What to change of a definition; the default changes nothing.
public struct RouteEdit: Sendable {
    /// The new id.
    public var id: String?
    /// Replaces the definition's own predicates.
    public var predicates: CallList?
    public var appendedPredicates = CallList.empty
    /// Replaces the definition's own filters.
    public var filters: CallList?
    public var prependedFilters = CallList.empty
    public var appendedFilters = CallList.empty
    /// Replaces the backend.
    public var backend: BackendDefinition?

    public init() {}

    var changesPredicates: Bool {
        predicates != nil || !appendedPredicates.isEmpty
    }
}

extension RouteDefinition {
    /// A definition of its own, made of values. For many routes `RouteDocumentBuilder` shares one document.
    ///
    /// `Any` is left out; of several `Method`, or `Header` of one name, the last stays (eskip.md §3).
    public static func make(
        id: String, predicates: [CallValue] = [], filters: [CallValue] = [], backend: BackendDefinition
    ) -> RouteDefinition {
        var builder = RouteDocumentBuilder()
        builder.add(id: id, predicates: predicates, filters: filters, backend: backend)
        return builder.finish()[0]
    }

    /// A copy in a document of its own, so that keeping it does not keep the rest of a large document.
    ///
    /// It is equal to the original and knows its line and column, but not the text of the line.
    public func detached() -> RouteDefinition { changed(by: RouteEdit()) }

    /// A changed copy in a document of its own. To change many, add them to a `RouteDocumentBuilder`.
    public func changed(by edit: RouteEdit) -> RouteDefinition {
        var builder = RouteDocumentBuilder(sourceName: document.sourceName)
        builder.add(self, changedBy: edit)
        return builder.finish()[0]
    }

    /// The same for what a closure sets: `changed { $0.id = "other" }`.
    public func changed(_ set: (inout RouteEdit) -> Void) -> RouteDefinition {
        var edit = RouteEdit()
        set(&edit)
        return changed(by: edit)
    }
}

extension CallList {
    /// A list made of values, in their order; nothing is left out.
    public init(_ values: [CallValue]) {
        self = RouteDocumentBuilder.list(of: values)
    }

    /// A list of calls of any documents, in their order; nothing is left out. Calls of documents of the first one's
    /// source keep their positions.
    public init(_ calls: [Call]) {
        self = RouteDocumentBuilder.list(of: calls, sourceName: calls.first?.document.sourceName ?? "")
    }
}

/// The predicates that stay of a list which no document brought (eskip.md §3): a later `Method`, or `Header` of the same
/// name, replaces an earlier one, and `Any` says nothing.
enum PredicateReplacement {
    static func kept<Predicate: PredicateFacts>(_ predicates: [Predicate]) -> [Predicate] {
        var hasMethod = false
        var headers: Set<String> = []
        let kept = predicates.reversed().filter { predicate in
            switch predicate.nameID {
            case .any: return false
            case .method:
                defer { hasMethod = true }
                return !hasMethod
            case .header:
                guard let header = predicate.firstString else { return true }
                return headers.insert(header).inserted
            default: return true
            }
        }
        return kept.reversed()
    }
}

/// What `PredicateReplacement` needs to know of a predicate.
protocol PredicateFacts {
    var nameID: Name { get }
    var firstString: String? { get }
}

extension Call: PredicateFacts {
    var firstString: String? { arguments.string(at: 0) }
}

extension CallValue: PredicateFacts {
    var nameID: Name { name }
    var firstString: String? {
        if case .string(let string) = arguments.first { string } else { nil }
    }
}
