/// An immutable set of IP addresses given as addresses and CIDR prefixes.
///
/// Kept as sorted, disjoint ranges per family: `contains` is one binary search whatever the number and the lengths of the
/// prefixes. The families do not mix: `::/0` holds no IPv4 address.
public struct AddressSet: Sendable, Equatable {
    private var v4: [AddressRange<UInt32>] = []
    private var v6: [AddressRange<UInt128>] = []

    /// A set of no address.
    public init() {}

    /// The union of `entries`, each `address` or `address/length`.
    public init(_ entries: some Sequence<String>) throws(AddressSetError) {
        for entry in entries { insertUnmerged(try AddressPrefix(entry)) }
        v4 = AddressRange.merged(v4)
        v6 = AddressRange.merged(v6)
    }

    public init(_ prefixes: some Sequence<AddressPrefix>) {
        for prefix in prefixes { insertUnmerged(prefix) }
        v4 = AddressRange.merged(v4)
        v6 = AddressRange.merged(v6)
    }

    public var isEmpty: Bool { v4.isEmpty && v6.isEmpty }

    /// - Complexity: O(log prefixes); nothing is allocated.
    public func contains(_ address: IPAddress) -> Bool {
        if address.isIPv4 { return AddressRange.contains(v4, address.v4) }
        return AddressRange.contains(v6, address.bits)
    }

    private mutating func insertUnmerged(_ prefix: AddressPrefix) {
        if prefix.address.isIPv4 {
            let hostBits = prefix.length == 0 ? UInt32.max : (1 << UInt32(32 - prefix.length)) - 1
            v4.append(AddressRange(first: prefix.address.v4 & ~hostBits, last: prefix.address.v4 | hostBits))
        } else {
            let hostBits = prefix.length == 0 ? UInt128.max : (1 << UInt128(128 - prefix.length)) - 1
            v6.append(AddressRange(first: prefix.address.bits & ~hostBits, last: prefix.address.bits | hostBits))
        }
    }
}

/// One address or CIDR block; bits beyond the length are allowed and ignored (`10.1.2.3/8` means `10.0.0.0/8`).
public struct AddressPrefix: Hashable, Sendable {
    public let address: IPAddress
    /// 0…32 for IPv4, 0…128 for IPv6.
    public let length: Int

    /// Parses `address` or `address/length`.
    ///
    /// A v4-mapped prefix counts in IPv4 (`::ffff:10.0.0.0/104` is `10.0.0.0/8`) and needs at least its 96 fixed bits.
    public init(_ text: String) throws(AddressSetError) {
        let slash = text.utf8.firstIndex(of: UInt8(ascii: "/")) ?? text.endIndex
        guard let address = IPAddress(String(text[..<slash])) else {
            throw AddressSetError(entry: text, reason: .address)
        }
        let isMappedText = address.isIPv4 && text.utf8.contains(UInt8(ascii: ":"))
        let lengths = isMappedText ? 96...128 : address.isIPv4 ? 0...32 : 0...128
        var length = lengths.upperBound
        if slash < text.endIndex {
            let digits = text[text.index(after: slash)...]
            guard let parsed = Self.parseLength(digits), lengths.contains(parsed) else {
                throw AddressSetError(entry: text, reason: .length(allowed: lengths))
            }
            length = parsed
        }
        self.address = address
        self.length = isMappedText ? length - 96 : length
    }

    /// Digits only: `Int.init` would take a sign, and leading zeros hide typing errors.
    private static func parseLength(_ digits: Substring) -> Int? {
        guard (1...3).contains(digits.utf8.count), digits.utf8.allSatisfy({ (48...57).contains($0) }),
            digits.utf8.count == 1 || digits.utf8.first != UInt8(ascii: "0")
        else { return nil }
        return Int(digits)
    }
}

/// An entry that is neither an IP address nor a CIDR prefix.
public struct AddressSetError: Error, Equatable, CustomStringConvertible {
    public enum Reason: Equatable, Sendable {
        case address
        case length(allowed: ClosedRange<Int>)
    }

    public let entry: String
    public let reason: Reason

    public var description: String {
        switch reason {
        case .address: "\"\(entry)\" is no IP address or CIDR prefix"
        case .length(let allowed): "\"\(entry)\": prefix length must be \(allowed.lowerBound) to \(allowed.upperBound)"
        }
    }
}

private struct AddressRange<Bits: FixedWidthInteger & Sendable>: Sendable, Equatable {
    var first: Bits
    var last: Bits

    /// Sorted by `first`, overlapping and adjacent ranges joined.
    static func merged(_ ranges: [AddressRange]) -> [AddressRange] {
        var merged: [AddressRange] = []
        for range in ranges.sorted(by: { $0.first < $1.first }) {
            if let previous = merged.last, previous.last == .max || range.first <= previous.last + 1 {
                merged[merged.count - 1].last = max(previous.last, range.last)
            } else {
                merged.append(range)
            }
        }
        return merged
    }

    static func contains(_ ranges: [AddressRange], _ bits: Bits) -> Bool {
        var low = 0
        var high = ranges.count
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].last < bits { low = middle + 1 } else { high = middle }
        }
        return low < ranges.count && ranges[low].first <= bits
    }
}
