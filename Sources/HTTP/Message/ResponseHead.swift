public import Bytes

/// A response's status and fields, however it was framed.
public struct ResponseHead: ~Copyable {
    public var headers = Headers()
    /// 100...999.
    public var status: UInt16 = 200
    /// The reason phrase as received; a changed status gets the standard one.
    var reasonRange = ByteRange.empty
    var receivedStatus: UInt16 = 0
    public internal(set) var version = HTTPVersion.http11
    public var framing = BodyFraming.none
    /// Content-Length of a response that has no body for another reason (HEAD, 304); it is passed on.
    public var declaredLength: UInt64?
    /// The upstream allows another request on this connection.
    public internal(set) var isPersistent = true

    public init() {}

    /// The phrase to send: the upstream's if the status is still its own, else the standard one.
    public var reason: BorrowedBytes {
        if status == receivedStatus, !reasonRange.isEmpty { return headers.slice(reasonRange) }
        return BorrowedBytes(Status.reason(status))
    }

    /// Makes the head that of an empty response without fields; keeps its memory.
    public mutating func reset(status: UInt16 = 200) {
        headers.reset()
        self.status = status
        reasonRange = .empty
        receivedStatus = 0
        version = .http11
        framing = .none
        declaredLength = nil
        isPersistent = true
    }
}
