public import Bytes

/// One finished exchange as the access log tells it; the fields are borrowed and empty where there is nothing.
public struct AccessLogRecord {
    public var peer = IPAddress.unspecifiedV4
    /// The first line of X-Forwarded-For as request filters left it.
    public var forwardedFor = BorrowedBytes(start: nil, count: 0)
    public var authUser = BorrowedBytes(start: nil, count: 0)
    /// Method, target, `HTTP/1.1` and Host as received.
    public var method = BorrowedBytes(start: nil, count: 0)
    public var uri = BorrowedBytes(start: nil, count: 0)
    public var proto = BorrowedBytes(start: nil, count: 0)
    public var requestHost = BorrowedBytes(start: nil, count: 0)
    public var referer = BorrowedBytes(start: nil, count: 0)
    public var userAgent = BorrowedBytes(start: nil, count: 0)
    public var flowID = BorrowedBytes(start: nil, count: 0)
    public var audit = BorrowedBytes(start: nil, count: 0)
    public var status = 0
    /// Bytes of the body sent to the client.
    public var responseBytes: UInt64 = 0
    /// Nanoseconds.
    public var duration: UInt64 = 0
    /// Nanoseconds since 1970.
    public var wallTime: UInt64 = 0

    public init() {}
}

/// How access log lines look.
public struct AccessLogOptions: Sendable {
    public var isJSON = false
    /// Leaves out the query of the URI.
    public var stripsQuery = false

    public init(isJSON: Bool = false, stripsQuery: Bool = false) {
        self.isJSON = isJSON
        self.stripsQuery = stripsQuery
    }
}

/// One worker's access log.
///
/// The text format is Apache's combined one with duration, host, flow id and audit at its end; JSON carries the same fields.
public struct AccessLog: ~Copyable {
    private let options: AccessLogOptions
    private let sink: LogSink
    private var clock = ClockText(.commonLog)

    public init(_ writer: LogWriter, options: AccessLogOptions = AccessLogOptions()) {
        self.options = options
        sink = writer.makeSink()
    }

    /// Adds one line; false if it was dropped because the destination is too slow.
    ///
    /// - Complexity: O(bytes of the fields), each cut to its limit; allocates only when a worker's block is full.
    public mutating func log(_ record: AccessLogRecord) -> Bool {
        let uri = options.stripsQuery ? record.uri.prefix { $0 != UInt8(ascii: "?") }.rebased : record.uri
        return sink.append(upTo: Self.lineBytesMax(record, uri: uri)) { target in
            var line = LineWriter(target)
            clock.withText(record.wallTime) { time in
                if options.isJSON { line.appendJSON(record, uri: uri, time: time) } else { line.append(record, uri: uri, time: time) }
            }
            return line.count
        }
    }

    /// Hands the lines over; to be called at the end of each loop turn.
    public func flush() { sink.flush() }

    private static func lineBytesMax(_ record: AccessLogRecord, uri: BorrowedBytes) -> Int {
        let limit = TelemetryLimits.loggedFieldBytesMax
        var count = min(uri.count, TelemetryLimits.loggedURIBytesMax) + min(record.forwardedFor.count, limit) + min(record.authUser.count, limit)
        count += min(record.method.count, limit) + min(record.proto.count, limit) + min(record.requestHost.count, limit)
        count += min(record.referer.count, limit) + min(record.userAgent.count, limit) + min(record.flowID.count, limit)
        count += min(record.audit.count, limit)
        // Names, punctuation, numbers, time and peer of the longer format stay below 512 bytes.
        return count * LineWriter.escapedBytesMax + 512
    }
}

extension LineWriter {
    fileprivate mutating func append(_ record: AccessLogRecord, uri: BorrowedBytes, time: BorrowedBytes) {
        appendHost(record, missing: "-")
        append(" - ")
        appendField(record.authUser, mayHoldBlanks: false)
        append(" [")
        append(time)
        append("] \"")
        appendField(record.method, mayHoldBlanks: true)
        append(" ")
        appendField(uri, bytesMax: TelemetryLimits.loggedURIBytesMax, mayHoldBlanks: true)
        append(" ")
        appendField(record.proto, mayHoldBlanks: true)
        append("\" ")
        append(decimal: record.status)
        append(" ")
        append(decimal: Int(clamping: record.responseBytes))
        append(" \"")
        appendField(record.referer, mayHoldBlanks: true)
        append("\" \"")
        appendField(record.userAgent, mayHoldBlanks: true)
        append("\" ")
        append(decimal: Int(record.duration / 1_000_000))
        append(" ")
        appendField(record.requestHost, mayHoldBlanks: false)
        append(" ")
        appendField(record.flowID, mayHoldBlanks: false)
        append(" ")
        appendField(record.audit, mayHoldBlanks: true)
        append("\n")
    }

    /// Members in the order of their names, as Skipper's log library has them.
    fileprivate mutating func appendJSON(_ record: AccessLogRecord, uri: BorrowedBytes, time: BorrowedBytes) {
        append("{\"audit\":\"")
        appendJSON(record.audit)
        append("\",\"auth-user\":\"")
        appendJSON(record.authUser)
        append("\",\"duration\":")
        append(decimal: Int(record.duration / 1_000_000))
        append(",\"flow-id\":\"")
        appendJSON(record.flowID)
        append("\",\"host\":\"")
        appendHost(record, missing: "")
        append("\",\"level\":\"info\",\"method\":\"")
        appendJSON(record.method)
        append("\",\"msg\":\"\",\"proto\":\"")
        appendJSON(record.proto)
        append("\",\"referer\":\"")
        appendJSON(record.referer)
        append("\",\"requested-host\":\"")
        appendJSON(record.requestHost)
        append("\",\"response-size\":")
        append(decimal: Int(clamping: record.responseBytes))
        append(",\"status\":")
        append(decimal: record.status)
        append(",\"timestamp\":\"")
        append(time)
        append("\",\"uri\":\"")
        appendJSON(uri, bytesMax: TelemetryLimits.loggedURIBytesMax)
        append("\",\"user-agent\":\"")
        appendJSON(record.userAgent)
        append("\"}\n")
    }

    /// The client: with X-Forwarded-For its elements that are addresses, split at comma and blank as Skipper does, else the peer.
    private mutating func appendHost(_ record: AccessLogRecord, missing: StaticString) {
        guard !record.forwardedFor.isEmpty else { return record.peer.withText { append($0) } }
        let list = record.forwardedFor.slice(0, min(record.forwardedFor.count, TelemetryLimits.loggedFieldBytesMax))
        let start = count
        var elementStart = 0
        var index = 0
        while elementStart <= list.count {
            let isSeparator = index + 1 < list.count && list[index] == UInt8(ascii: ",") && list[index + 1] == UInt8(ascii: " ")
            guard isSeparator || index >= list.count else {
                index += 1
                continue
            }
            // What was cut off may leave another address behind.
            if !isSeparator, list.count < record.forwardedFor.count { break }
            let element = list.slice(elementStart, min(index, list.count))
            // An address holds nothing that needs escaping.
            if IPAddress(element) != nil {
                if count > start { append(", ") }
                append(element)
            }
            index += 2
            elementStart = index
        }
        if count == start { append(missing) }
    }
}

extension Slice<UnsafeRawBufferPointer> {
    var rebased: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: self) }
}
