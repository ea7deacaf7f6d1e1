import Bytes

/// What a host's text is to the resolver.
enum HostName: Equatable {
    case address(IPAddress)
    /// RFC 6761 §6.3: `localhost` and all names below it.
    case localhost
    /// Lower-case; a final dot is kept, since it turns the search list off.
    case name([UInt8])
    case malformed(String)

    /// RFC 1035 §2.3.4, without the final dot.
    static let bytesMax = 253
    static let labelBytesMax = 63

    static func read(_ host: [UInt8]) -> HostName {
        if let address = host.withUnsafeBytes({ IPAddress($0) }) { return .address(address) }
        let name = host.map { ASCII.lowercased($0) }
        let labels = (name.last == UInt8(ascii: ".") ? name.dropLast() : name[...])
        guard !labels.isEmpty else { return .malformed("the host name is empty") }
        guard labels.count <= bytesMax else { return .malformed("the host name is longer than \(bytesMax) bytes") }
        if let reason = labelFault(labels) { return .malformed(reason) }
        return isLocalhost(labels) ? .localhost : .name(name)
    }

    private static func labelFault(_ name: ArraySlice<UInt8>) -> String? {
        let labels = name.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        for label in labels {
            guard !label.isEmpty else { return "the host name has an empty label" }
            guard label.count <= labelBytesMax else { return "a label of the host name is longer than \(labelBytesMax) bytes" }
            guard label.allSatisfy(isLabelByte) else { return "the host name has a character that is no letter, digit, hyphen or underscore" }
        }
        // `127.1` and `2130706433` are addresses to some programs: no real name ends so (RFC 3696 §2).
        guard let last = labels.last, !last.allSatisfy({ ASCII.isDigit($0) }) else { return "a host name cannot end in a number" }
        return nil
    }

    private static func isLabelByte(_ byte: UInt8) -> Bool {
        ASCII.isLetter(byte) || ASCII.isDigit(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
    }

    private static func isLocalhost(_ name: ArraySlice<UInt8>) -> Bool {
        name.elementsEqual("localhost".utf8) || name.count > 10 && name.suffix(10).elementsEqual(".localhost".utf8)
    }
}

/// In which order a name's addresses are tried.
enum AddressOrder {
    /// IPv6 first where the host has a route for it (RFC 6724 §2.1 without its ranking within a family, which would
    /// undo the name servers' shuffling), else last.
    static func preferred(_ addresses: [IPAddress]) -> [IPAddress] {
        let v6 = addresses.filter { !$0.isIPv4 }
        guard let probe = v6.first, v6.count < addresses.count else { return addresses }
        let v4 = addresses.filter { $0.isIPv4 }
        return Sockets.hasRoute(to: probe) ? v6 + v4 : v4 + v6
    }
}
