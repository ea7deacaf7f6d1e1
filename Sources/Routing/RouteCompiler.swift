public import Eskip
public import Filters
internal import HTTP

/// What changed among the definitions: by id, an upsert replaces what was there.
public struct RouteChange: Sendable {
    public var upserts: [RouteDefinition]
    public var deletes: [String]
    /// Where the upserts belong.
    public var scope: RouteScope

    public init(upserts: [RouteDefinition] = [], deletes: [String] = [], scope: RouteScope = .shared) {
        self.upserts = upserts
        self.deletes = deletes
        self.scope = scope
    }
}

/// What an update of the compiled routes came to.
public struct RouteUpdate: Sendable {
    public let table: RoutingTable
    /// Routes of this change that cannot be compiled; see `RouteCompiler.diagnostics` for all there are.
    public let diagnostics: [RouteDiagnostic]
    /// Ids of routes that were compiled anew or went.
    public let changedIDs: [String]
}

/// Keeps the compiled form of all definitions and makes tables of it; for the control thread.
///
/// A definition that comes again unchanged keeps its compiled route and with it all its filters know; of a changed one, the
/// filters stay if they are the same.
public final class RouteCompiler {
    private let options: RoutingOptions
    private let filters: FilterRegistry
    private let predicates: PredicateRegistry
    private let environment: PredicateEnvironment
    private let endpoints: EndpointRegistry
    /// The label of a route in metrics by its id.
    private let metricLabel: (String) -> UInt32

    private struct Entry {
        let definition: RouteDefinition
        let scope: RouteScope
        /// Nil for a definition that cannot be compiled.
        let route: Route?
        let diagnostic: RouteDiagnostic?
    }

    private var entries: [String: Entry] = [:]
    public private(set) var table: RoutingTable

    public init(
        options: RoutingOptions = RoutingOptions(), filters: FilterRegistry, predicates: PredicateRegistry = .standard,
        environment: PredicateEnvironment = PredicateEnvironment(), endpoints: EndpointRegistry,
        metricLabel: @escaping (String) -> UInt32 = { _ in 0 }
    ) {
        self.options = options
        self.filters = filters
        self.predicates = predicates
        self.environment = environment
        self.endpoints = endpoints
        self.metricLabel = metricLabel
        table = RoutingTable(options: options, generation: 0, routes: [:], scopes: [:])
    }

    /// Definitions that are left out at present, by id.
    public var diagnostics: [RouteDiagnostic] {
        entries.values.compactMap(\.diagnostic).sorted { $0.routeID < $1.routeID }
    }

    /// Applies a change; what it does not name stays.
    public func apply(_ change: RouteChange, clock: RouteClock) -> RouteUpdate { apply([change], clock: clock) }

    /// Applies several changes, in order, as one.
    public func apply(_ changes: [RouteChange], clock: RouteClock) -> RouteUpdate {
        var changed: Set<String> = []
        var diagnostics: [RouteDiagnostic] = []
        for change in changes {
            for id in change.deletes where entries.removeValue(forKey: id) != nil { changed.insert(id) }
            for definition in change.upserts {
                let id = definition.id
                let former = entries[id]
                if let former, former.scope == change.scope, former.definition == definition {
                    former.diagnostic.map { diagnostics.append($0) }
                    continue
                }
                let entry = compile(definition, id, change.scope, former, clock)
                entries[id] = entry
                changed.insert(id)
                entry.diagnostic.map { diagnostics.append($0) }
            }
        }
        if !changed.isEmpty { table = makeTable() }
        return RouteUpdate(table: table, diagnostics: diagnostics, changedIDs: changed.sorted())
    }

    /// Makes these the only definitions of the shared scope.
    public func replaceAll(with definitions: [RouteDefinition], clock: RouteClock) -> RouteUpdate {
        let ids = Set(definitions.map(\.id))
        let gone = entries.filter { $0.value.scope == .shared && !ids.contains($0.key) }.map(\.key)
        return apply(RouteChange(upserts: definitions, deletes: gone), clock: clock)
    }

    private func makeTable() -> RoutingTable {
        var scopes: [RouteScope: [Route]] = [:]
        var routes: [String: Route] = [:]
        for (id, entry) in entries {
            guard let route = entry.route else { continue }
            scopes[entry.scope, default: []].append(route)
            routes[id] = route
        }
        return RoutingTable(options: options, generation: table.generation + 1, routes: routes, scopes: scopes)
    }
}

// MARK: - One route

extension RouteCompiler {
    private func compile(
        _ definition: RouteDefinition, _ id: String, _ scope: RouteScope, _ former: Entry?, _ clock: RouteClock
    ) -> Entry {
        do throws(RouteRefusalCause) {
            let chain = try chain(of: definition, former: former?.route)
            var compiler = ConditionCompiler(predicates, environment, ignoresTrailingSlash: options.ignoresTrailingSlash)
            let conditions = try compiler.compile(definition.predicates)
            let maker = BackendMaker(registry: endpoints, clock: clock)
            let backend = try maker.make(definition, traits: chain.traits, replacing: former?.route?.backend)
            let facts = RouteFacts(
                id: id, backendKind: backend.kind, backendHost: backend.authority, metricLabel: metricLabel(id))
            let route = Route(definition: definition, facts: facts, backend: backend, chain: chain, conditions: conditions)
            return Entry(definition: definition, scope: scope, route: route, diagnostic: nil)
        } catch {
            let diagnostic = RouteDiagnostic(
                routeID: id, refusal: error.refusal, message: error.message,
                position: error.position ?? (error.refusal == .failedBackendSplit ? definition.backendPosition : nil) ?? definition.position)
            return Entry(definition: definition, scope: scope, route: nil, diagnostic: diagnostic)
        }
    }

    /// The filters of a definition; those of the former one, with all they know, if they are the same.
    private func chain(of definition: RouteDefinition, former: Route?) throws(RouteRefusalCause) -> FilterChain {
        if let former, former.definition.hasFilters(of: definition) { return former.chain }
        var made: [Filter] = []
        var traits: [RouteTrait] = []
        for call in definition.filters {
            switch try instance(call) {
            case .filter(let filter): made.append(filter)
            case .trait(let trait): traits.append(trait)
            case .nothing: break
            }
        }
        return made.isEmpty && traits.isEmpty ? .empty : FilterChain(made, traits: traits)
    }

    private func instance(_ call: Call) throws(RouteRefusalCause) -> FilterInstance {
        let name = call.name
        do throws(FilterArgumentError) {
            if let instance = try filters.make(name, call.arguments) { return instance }
        } catch {
            throw RouteRefusalCause(.invalidFilterParameters, "\(name) \(error.reason)", at: call.position)
        }
        throw RouteRefusalCause(.unknownFilter, "\(name) is no known filter", at: call.position)
    }
}

extension RouteDefinition {
    /// Whether both name the same filters with the same arguments.
    func hasFilters(of other: RouteDefinition) -> Bool {
        filters.count == other.filters.count && zip(filters, other.filters).allSatisfy { left, right in
            left.nameID == right.nameID && left.arguments.elementsEqual(right.arguments)
        }
    }
}

extension RouteBackend {
    /// `host[:port]` of a network backend as it goes into Host.
    var authority: [UInt8] {
        if case .network(let endpoint) = self { endpoint.origin.authority } else { [] }
    }
}
