internal import Eskip

/// A route on its way through the rewriting steps: the definition and what is decided to change of it. Only at the end a
/// new definition is written.
struct RouteDraft {
    let definition: RouteDefinition
    var id: String?
    /// Nil as long as they are the definition's own.
    private var predicates: [Call]?
    /// Nil as long as they are the definition's own between the default ones.
    private var filters: [Call]?
    private var defaults: DefaultFilters
    private var backend: BackendDefinition?

    init(_ definition: RouteDefinition, _ defaults: DefaultFilters) {
        self.definition = definition
        self.defaults = defaults
    }

    /// Applies an editor to predicates and filters, the default filters included.
    ///
    /// - Returns: whether anything changed.
    mutating func edit(by editor: Editor, notes: inout [String]) -> Bool {
        let editedPredicates = if let predicates {
            editor.edited(predicates, .predicates, notes: &notes)
        } else {
            editor.edited(definition.predicates, .predicates, notes: &notes)
        }
        let current = filters ?? Array(defaults.prepended) + Array(definition.filters) + Array(defaults.appended)
        let editedFilters = editor.edited(current, .filters, notes: &notes)
        predicates = editedPredicates ?? predicates
        filters = editedFilters ?? filters
        return editedPredicates != nil || editedFilters != nil
    }

    /// `<forward>` becomes a network backend without filters: those are the target's business.
    mutating func forward(to address: String) {
        guard definition.backendKind == .forward else { return }
        backend = .network(address)
        filters = []
    }

    /// Appends the result to a document in the making.
    func write(to builder: inout RouteDocumentBuilder) {
        var edit = RouteEdit()
        edit.id = id
        edit.predicates = predicates.map { CallList($0) }
        edit.backend = backend
        if let filters {
            edit.filters = CallList(filters)
        } else {
            edit.prependedFilters = defaults.prepended
            edit.appendedFilters = defaults.appended
        }
        builder.add(definition, changedBy: edit)
    }
}
