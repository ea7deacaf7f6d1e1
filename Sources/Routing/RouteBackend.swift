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
    private let clock: RouteClock
    private let acceptsForward: Bool
    /// By hash of the address: most routes of an update name one that another has named.
    private var known: [UInt64: (address: String, endpoint: Endpoint)] = [:]

    init(registry: EndpointRegistry, clock: RouteClock, acceptsForward: Bool = false) {
        self.registry = registry
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
        var endpoints: [Endpoint] = []
        for endpoint in definition.endpoints {
            let known = try self.endpoint(endpoint.address)
            if let zone = endpoint.zone { registry.setZone(zone, of: known) }
            endpoints.append(known)
        }
        var balancer: LoadBalancer?
        if case .loadBalanced(let former) = previous { balancer = former }
        do throws(LoadBalancerError) {
            return try LoadBalancer(
                algorithm: definition.lbAlgorithm?.text ?? "", endpoints: endpoints, traits: traits, registry: registry,
                clock: clock, replacing: balancer)
        } catch {
            throw RouteRefusalCause(.other, error.reason)
        }
    }

    private mutating func endpoint(_ address: String) throws(RouteRefusalCause) -> Endpoint {
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
}
