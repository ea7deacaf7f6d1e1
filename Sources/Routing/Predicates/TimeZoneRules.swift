internal import Glibc

/// The offsets from UTC of one zone over time, as zoneinfo files give them (RFC 8536).
public struct TimeZoneRules: Sendable, Equatable {
    /// Seconds since 1970, ascending.
    private var transitions: [Int64] = []
    /// The offset from each transition on.
    private var offsets: [Int32] = []
    private var initialOffset: Int32 = 0
    /// What holds after the last transition.
    private var rule: DaylightRule?

    public static let utc = TimeZoneRules()

    private init() {}

    /// The zone that this process reckons in: TZ, else /etc/localtime, else UTC.
    public static func local() -> TimeZoneRules {
        guard let variable = getenv("TZ").map({ String(cString: $0) }) else {
            return ZoneFile.read(path: "/etc/localtime").flatMap { TimeZoneRules(zoneFile: $0) } ?? .utc
        }
        let name = variable.first == ":" ? String(variable.dropFirst()) : variable
        return ZoneFile.read(name).flatMap { TimeZoneRules(zoneFile: $0) } ?? TimeZoneRules(posix: name) ?? .utc
    }

    /// A POSIX TZ text such as `CET-1CEST,M3.5.0,M10.5.0/3`.
    public init?(posix text: String) {
        guard let rule = DaylightRule(text) else { return nil }
        self.rule = rule
        initialOffset = rule.standardOffset
    }

    /// Seconds east of UTC at this instant.
    public func offset(at seconds: Int64) -> Int {
        var low = 0
        var high = transitions.count
        while low < high {
            let middle = (low + high) / 2
            if transitions[middle] <= seconds { low = middle + 1 } else { high = middle }
        }
        if low == transitions.count, let rule { return rule.offset(at: seconds) }
        return Int(low == 0 ? initialOffset : offsets[low - 1])
    }

    /// The instant when clocks in the zone show this local time; of a time that they skip or show twice, one of those
    /// that the offsets before and after give.
    public func seconds(ofLocal local: Int64) -> Int64 {
        let guess = local - Int64(offset(at: local))
        return local - Int64(offset(at: guess))
    }
}

// MARK: - The file

extension TimeZoneRules {
    /// - Returns: nil if the bytes are no zoneinfo file of version 2 or later.
    public init?(zoneFile bytes: [UInt8]) {
        var reader = ZoneFileReader(bytes: bytes)
        // The first block repeats the second with 32-bit times.
        guard let first = reader.header(), first.version >= UInt8(ascii: "2"), reader.skip(first.size(timeBytes: 4)),
            let header = reader.header(), reader.has(header.size(timeBytes: 8))
        else { return nil }
        transitions = (0..<header.transitionCount).map { _ in reader.int64() }
        let types = (0..<header.transitionCount).map { _ in Int(reader.byte()) }
        let typeOffsets = (0..<header.typeCount).map { _ in
            let offset = reader.int32()
            _ = reader.skip(2)
            return offset
        }
        guard !typeOffsets.isEmpty, types.allSatisfy({ $0 < typeOffsets.count }) else { return nil }
        offsets = types.map { typeOffsets[$0] }
        initialOffset = typeOffsets[0]
        guard reader.skip(header.size(timeBytes: 8) - header.transitionCount * 9 - header.typeCount * 6) else { return nil }
        rule = reader.footer().flatMap { DaylightRule($0) }
    }
}

private struct ZoneFileReader {
    let bytes: [UInt8]
    var index = 0

    struct Header {
        let version: UInt8
        /// isutcnt, isstdcnt, leapcnt, timecnt, typecnt, charcnt.
        let counts: [Int]

        var transitionCount: Int { counts[3] }
        var typeCount: Int { counts[4] }

        func size(timeBytes: Int) -> Int {
            counts[0] + counts[1] + counts[2] * (timeBytes + 4) + counts[3] * (timeBytes + 1) + counts[4] * 6 + counts[5]
        }
    }

    init(bytes: [UInt8]) { self.bytes = bytes }

    func has(_ count: Int) -> Bool { count >= 0 && bytes.count - index >= count }

    mutating func skip(_ count: Int) -> Bool {
        guard has(count) else { return false }
        index += count
        return true
    }

    mutating func byte() -> UInt8 {
        index += 1
        return bytes[index - 1]
    }

    mutating func int32() -> Int32 { (0..<4).reduce(0) { value, _ in value << 8 | Int32(byte()) } }
    mutating func int64() -> Int64 { (0..<8).reduce(0) { value, _ in value << 8 | Int64(byte()) } }

    mutating func header() -> Header? {
        guard has(44), bytes[index..<index + 4].elementsEqual("TZif".utf8) else { return nil }
        let version = bytes[index + 4]
        index += 20
        return Header(version: version, counts: (0..<6).map { _ in Int(UInt32(bitPattern: int32())) })
    }

    /// The POSIX text between two line feeds.
    mutating func footer() -> String? {
        guard has(2), byte() == UInt8(ascii: "\n") else { return nil }
        return String(decoding: bytes[index...].prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }
}

/// Reads zoneinfo files: on the control path, when a route that names a zone is compiled.
public enum ZoneFile {
    private static let folders = ["/usr/share/zoneinfo/", "/usr/lib/zoneinfo/", "/usr/share/lib/zoneinfo/"]

    /// The file of an IANA zone name; nil for anything else, above all for paths that lead elsewhere.
    public static func read(_ name: String) -> [UInt8]? {
        let isName = !name.isEmpty && name.utf8.allSatisfy { byte in
            ASCIIName.contains(byte)
        } && !name.split(separator: "/", omittingEmptySubsequences: false).contains { $0.isEmpty || $0.first == "." }
        guard isName else { return nil }
        if name == "UTC" { return read(path: folders[0] + name) ?? utcFile }
        for folder in folders {
            if let bytes = read(path: folder + name) { return bytes }
        }
        return nil
    }

    static func read(path: String) -> [UInt8]? {
        guard let file = fopen(path, "rbe") else { return nil }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: RoutingLimits.zoneFileBytesMax)
        let count = fread(&bytes, 1, bytes.count, file)
        return count > 0 ? Array(bytes[..<count]) : nil
    }

    /// UTC needs no database.
    private static let utcFile: [UInt8] = {
        let block = Array("TZif2".utf8) + [UInt8](repeating: 0, count: 15) + [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 4]
            + [0, 0, 0, 0, 0, 0] + Array("UTC\0".utf8)
        return block + block + Array("\nUTC0\n".utf8)
    }()

    private enum ASCIIName {
        static func contains(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "/"): true
            default: false
            }
        }
    }
}
