internal import Bytes
public import Eskip
public import Filters
internal import HTTP

/// What changed among the definitions: by id, an upsert replaces what was there.
public struct RouteChange: Sendable {
    public var upserts: [RouteDefinition]
    public var deletes: [String]
    /// Where the upserts belong.
    public var scope: RouteScope
    /// Endpoints of groups, which change after the routes.
    public var groups: [EndpointGroupChange]

    public init(upserts: [RouteDefinition] = [], deletes: [String] = [], scope: RouteScope = .shared, groups: [EndpointGroupChange] = []) {
        self.upserts = upserts
        self.deletes = deletes
        self.scope = scope
        self.groups = groups
    }

    public var isEmpty: Bool { upserts.isEmpty && deletes.isEmpty && groups.isEmpty }
}

/// The endpoints that all routes of a group have from now on.
public struct EndpointGroupChange: Sendable, Equatable {
    /// What the routes' definitions name (`BackendDefinition.loadBalanced`); nothing happens if no route does.
    public var key: String
    /// One at least.
    public var endpoints: [LBEndpoint]

    public init(key: String, endpoints: [LBEndpoint]) {
        self.key = key
        self.endpoints = endpoints
    }
}

/// What an update of the compiled routes came to.
public struct RouteUpdate: Sendable {
    public let table: RoutingTable
    /// Routes of this change that cannot be compiled; see `RouteCompiler.diagnostics` for all there are.
    public let diagnostics: [RouteDiagnostic]
    /// Definitions that were compiled anew or refused.
    public let upserts: [RouteDefinition]
    /// Ids of routes that were deleted.
    public let deletes: [String]
    /// How many routes and groups got other endpoints and nothing else: workers see these without another table.
    public let endpointChangeCount: Int
    /// Changes of groups that could not be made, with the reason.
    public let groupProblems: [String]
    /// What workers may still be looking at, though nothing leads to it any more; for `RoutingTableSlot.retire`.
    public let replaced: [any AnyObject & Sendable]

    /// Whether the table is another than before.
    public var hasChanges: Bool { !upserts.isEmpty || !deletes.isEmpty }

    /// Calls `body` with the id of every route that was compiled anew, refused or deleted; makes their texts.
    public func forEachChangedID(_ body: (String) -> Void) {
        for definition in upserts { body(definition.id) }
        for id in deletes { body(id) }
    }
}

/// Keeps the compiled form of all definitions and makes tables of it; for the control thread.
///
/// An update costs what it changes. A definition that comes again unchanged keeps its compiled route and with it all its
/// filters know; of a changed one, the filters stay if they are the same. If only its endpoints changed, the route itself stays, and the
/// table with it. Memory of former tables is given back by the next update
/// after their end, or by `reclaim`, which somebody should call now and then.
public final class RouteCompiler {
    private let options: RoutingOptions
    private let filters: FilterRegistry
    private let predicates: PredicateRegistry
    private let environment: PredicateEnvironment
    private let endpoints: EndpointRegistry

    let memory = TableMemory()
    private let parts = SharedParts()
    private let groups = EndpointGroupTable()
    /// By id, the definitions that cannot be compiled.
    private var refused: [String: Refused] = [:]
    /// The newest table.
    public private(set) var table: RoutingTable

    private struct Refused {
        let definition: RouteDefinition
        let scope: UInt32
        let diagnostic: RouteDiagnostic
    }

    public init(
        options: RoutingOptions = RoutingOptions(), filters: FilterRegistry, predicates: PredicateRegistry = .standard,
        environment: PredicateEnvironment = PredicateEnvironment(), endpoints: EndpointRegistry
    ) {
        self.options = options
        self.filters = filters
        self.predicates = predicates
        self.environment = environment
        self.endpoints = endpoints
        table = RoutingTable(memory, options: options)
    }

    /// Definitions that are left out at present, by id.
    public var diagnostics: [RouteDiagnostic] {
        refused.values.map(\.diagnostic).sorted { $0.routeID < $1.routeID }
    }

    /// The definition of a route that is left out at present.
    public func refusedDefinition(_ id: String) -> RouteDefinition? { refused[id]?.definition }

    /// Frees what belonged to tables that are gone; costs nothing if there is none.
    public func reclaim() {
        if memory.reclaim() { parts.sweep(for: memory.routes.count) }
    }

    // MARK: Updates

    /// Applies a change; what it does not name stays.
    public func apply(_ change: RouteChange, clock: RouteClock) -> RouteUpdate { apply([change], clock: clock) }

