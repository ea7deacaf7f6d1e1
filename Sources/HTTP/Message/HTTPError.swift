import Bytes

/// Why a message is refused: always the sender's fault.
public enum HTTPError: Error, Equatable, Sendable {
    case malformedRequestLine, malformedStatusLine, malformedMethod, malformedTarget, malformedVersion
    case malformedFieldName, malformedFieldValue, obsoleteFold, bareLineFeed, bareCarriageReturn
    case missingHost, duplicateHost, malformedHost
    case ambiguousFraming, malformedContentLength, unsupportedTransferCoding, framingInHTTP10
    case malformedChunkSize, malformedChunk, trailerTooLarge, forbiddenTrailer
    case malformedEscape, nulInPath, ambiguousPath, fragmentInTarget
    case headTooLarge, responseHeadTooLarge, tooManyFields, fieldNameTooLong, unsupportedVersion, tooManyEmptyLines
    case endOfStream
    case malformedMessage, unsupportedProtocol

    /// The status a client is answered with; an upstream's errors are 502 whatever they are.
    public var status: UInt16 {
        switch self {
        case .headTooLarge, .tooManyFields, .fieldNameTooLong: 431
        case .unsupportedVersion: 505
        case .unsupportedTransferCoding, .unsupportedProtocol: 501
        default: 400
        }
    }

    /// What a person reads in the log: the rule that was broken.
    public var reason: String {
        switch self {
        case .malformedRequestLine: "the request line is not `method target version` with single spaces (RFC 9112 §3)"
        case .malformedStatusLine: "the status line is not `HTTP/1.x code reason` (RFC 9112 §4)"
        case .malformedMethod: "the method is not a token (RFC 9110 §9.1)"
        case .malformedTarget: "the request target has none of the four forms (RFC 9112 §3.2)"
        case .malformedVersion: "the version is not HTTP/1.0 or HTTP/1.1 (RFC 9112 §2.3)"
        case .malformedFieldName: "a field name is empty, not a token or followed by white space (RFC 9112 §5.1)"
        case .malformedFieldValue: "a field value has a control character (RFC 9110 §5.5)"
        case .obsoleteFold: "a field line is folded (RFC 9112 §5.2)"
        case .bareLineFeed: "a line ends in LF without CR (RFC 9112 §2.2)"
        case .bareCarriageReturn: "a CR is not followed by LF (RFC 9112 §2.2)"
        case .missingHost: "the Host field is missing (RFC 9112 §3.2)"
        case .duplicateHost: "there are several Host fields (RFC 9112 §3.2)"
        case .malformedHost: "the Host field is not a host with an optional port (RFC 9110 §7.2)"
        case .ambiguousFraming: "Content-Length and Transfer-Encoding contradict each other or themselves (RFC 9112 §6.3)"
        case .malformedContentLength: "Content-Length is not one decimal number (RFC 9110 §8.6)"
        case .unsupportedTransferCoding: "the transfer coding is not chunked (RFC 9112 §6.1)"
        case .framingInHTTP10: "an HTTP/1.0 message has Transfer-Encoding (RFC 9112 §6.1)"
        case .malformedChunkSize: "a chunk's size line is malformed (RFC 9112 §7.1)"
        case .malformedChunk: "a chunk does not end in CRLF (RFC 9112 §7.1)"
        case .trailerTooLarge: "the trailer section is too large"
        case .forbiddenTrailer: "a field that belongs into the head is in the trailer section (RFC 9110 §6.5.1)"
        case .malformedEscape: "a percent sign is not followed by two hexadecimal digits (RFC 3986 §2.1)"
        case .nulInPath: "the path has an encoded NUL"
        case .ambiguousPath: "the path has dot segments behind encoded slashes"
        case .fragmentInTarget: "the request target has a fragment (RFC 9112 §3.2)"
        case .headTooLarge: "the head is larger than -max-header-bytes"
        case .responseHeadTooLarge: "the response's head is larger than \(Limits.responseHeadBytesMax) bytes"
        case .tooManyFields: "the head has more than \(1000) fields"
        case .fieldNameTooLong: "a field name is too long"
        case .unsupportedVersion: "the major version is not 1 (RFC 9110 §15.6.6)"
        case .tooManyEmptyLines: "too many empty lines before the request line"
        case .malformedMessage: "an HTTP/2 message breaks the rules of its fields or its length (RFC 9113 §8)"
        case .unsupportedProtocol: "the protocol of an extended CONNECT is not websocket (RFC 8441 §4)"
        case .endOfStream: "the connection ended in the middle of a message"
        }
    }
}
