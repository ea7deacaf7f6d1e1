import Bytes
import Eskip
import Filters
import HTTP

/// Which address of a request counts as its client's.
enum ClientAddress {
    /// The first element of X-Forwarded-For, which the client may have written, else the TCP peer.
    case firstForwarded
    /// The last element of X-Forwarded-For, which the nearest proxy wrote, else the TCP peer.
    case lastForwarded
    /// The TCP peer, or what the PROXY protocol said.
    case peer

    func of(_ context: FilterContext) -> IPAddress {
        let forwarded: IPAddress? = switch self {
        case .firstForwarded: Self.first(in: context.request.headers)
        case .lastForwarded: Self.last(in: context.request.headers)
        case .peer: nil
        }
        return forwarded ?? context.peer
    }

    /// The text before the first comma, blanks included: what has a blank there is no address, and the peer counts.
    private static func first(in headers: borrowing Headers) -> IPAddress? {
        guard let line = headers.first(.xForwardedFor) else { return nil }
        return address(line.slice(0, line.firstIndex(of: UInt8(ascii: ","), from: 0) ?? line.count))
    }

    /// The text after the last comma of the last line: several lines are one list, RFC 9110 §5.3.
    private static func last(in headers: borrowing Headers) -> IPAddress? {
        var last: BorrowedBytes?
        var next = headers.index(of: .xForwardedFor)
        while let index = next {
            last = headers.value(at: index)
            next = headers.index(of: .xForwardedFor, from: index + 1)
        }
        guard let line = last else { return nil }
        let start = line.lastIndex(of: UInt8(ascii: ",")).map { $0 + 1 } ?? 0
        return address(line.slice(start, line.count).trimmed)
    }

    /// An address with or without port.
    private static func address(_ text: BorrowedBytes) -> IPAddress? {
        guard let parts = HostPort(text) else { return nil }
        return IPAddress(text.slice(parts.host.lowerBound, parts.host.upperBound))
    }
}

/// `Source`, `SourceFromLast`, `ClientIP`: the client's address lies in one of these blocks.
final class AddressPredicate: Predicate, @unchecked Sendable {
    private let client: ClientAddress
    private let addresses: AddressSet

    init(_ client: ClientAddress, _ addresses: AddressSet) {
        self.client = client
        self.addresses = addresses
    }

    override func matches(_ context: FilterContext) -> Bool { addresses.contains(client.of(context)) }

    static func make(_ client: ClientAddress, _ arguments: Arguments) throws(PredicateArgumentError) -> Predicate {
        let entries = try arguments.requiredStrings("one or more addresses or CIDR blocks")
        var prefixes: [AddressPrefix] = []
        for entry in entries { prefixes.append(try prefix(entry)) }
        return AddressPredicate(client, AddressSet(prefixes))
    }

    private static func prefix(_ entry: String) throws(PredicateArgumentError) -> AddressPrefix {
        do throws(AddressSetError) {
            let prefix = try AddressPrefix(entry)
            // Mostly a variable that was left empty; a block such as 0.0.0.0/0 is meant.
            if !prefix.address.isUnspecified || entry.utf8.contains(UInt8(ascii: "/")) { return prefix }
        } catch {
            throw PredicateArgumentError(error.description)
        }
        throw PredicateArgumentError("the unspecified address \(entry) is nobody's; write a block such as 0.0.0.0/0 for all")
    }
}

extension PredicateRegistry {
    static let addressPredicates = [
        PredicateSpec("Source") { arguments, _ throws(PredicateArgumentError) in
            try AddressPredicate.make(.firstForwarded, arguments)
        },
        PredicateSpec("SourceFromLast") { arguments, _ throws(PredicateArgumentError) in
            try AddressPredicate.make(.lastForwarded, arguments)
        },
        PredicateSpec("ClientIP") { arguments, _ throws(PredicateArgumentError) in
            try AddressPredicate.make(.peer, arguments)
        },
    ]
}