    /// Applies several changes, in order, as one.
    public func apply(_ changes: [RouteChange], clock: RouteClock) -> RouteUpdate {
        memory.reclaim()
        var outcome = Outcome()
        for change in changes {
            for id in change.deletes { delete(id, &outcome) }
            upsert(change.upserts, change.scope, clock, &outcome)
            if !change.groups.isEmpty { self.change(change.groups, clock, &outcome) }
        }
        return publish(outcome)
    }

    /// Makes these the only definitions of the shared scope.
    public func replaceAll(with definitions: [RouteDefinition], clock: RouteClock) -> RouteUpdate {
        memory.reclaim()
        var outcome = Outcome()
        let hadRoutes = memory.routes.count > 0 || !refused.isEmpty
        upsert(definitions, .shared, clock, &outcome)
        if hadRoutes { deleteOthers(than: definitions, &outcome) }
        return publish(outcome)
    }

    private struct Outcome {
        var diagnostics: [RouteDiagnostic] = []
        var upserts: [RouteDefinition] = []
        var deletes: [String] = []
        var endpointChangeCount = 0
        var groupProblems: [String] = []
        var replaced: [any AnyObject & Sendable] = []
    }

    private func publish(_ outcome: Outcome) -> RouteUpdate {
        parts.forgetRecent()
        if !outcome.upserts.isEmpty || !outcome.deletes.isEmpty { table = RoutingTable(memory, options: options) }
        return RouteUpdate(
            table: table, diagnostics: outcome.diagnostics, upserts: outcome.upserts, deletes: outcome.deletes,
            endpointChangeCount: outcome.endpointChangeCount, groupProblems: outcome.groupProblems, replaced: outcome.replaced)
    }

    private func upsert(_ definitions: [RouteDefinition], _ scope: RouteScope, _ clock: RouteClock, _ outcome: inout Outcome) {
        guard !definitions.isEmpty else { return }
        let number = memory.number(of: scope)
        if memory.routes.count == 0, refused.isEmpty, definitions.count >= RoutingLimits.twoThreadsMin {
            memory.reserve(definitions.count)
            if load(definitions, scope, number, clock, &outcome) { return }
        }
        var maker = makeBackendMaker(clock)
        for definition in definitions {
            let former = current(definition)
            if let former, former.scope == number, former.says(definition) || changeEndpoints(of: former, to: definition, &maker, &outcome) { continue }
            if former == nil, isRefusedAlready(definition, number, &outcome) { continue }
            upsert(definition, former, scope, number, &maker, &outcome)
        }
        outcome.replaced += maker.replaced
        memory.dropIfEmpty(scope)
    }

    private func makeBackendMaker(_ clock: RouteClock) -> BackendMaker {
        BackendMaker(registry: endpoints, groups: groups, clock: clock, acceptsForward: options.acceptsForward)
    }

    // MARK: Endpoints

    /// - Returns: whether nothing else was to be changed.
    private func changeEndpoints(
        of route: Route, to definition: RouteDefinition, _ maker: inout BackendMaker, _ outcome: inout Outcome
    ) -> Bool {
        guard route.definition.isSameButForEndpoints(as: definition) else { return false }
        do throws(RouteRefusalCause) {
            try maker.changeEndpoints(of: route, to: definition)
        } catch {
            // The usual way refuses the definition and says why.
            return false
        }
        outcome.endpointChangeCount += 1
        return true
    }

    private func change(_ changes: [EndpointGroupChange], _ clock: RouteClock, _ outcome: inout Outcome) {
        var maker = makeBackendMaker(clock)
        for change in changes {
            guard let group = groups[change.key] else { continue }
            do throws(RouteRefusalCause) {
                try maker.change(group, change.endpoints)
            } catch {
                outcome.groupProblems.append("endpoints of \(change.key): \(error.message); the former ones stay")
            }
        }
        outcome.endpointChangeCount += maker.replaced.count
        outcome.replaced += maker.replaced
    }

    /// Compiles the first routes of a table on two threads.
    ///
    /// - Returns: false if there is but one to be had; then nothing was done.
    private func load(_ definitions: [RouteDefinition], _ scope: RouteScope, _ number: UInt32, _ clock: RouteClock, _ outcome: inout Outcome) -> Bool {
        var maker = makeBackendMaker(clock)
        let isDone = CompilingThread.forEach(definitions) { [self] definition, arena in
            do throws(RouteRefusalCause) {
                let (route, placement) = try compile(definition, number, nil, &maker)
                let idHash = definition.withIdBytes { RouteEntry.hash(ofID: $0) }
                return .compiled(.passRetained(route), placement.place(in: number, arena), idHash: idHash)
            } catch {
                return .refused(error)
            }
        } expect: { compiled in
            guard case .compiled(_, let place, let idHash) = compiled else { return }
            memory.prefetch(place, scope: number)
            memory.routes.view.prefetch(idHash)
        } take: { position, compiled in
            switch compiled {
            case .compiled(let route, let place, let idHash):
                let former = memory.routes.view.route(idHash) { $0.definition.hasID(of: definitions[position]) }
                memory.insert(route, place, scope: number)
                memory.count(1, in: scope)
                if let former { takeOut(former.takeUnretainedValue()) }
                put(route, idHash, replacing: former?.takeUnretainedValue())
                if !refused.isEmpty { refused[definitions[position].id] = nil }
            case .refused(let cause):
                if let former = current(definitions[position]) { drop(former) }
                refuse(definitions[position], number, cause, &outcome)
            }
        }
        outcome.replaced += maker.replaced
        if isDone { outcome.upserts = outcome.upserts.isEmpty ? definitions : outcome.upserts + definitions }
        return isDone
    }

