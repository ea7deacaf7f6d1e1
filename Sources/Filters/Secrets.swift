import Synchronization

/// Where filters get secrets by name: a file's full path below `-credentials-paths`.
public protocol SecretRegistry: AnyObject, Sendable {
    /// The secret of this name, the same object for all who ask; it has no value until one is found.
    func secret(named name: String) -> Secret
}

/// A secret that its registry renews while requests read it.
public final class Secret: Sendable {
    private let current: Mutex<[UInt8]?>

    public init(_ value: [UInt8]? = nil) { current = Mutex(value) }

    /// The latest value, nil while there is none. Any thread; shares the bytes.
    public var value: [UInt8]? { current.withLock { $0 } }

    /// - Parameter value: without the line feed that files end in.
    public func update(_ value: [UInt8]?) { current.withLock { $0 = value } }
}

/// The registry of a program without secrets: all of them stay without value.
public final class NoSecrets: SecretRegistry {
    public init() {}
    public func secret(named name: String) -> Secret { Secret() }
}
