internal import Eskip
internal import Synchronization

/// What an update that changed nothing but endpoints left beside a compiled route: the definition that counts now and, of a network
/// backend, the endpoint. Made with the first such update; lives as long as the route.
final class ChangedBackend: Sendable {
    private struct State {
        var definition: RouteDefinition
        var endpoint: Endpoint?
    }

    private let state: Mutex<State>
    /// The same endpoint for workers, who do not lock; nil for balanced backends, whose group has them.
    private let published: Atomic<Unmanaged<Endpoint>?>

    init(_ definition: RouteDefinition, _ endpoint: Endpoint?) {
        state = Mutex(State(definition: definition, endpoint: endpoint))
        published = Atomic(endpoint.map { .passUnretained($0) })
    }

    var definition: RouteDefinition { state.withLock { $0.definition } }

    /// The endpoint of a network backend; for workers, and for the thread that changes it.
    var endpoint: Endpoint? {
        published.load(ordering: .acquiring)?.takeUnretainedValue()
    }

    /// - Returns: the former endpoint, at which workers may still be looking.
    func replace(_ definition: RouteDefinition, _ endpoint: Endpoint?) -> Endpoint? {
        state.withLock { state in
            defer { state = State(definition: definition, endpoint: endpoint) }
            published.store(endpoint.map { .passUnretained($0) }, ordering: .releasing)
            return state.endpoint
        }
    }
}