    private func refuse(_ definition: RouteDefinition, _ scope: UInt32, _ cause: RouteRefusalCause, _ outcome: inout Outcome) {
        let diagnostic = cause.diagnostic(of: definition)
        refused[diagnostic.routeID] = Refused(definition: definition, scope: scope, diagnostic: diagnostic)
        outcome.diagnostics.append(diagnostic)
    }

    private func isRefusedAlready(_ definition: RouteDefinition, _ scope: UInt32, _ outcome: inout Outcome) -> Bool {
        guard !refused.isEmpty, let former = refused[definition.id], former.scope == scope, former.definition == definition else { return false }
        outcome.diagnostics.append(former.diagnostic)
        return true
    }

    private func current(_ definition: RouteDefinition) -> Route? {
        definition.withIdBytes { memory.routes.view.route($0)?.takeUnretainedValue() }
    }

    private func upsert(
        _ definition: RouteDefinition, _ former: Route?, _ scope: RouteScope, _ number: UInt32, _ maker: inout BackendMaker,
        _ outcome: inout Outcome
    ) {
        outcome.upserts.append(definition)
        do throws(RouteRefusalCause) {
            let (route, placement) = try compile(definition, number, former, &maker)
            // First in, then out: nodes that both stand at remain.
            memory.insert(route, placement, scope: number)
            memory.count(1, in: scope)
            if let former { takeOut(former) }
            put(.passRetained(route), definition.withIdBytes { RouteEntry.hash(ofID: $0) }, replacing: former)
            if !refused.isEmpty { refused[definition.id] = nil }
        } catch {
            if let former { drop(former) }
            refuse(definition, number, error, &outcome)
        }
    }

    private func delete(_ id: String, _ outcome: inout Outcome) {
        if let route = id.withBytes({ memory.routes.view.route($0)?.takeUnretainedValue() }) {
            drop(route)
        } else if refused.removeValue(forKey: id) == nil {
            return
        }
        outcome.deletes.append(id)
    }

    private func deleteOthers(than definitions: [RouteDefinition], _ outcome: inout Outcome) {
        var wanted: Set<ObjectIdentifier> = []
        var wantedRefused: Set<String> = []
        for definition in definitions {
            if let route = current(definition) { wanted.insert(ObjectIdentifier(route)) } else { wantedRefused.insert(definition.id) }
        }
        var gone: [String] = []
        memory.routes.forEach { entry in
            let route = entry.route.takeUnretainedValue()
            if route.scope == TableMemory.sharedScope, !wanted.contains(ObjectIdentifier(route)) { gone.append(route.id) }
        }
        gone += refused.filter { $0.value.scope == TableMemory.sharedScope && !wantedRefused.contains($0.key) }.keys
        for id in gone { delete(id, &outcome) }
    }

    // MARK: The table

    /// - Parameter route: with a reference, which the table takes over.
    private func put(_ route: Unmanaged<Route>, _ idHash: UInt32, replacing former: Route?) {
        let entry = RouteEntry(route, hash: idHash)
        guard let former else { return memory.routes.insert(entry, &memory.reclaimer) }
        let known = memory.routes.change(idHash, &memory.reclaimer) { $0.pointee.route.toOpaque() == Unmanaged.passUnretained(former).toOpaque() }
        known?.pointee = entry
        memory.reclaimer.retire(.route(.passUnretained(former)), birth: UInt64(former.birth), in: memory.generation)
    }

    private func drop(_ route: Route) {
        takeOut(route)
        let unmanaged = Unmanaged.passUnretained(route)
        route.definition.withIdBytes { id in
            memory.routes.remove(RouteEntry.hash(ofID: id), &memory.reclaimer) { $0.pointee.route.toOpaque() == unmanaged.toOpaque() }
        }
        memory.reclaimer.retire(.route(unmanaged), birth: UInt64(route.birth), in: memory.generation)
    }

