import Bytes
import Eskip
import Filters
import HTTP

/// Which address of a request counts as its client's.
enum AddressSource {
    case firstForwarded, lastForwarded, peer

    func address(_ context: FilterContext) -> IPAddress {
        switch self {
        case .firstForwarded: ClientAddress.first(context)
        case .lastForwarded: ClientAddress.last(context)
        case .peer: ClientAddress.nearest(context)
        }
    }
}

/// `Source`, `SourceFromLast`, `ClientIP`: the client's address lies in one of these blocks.
final class AddressPredicate: Predicate, @unchecked Sendable {
    private let source: AddressSource
    private let addresses: AddressSet

    init(_ source: AddressSource, _ addresses: AddressSet) {
        self.source = source
        self.addresses = addresses
    }

    override func matches(_ context: FilterContext) -> Bool { addresses.contains(source.address(context)) }

    static func make(_ source: AddressSource, _ arguments: Arguments) throws(PredicateArgumentError) -> Predicate {
        let entries = try arguments.requiredStrings("one or more addresses or CIDR blocks")
        var prefixes: [AddressPrefix] = []
        for entry in entries { prefixes.append(try prefix(entry)) }
        return AddressPredicate(source, AddressSet(prefixes))
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
