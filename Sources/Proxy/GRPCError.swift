import Bytes
import Filters
import HTTP

// A gRPC client takes the outcome of a call from `grpc-status` alone: errors of the proxy's own are a head and nothing
// else, "trailers-only", with the status the gRPC specification maps HTTP's to.

extension UnsafeMutablePointer where Pointee == Exchange {
    /// Whether the request is a gRPC call. `application/grpc-web` is another protocol.
    var isGRPC: Bool {
        guard pointee.filter.request.version == .http2, let type = pointee.filter.request.headers.first(.contentType) else { return false }
        let name: StaticString = "application/grpc"
        guard type.count >= name.utf8CodeUnitCount, type.slice(0, name.utf8CodeUnitCount).equalsIgnoringCase(name) else { return false }
        return type.count == name.utf8CodeUnitCount || "+;".utf8.contains(type[name.utf8CodeUnitCount])
    }

    /// - Parameters:
    ///   - status: what an HTTP client would be told.
    ///   - text: what a person reads.
    func writeGRPCError(_ status: UInt16, text: BorrowedBytes) {
        pointee.filter.response.status = 200
        pointee.filter.response.headers.append(.contentType, BorrowedBytes("application/grpc"))
        var number = DecimalDigits(GRPCStatus.of(status))
        number.withBytes { pointee.filter.response.headers.append(nameBytes: BorrowedBytes("grpc-status"), $0) }
        var message = ByteBuffer()
        GRPCStatus.encode(text.last == UInt8(ascii: "\n") ? text.slice(0, text.count - 1) : text, to: &message)
        pointee.filter.response.headers.append(nameBytes: BorrowedBytes("grpc-message"), message.readable)
        pointee.responseFraming = .none
        transmitResponse(.empty, isLast: true, trailers: .none)
    }
}

/// gRPC's codes, from the table "HTTP to gRPC status code mapping".
enum GRPCStatus {
    static func of(_ status: UInt16) -> Int {
        switch status {
        case 400: 13      // INTERNAL
        case 401: 16      // UNAUTHENTICATED
        case 403: 7       // PERMISSION_DENIED
        case 404: 12      // UNIMPLEMENTED
        case 429, 502, 503, 504: 14      // UNAVAILABLE
        case 499: 1      // CANCELLED
        default: 2      // UNKNOWN
        }
    }

    /// `grpc-message` is percent-encoded: everything but printable ASCII, and the percent sign.
    static func encode(_ text: BorrowedBytes, to output: inout ByteBuffer) {
        for byte in text {
            if byte >= 0x20, byte < 0x7F, byte != UInt8(ascii: "%") {
                output.append(byte)
            } else {
                output.append("%")
                output.append(ASCII.hexDigit(byte >> 4))
                output.append(ASCII.hexDigit(byte & 15))
            }
        }
    }
}