    private func takeOut(_ route: Route) {
        var compiler = ConditionCompiler(predicates, environment, ignoresTrailingSlash: options.ignoresTrailingSlash, parts)
        memory.remove(route, compiler.placement(of: route.definition.predicates), scope: route.scope)
        memory.count(-1, inScope: route.scope)
    }
}

// MARK: - One route

extension RouteCompiler {
    private func compile(
        _ definition: RouteDefinition, _ scope: UInt32, _ former: Route?, _ maker: inout BackendMaker
    ) throws(RouteRefusalCause) -> (Route, RoutePlacement) {
        let chain = try chain(of: definition, former: former)
        var compiler = ConditionCompiler(predicates, environment, ignoresTrailingSlash: options.ignoresTrailingSlash, parts)
        let compiled = try compiler.compile(definition.predicates)
        let backend = try maker.make(definition, traits: chain.traits, replacing: former?.backend)
        let route = Route(
            definition: definition, backend: backend, chain: chain, conditions: compiled.conditions,
            scope: scope, birth: UInt32(truncatingIfNeeded: memory.generation))
        return (route, compiled.placement)
    }

    /// The filters of a definition; those of the former one, with all they know, if they are the same.
    private func chain(of definition: RouteDefinition, former: Route?) throws(RouteRefusalCause) -> FilterChain {
        let calls = definition.filters
        if calls.isEmpty { return .empty }
        if let former, former.definition.hasFilters(of: definition) { return former.chain }
        guard calls.allSatisfy({ filters.isStateless($0.nameID) }) else { return try makeChain(calls) }
        let hash = FilterChain.hash(of: calls)
        if let recent = parts.recentChain(definition, hash) { return recent }
        let chain = try parts.chain(FilterChain.key(of: calls)) { () throws(RouteRefusalCause) in try makeChain(calls) }
        parts.noteRecent(chain, definition, hash)
        return chain
    }

    private func makeChain(_ calls: CallList) throws(RouteRefusalCause) -> FilterChain {
        var made: [Filter] = []
        var traits: [RouteTrait] = []
        for call in calls {
            switch try instance(call) {
            case .filter(let filter): made.append(filter)
            case .trait(let trait): traits.append(trait)
            case .nothing: break
            }
        }
        return made.isEmpty && traits.isEmpty ? .empty : FilterChain(made, traits: traits)
    }

    private func instance(_ call: Call) throws(RouteRefusalCause) -> FilterInstance {
        do throws(FilterArgumentError) {
            if let instance = try filters.make(call.nameID, call.arguments) { return instance }
        } catch {
            throw RouteRefusalCause(.invalidFilterParameters, "\(call.name) \(error.reason)", at: call.position)
        }
        let reason = filters.isDisabled(call.nameID) ? "is disabled (-disabled-filters)" : "is no known filter"
        throw RouteRefusalCause(.unknownFilter, "\(call.name) \(reason)", at: call.position)
    }
}

extension FilterChain {
    /// Equal for filters of equal names and string arguments.
    fileprivate static func hash(of calls: CallList) -> UInt64 {
        var hash = SegmentHash()
        for call in calls {
            hash = hash.adding(UInt64(call.nameID.index))
            for position in call.arguments.indices { call.arguments.withStringBytes(at: position) { hash = hash.adding($0) } }
        }
        return hash.value >> 32
    }

    /// Equal for filters of equal names and arguments, in the same order.
    static func key(of calls: CallList) -> [UInt8] {
        var key: [UInt8] = []
        func append(_ word: UInt64) { withUnsafeBytes(of: word) { key += $0 } }
        for call in calls {
            append(UInt64(call.nameID.index) << 32 | UInt64(call.arguments.count))
            for position in call.arguments.indices {
                if let number = call.arguments.number(at: position) {
                    append(.max)
                    append(number.bitPattern)
                } else {
                    call.arguments.withStringBytes(at: position) { text in
                        append(UInt64(text.count))
                        key += text
                    }
                }
            }
        }
        return key
    }
}

extension RouteRefusalCause {
    fileprivate func diagnostic(of definition: RouteDefinition) -> RouteDiagnostic {
        let place = position ?? (refusal == .failedBackendSplit ? definition.backendPosition : nil) ?? definition.position
        return RouteDiagnostic(routeID: definition.id, refusal: refusal, message: Printable.line(message), position: place)
    }
}

extension RouteDefinition {
    fileprivate func hasID(of other: RouteDefinition) -> Bool {
        withIdBytes { id in other.withIdBytes { $0.equals(id) } }
    }

    /// Whether both name the same filters with the same arguments.
    func hasFilters(of other: RouteDefinition) -> Bool {
        filters.count == other.filters.count && zip(filters, other.filters).allSatisfy { left, right in
            left.nameID == right.nameID && left.arguments.elementsEqual(right.arguments)
        }
    }
}
