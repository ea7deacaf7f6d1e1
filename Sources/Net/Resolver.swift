public import Bytes

/// Why a name has no address.
public enum ResolveError: Error, Equatable, Sendable {
    case notFound(String)
    case failed(String)
    case timedOut
}

/// Turns host names into addresses without ever blocking the loop; one per worker, on its loop.
public final class Resolver {
    public init(loop: UnsafeMutablePointer<EventLoop>, servers: [SocketAddress]) {}

    /// Answers from the cache at once, or later on this loop.
    public func resolve(_ host: [UInt8], _ completion: @escaping (Result<[IPAddress], ResolveError>) -> Void) {
        completion(.failure(.notFound(String(decoding: host, as: UTF8.self))))
    }
}
