internal import Bytes
internal import Eskip
internal import HTTP
internal import Filters

/// What a compiled route does with a request that its filters did not answer.
public enum RouteBackend: Sendable {
    case network(Endpoint)
    case loadBalanced(LoadBalancer)
    case shunt, loopback
    /// The filters choose the server; see `ExchangeSettings`.
    case dynamic

    var kind: RouteFacts.BackendKind {
        switch self {
        case .network: .network
        case .loadBalanced: .loadBalanced
        case .shunt: .shunt
        case .loopback: .loopback
        case .dynamic: .dynamic
        }
    }
}

/// Makes backends of their definitions; one per update.
struct BackendMaker {
    private let registry: EndpointRegistry
    private let groups: EndpointGroupTable
    let clock: RouteClock
    private let acceptsForward: Bool
    /// By hash of the address: most routes of an update name one that another has named.
    private var known: [UInt64: (address: String, endpoint: Endpoint)] = [:]
    /// What workers may still be looking at.
    private(set) var replaced: [any AnyObject & Sendable] = []

    init(registry: EndpointRegistry, groups: EndpointGroupTable, clock: RouteClock, acceptsForward: Bool = false) {
        self.registry = registry
        self.groups = groups
        self.acceptsForward = acceptsForward
        self.clock = clock
    }

    mutating func make(
        _ definition: RouteDefinition, traits: [RouteTrait], replacing previous: RouteBackend?
    ) throws(RouteRefusalCause) -> RouteBackend {
        switch definition.backendKind {
        case .network: return .network(try endpoint(definition.networkAddress ?? ""))
        case .shunt: return .shunt
        case .loopback: return .loopback
        case .dynamic: return .dynamic
        case .forward where acceptsForward: return .shunt
        case .forward:
            throw RouteRefusalCause(.other, "<forward> needs the address that -forward-backend-url gives")
        case .loadBalanced: return .loadBalanced(try balancer(definition, traits, previous))
        }
    }

    private mutating func balancer(
        _ definition: RouteDefinition, _ traits: [RouteTrait], _ previous: RouteBackend?
    ) throws(RouteRefusalCause) -> LoadBalancer {
        let name = definition.lbAlgorithm?.text ?? ""
        guard let algorithm = LoadBalancer.Algorithm(named: name) else {
            throw RouteRefusalCause(.other, LoadBalancerError.unknownAlgorithm(name).reason)
        }
        let group = try group(of: definition, hasRing: algorithm == .consistentHash)
        var former: LoadBalancer?
        if case .loadBalanced(let balancer) = previous { former = balancer }
        return LoadBalancer(algorithm, group, traits: traits, registry: registry, clock: clock, replacing: former)
    }

    // MARK: Groups

    /// The group that a definition names, with the endpoints that it names; else one for the route alone.
    private mutating func group(of definition: RouteDefinition, hasRing: Bool) throws(RouteRefusalCause) -> EndpointGroup {
        guard let key = definition.endpointGroup else { return EndpointGroup(try list(definition, hasRing)) }
        if let known = groups[key] {
            if hasRing, known.keptList.ring == nil { addRing(to: known) }
            // The last word counts, whichever route has it.
            if !known.keptList.isReported { try change(known, definition) }
            return known
        }
        let made = EndpointGroup(try list(definition, hasRing))
        groups.insert(made, key)
        return made
    }

    /// Gives a group the endpoints of a definition.
    mutating func change(_ group: EndpointGroup, _ definition: RouteDefinition) throws(RouteRefusalCause) {
        let former = group.keptList
        if definition.endpointGroup != nil, definition.endpoints.elementsEqual(former.addresses) { return }
        replace(group, by: try list(definition, former.ring != nil))
    }

    /// Gives a group the endpoints that were reported for it.
    mutating func change(_ group: EndpointGroup, _ addresses: [LBEndpoint]) throws(RouteRefusalCause) {
        let former = group.keptList
        if former.isReported, former.addresses == addresses { return }
        replace(group, by: EndpointList(try endpoints(addresses), addresses: addresses, isReported: true, hasRing: former.ring != nil))
    }

    private mutating func addRing(to group: EndpointGroup) {
        let former = group.keptList
        replace(group, by: EndpointList(former.endpoints, addresses: former.addresses, isReported: former.isReported, hasRing: true))
    }

    private mutating func replace(_ group: EndpointGroup, by list: EndpointList) {
        replaced.append(group.replace(by: list))
    }

    private mutating func list(_ definition: RouteDefinition, _ hasRing: Bool) throws(RouteRefusalCause) -> EndpointList {
        let addresses = Array(definition.endpoints)
        return EndpointList(try endpoints(addresses), addresses: definition.endpointGroup != nil ? addresses : [], hasRing: hasRing)
    }

    private mutating func endpoints(_ addresses: [LBEndpoint]) throws(RouteRefusalCause) -> [Endpoint] {
        do throws(LoadBalancerError) { try LoadBalancer.check(addresses.count) } catch { throw RouteRefusalCause(.other, error.reason) }
        var endpoints: [Endpoint] = []
        endpoints.reserveCapacity(addresses.count)
        for address in addresses {
            let endpoint = try endpoint(address.address)
            if let zone = address.zone { registry.setZone(zone, of: endpoint) }
            endpoints.append(endpoint)
        }
        return endpoints
    }

    mutating func endpoint(_ address: String) throws(RouteRefusalCause) -> Endpoint {
        let hash = address.withBytes { SegmentHash.hash($0) }
        if let known = known[hash], known.address == address { return known.endpoint }
        do throws(OriginError) {
            let endpoint = registry.endpoint(for: try Origin.parse(address), now: clock.now)
            known[hash] = (address, endpoint)
            return endpoint
        } catch {
            throw RouteRefusalCause(.failedBackendSplit, "backend \"\(address)\": \(error.reason)")
        }
    }

    // MARK: Changing compiled routes

    /// Lets a route have the endpoints of a definition that differs from its own in nothing else.
    mutating func changeEndpoints(of route: Route, to definition: RouteDefinition) throws(RouteRefusalCause) {
        switch route.backend {
        case .network:
            let former = route.change(definition, try endpoint(definition.networkAddress ?? ""))
            if let former { replaced.append(former) }
        case .loadBalanced(let balancer):
            try change(balancer.group, definition)
            balancer.applyCreationTimes(route.traits, clock)
            _ = route.change(definition, nil)
        case .shunt, .loopback, .dynamic: break
        }
    }
}
