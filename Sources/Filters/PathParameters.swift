public import Bytes
public import HTTP

/// What a route's path pattern captured, by name; accumulates across loopbacks, later values win.
public struct PathParameters: ~Copyable {
    /// Patterns with more wildcards keep their first ones.
    public static let countMax = 16

    /// The name lies in the route's memory, the value in the request head's block.
    public struct Parameter {
        public let name: BorrowedBytes
        public let value: ByteRange
    }

    private var entries: InlineArray<16, Parameter> = .init(repeating: Parameter(name: BorrowedBytes(start: nil, count: 0), value: .empty))
    public private(set) var count = 0

    public init() {}

    public mutating func removeAll() { count = 0 }

    /// - Parameter name: bytes that outlive the exchange.
    public mutating func set(_ name: BorrowedBytes, _ value: ByteRange) {
        for index in 0..<count where entries[index].name.equals(name) {
            entries[index] = Parameter(name: name, value: value)
            return
        }
        guard count < PathParameters.countMax else { return }
        entries[count] = Parameter(name: name, value: value)
        count += 1
    }

    public subscript(index: Int) -> Parameter {
        precondition(index < count)
        return entries[index]
    }

    /// The value's place in the request head's block, nil if no pattern had this name.
    public func range(of name: BorrowedBytes) -> ByteRange? {
        for index in 0..<count where entries[index].name.equals(name) { return entries[index].value }
        return nil
    }
}
