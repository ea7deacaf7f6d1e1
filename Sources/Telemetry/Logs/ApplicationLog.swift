internal import Bytes
internal import CLinux
public import Logging

/// How application log lines look.
public struct ApplicationLogOptions: Sendable {
    public enum Format: Sendable {
        /// `[APP]time="…" level=info msg="…" key=value`
        case keyValue
        /// `[APP]INFO[0012] message key=value`: seconds since the start, for somebody who reads along.
        case terminal
        case json
    }

    public var format: Format
    /// Put before every line except JSON.
    public var prefix: String

    public init(format: Format = .keyValue, prefix: String = "[APP]") {
        self.format = format
        self.prefix = prefix
    }

    /// The format by the flags and by where the lines go.
    public init(destination: LogDestination, isJSON: Bool, prefix: String) {
        self.init(format: isJSON ? .json : destination.isTerminal ? .terminal : .keyValue, prefix: prefix)
    }
}

/// swift-log's messages in Skipper's formats, through a `LogWriter`.
///
/// A message is one line whatever it holds: control bytes and quotes are escaped. Metadata named like a header field that carries
/// secrets is shown as `[redacted]`. For the control path and for errors; requests have the access log.
public struct ApplicationLog: LogHandler {
    public var metadata: Logger.Metadata = [:]
    public var metadataProvider: Logger.MetadataProvider?
    public var logLevel: Logger.Level
    private let writer: LogWriter
    private let options: ApplicationLogOptions
    private let startSeconds: UInt64
    private let wallClock: @Sendable () -> UInt64

    public init(_ writer: LogWriter, options: ApplicationLogOptions, level: Logger.Level = .info) {
        self.init(writer, options: options, level: level, wallClock: { clinux_wall_nanoseconds() })
    }

    /// - Parameter wallClock: nanoseconds since 1970.
    init(_ writer: LogWriter, options: ApplicationLogOptions, level: Logger.Level, wallClock: @escaping @Sendable () -> UInt64) {
        self.writer = writer
        self.options = options
        self.wallClock = wallClock
        logLevel = level
        startSeconds = wallClock() / 1_000_000_000
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        var line = ApplicationLine(output: ByteBuffer(), isJSON: options.format == .json)
        let now = wallClock()
        switch options.format {
        case .keyValue: line.beginKeyValue(options.prefix, now, event)
        case .terminal: line.beginTerminal(options.prefix, now / 1_000_000_000 - min(startSeconds, now / 1_000_000_000), event)
        case .json: line.beginJSON(now, event)
        }
        for (key, value) in fields(of: event) { line.append(key, value) }
        writer.write(line.finish())
    }

    /// All metadata in the order of their keys; the event's own win over the logger's, those over the provider's.
    private func fields(of event: LogEvent) -> [(key: String, value: String)] {
        var merged = metadataProvider?.get() ?? [:]
        merged.merge(metadata) { $1 }
        if let own = event.metadata { merged.merge(own) { $1 } }
        if let error = event.error { merged["error"] = "\(error)" }
        return merged.sorted { $0.key < $1.key }.map { key, value in
            (key, SecretFields.contains(key) ? SecretFields.redacted.description : value.description)
        }
    }
}

extension Logger.Level {
    /// The level of a flag's value (`DEBUG`, `INFO`, `WARN`, `WARNING`, `ERROR`, `FATAL`, `PANIC`, `TRACE`, of any case).
    public init?(flag: String) {
        switch flag.lowercased() {
        case "trace": self = .trace
        case "debug": self = .debug
        case "info": self = .info
        case "warn", "warning": self = .warning
        case "error": self = .error
        case "fatal", "panic": self = .critical
        default: return nil
        }
    }

    /// The level's name in lines.
    var logName: String {
        switch self {
        case .trace: "trace"
        case .debug: "debug"
        case .info, .notice: "info"
        case .warning: "warning"
        case .error: "error"
        case .critical: "fatal"
        }
    }
}

/// One line in the making.
private struct ApplicationLine: ~Copyable {
    var output: ByteBuffer
    let isJSON: Bool

    mutating func beginKeyValue(_ prefix: String, _ now: UInt64, _ event: LogEvent) {
        output.append(text: prefix)
        output.append("time=\"")
        appendTime(now)
        output.append("\" level=")
        output.append(text: event.level.logName)
        output.append(" msg=")
        appendQuoted(event.message.description)
    }

    mutating func beginTerminal(_ prefix: String, _ seconds: UInt64, _ event: LogEvent) {
        output.append(text: prefix)
        output.append(text: String(event.level.logName.prefix(4)).uppercased())
        let digits = String(seconds)
        output.append(text: "[" + String(repeating: "0", count: max(0, 4 - digits.utf8.count)) + digits + "] ")
        appendEscaped(event.message.description, isQuoted: false)
    }

    mutating func beginJSON(_ now: UInt64, _ event: LogEvent) {
        output.append("{\"level\":\"")
        output.append(text: event.level.logName)
        output.append("\",\"msg\":")
        appendQuoted(event.message.description)
        output.append(",\"time\":\"")
        appendTime(now)
        output.append("\"")
    }

    mutating func append(_ key: String, _ value: String) {
        if isJSON {
            output.append(",")
            // The line's own members keep their meaning, as in Skipper's log library.
            appendQuoted(["level", "msg", "time"].contains(key) ? "fields." + key : key)
            output.append(":")
            appendQuoted(value)
        } else {
            output.append(" ")
            appendEscaped(key, isQuoted: false)
            output.append("=")
            if Self.isPlain(value) { output.append(text: value) } else { appendQuoted(value) }
        }
    }

    /// The line with its end, cut if it is too long.
    mutating func finish() -> BorrowedBytes {
        if isJSON { output.append("}") }
        if output.count >= TelemetryLimits.applicationLineBytesMax {
            var cut = ByteBuffer()
            cut.append(output.readable.slice(0, TelemetryLimits.applicationLineBytesMax - 4))
            cut.append("...")
            output = cut
        }
        output.append("\n")
        return output.readable
    }

    private mutating func appendTime(_ now: UInt64) {
        var clock = ClockText(.rfc3339)
        clock.withText(now) { output.append($0) }
    }

    private mutating func appendQuoted(_ text: String) {
        output.append("\"")
        appendEscaped(text, isQuoted: true)
        output.append("\"")
    }

    private mutating func appendEscaped(_ text: String, isQuoted: Bool) {
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n": output.append("\\n")
            case "\t": output.append("\\t")
            case "\r": output.append("\\r")
            case "\"" where isQuoted: output.append("\\\"")
            case "\\" where isQuoted: output.append("\\\\")
            case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{2028}", "\u{2029}":
                let digits = String(scalar.value, radix: 16)
                output.append(text: "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits)
            default: output.append(text: String(scalar))
            }
        }
    }

    /// What needs no quotes in `key=value`.
    private static func isPlain(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { byte in
            ASCII.isLetter(byte) || ASCII.isDigit(byte) || "-._/@^+".utf8.contains(byte)
        }
    }
}
