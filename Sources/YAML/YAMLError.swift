/// Why a YAML text was refused, and where.
public struct YAMLError: Error, Hashable, CustomStringConvertible {
    public var position: YAMLPosition
    /// Lower case, without the position.
    public var message: String

    public init(_ message: String, at position: YAMLPosition) {
        self.message = message
        self.position = position
    }

    /// `line:column: message`; callers put the file's name in front.
    public var description: String { "\(position): \(message)" }
}

/// How much a YAML text may cost. A text beyond one of the limits is refused with an error that names it.
public struct YAMLLimits: Sendable, Hashable {
    /// Bytes of the whole text.
    public var bytesMax: Int
    /// Sequences and mappings inside each other, counted after aliases are replaced.
    public var depthMax: Int
    /// Values of all documents, counted after aliases are replaced: what a reader of the tree will walk.
    public var nodesMax: Int

    public init(bytesMax: Int = 4 << 20, depthMax: Int = 64, nodesMax: Int = 200_000) {
        self.bytesMax = bytesMax
        self.depthMax = depthMax
        self.nodesMax = nodesMax
    }
}
