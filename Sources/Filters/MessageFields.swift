public import Bytes
public import HTTP

/// Whose fields a filter changes.
public enum MessageSide: Sendable {
    case request, response
}

/// Fields as filters see them.
///
/// The client's Host is no field of theirs (filters.md, conventions): `Host` exists once a filter has set it, and
/// setting it also chooses the Host that goes upstream. Values are made fit for a message: bytes that could end a
/// line become blanks, since they may come from a decoded path, query or secret.
extension FilterContext {
    /// The field's first value, valid until the next edit of its head.
    public func value(_ side: MessageSide, _ name: borrowing FieldName) -> BorrowedBytes? {
        switch side {
        case .request:
            if name.known == .host { return state.pointee.hostField.map { request.headers.slice($0) } }
            return request.headers.first(name)
        case .response: return response.headers.first(name)
        }
    }

    /// Replaces all values of the field by one.
    public func setValue(_ side: MessageSide, _ name: borrowing FieldName, _ value: BorrowedBytes) {
        withFieldValue(value) { value in
            switch side {
            case .request:
                if name.known == .host { return setHostField(value) }
                request.headers.set(name, value)
            case .response: response.headers.set(name, value)
            }
        }
    }

    /// Adds a field line after those of this name that are there.
    public func appendValue(_ side: MessageSide, _ name: borrowing FieldName, _ value: BorrowedBytes) {
        withFieldValue(value) { value in
            switch side {
            case .request:
                if name.known == .host { return setHostField(value) }
                request.headers.append(name, value)
            case .response: response.headers.append(name, value)
            }
        }
    }

    /// Adds a field line whose name, not `Host`, is known only as bytes.
    public func appendValue(_ side: MessageSide, named name: BorrowedBytes, _ value: BorrowedBytes) {
        withFieldValue(value) { value in
            switch side {
            case .request: request.headers.append(nameBytes: name, value)
            case .response: response.headers.append(nameBytes: name, value)
            }
        }
    }

    public func removeValues(_ side: MessageSide, _ name: borrowing FieldName) {
        switch side {
        case .request:
            if name.known == .host { state.pointee.hostField = nil } else { request.headers.removeAll(name) }
        case .response: response.headers.removeAll(name)
        }
    }

    private func setHostField(_ value: BorrowedBytes) {
        let range = request.headers.add(value)
        state.pointee.hostField = range
        state.pointee.outgoingHost = range
    }

    /// The host that filters gave the request, else the one it was sent to.
    public var effectiveHost: BorrowedBytes { state.pointee.hostField.map { request.headers.slice($0) } ?? request.host }
}

/// Calls `body` with a value in which CR, LF, NUL and other control bytes are blanks (RFC 9110 §5.5).
private func withFieldValue(_ value: BorrowedBytes, _ body: (BorrowedBytes) -> Void) {
    if value.isFieldValue { return body(value) }
    withUnsafeTemporaryAllocation(byteCount: value.count, alignment: 1) { copy in
        for (index, byte) in value.enumerated() { copy[index] = ASCII.isFieldValueByte(byte) ? byte : 0x20 }
        body(BorrowedBytes(copy))
    }
}

extension ASCII {
    /// Whether the byte may stand in a field's value, RFC 9110 §5.5: no control character but tab.
    @inline(__always)
    static func isFieldValueByte(_ byte: UInt8) -> Bool { byte >= 0x20 && byte != 0x7F || byte == 0x09 }
}

extension UnsafeRawBufferPointer {
    var isFieldValue: Bool { allSatisfy { ASCII.isFieldValueByte($0) } }
}

extension ArgumentReader {
    /// The argument as a field name.
    public func fieldName(_ position: Int) throws(FilterArgumentError) -> FieldName {
        let name = FieldName(try text(position))
        guard name.isValid else { throw refusal(position, "a header name") }
        return name
    }
}
