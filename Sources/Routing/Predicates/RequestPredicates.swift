import Bytes
import Eskip
import Filters
import HTTP
import Regexp

/// `HostAny`: the request's Host is one of these, byte for byte, port included.
final class HostAnyPredicate: Predicate, @unchecked Sendable {
    private let hosts: [[UInt8]]

    init(_ hosts: [[UInt8]]) { self.hosts = hosts }

    /// For the table's index.
    var literals: [HostLiteral] {
        Set(hosts).map { HostLiteral(wildcard: nil, text: $0, forms: .plain) }
    }

    override func matches(_ context: FilterContext) -> Bool {
        let host = context.request.host
        for candidate in hosts where candidate.count == host.count {
            if candidate.withUnsafeBytes({ $0.equals(host) }) { return true }
        }
        return false
    }
}

/// `Methods`: the request's method, in any case, is one of these.
final class MethodsPredicate: Predicate, @unchecked Sendable {
    /// One bit per `Method`.
    let methods: UInt16

    init(_ methods: UInt16) { self.methods = methods }

    override func matches(_ context: FilterContext) -> Bool {
        var method = context.request.method
        if method == .other { method = Self.method(context.request.methodBytes) ?? .other }
        return method != .other && methods >> UInt16(method.rawValue) & 1 == 1
    }

    static let known: [Method] = [.get, .head, .post, .put, .delete, .patch, .options, .connect, .trace]

    static func method(_ name: BorrowedBytes) -> Method? {
        for method in known where name.equalsIgnoringCase(method.name) { return method }
        return nil
    }
}

/// `QueryParam`: a parameter of this name is there, or one of its values matches.
final class QueryParameterPredicate: Predicate, @unchecked Sendable {
    private let name: [UInt8]
    private let regexp: CompiledRegexp?

    init(_ name: [UInt8], _ regexp: CompiledRegexp?) {
        self.name = name
        self.regexp = regexp
    }

    override func matches(_ context: FilterContext) -> Bool {
        guard context.request.hasQuery else { return false }
        var pairs = QueryPairs(context.request.query)
        while let pair = pairs.next() {
            let isNamed = name.withUnsafeBytes { QueryPairs.unescaped(pair.name, equals: $0) }
            if isNamed, matchesValue(pair.value) { return true }
        }
        return false
    }

    private func matchesValue(_ value: BorrowedBytes) -> Bool {
        guard let regexp else { return true }
        return QueryPairs.withUnescaped(value) { regexp.matches($0) } ?? false
    }
}

/// `ContentLengthBetween`: at least `minimum` and less than `maximum` bytes of body; an unknown length never matches.
final class ContentLengthPredicate: Predicate, @unchecked Sendable {
    private let lengths: Range<UInt64>

    init(_ lengths: Range<UInt64>) { self.lengths = lengths }

    override func matches(_ context: FilterContext) -> Bool {
        switch context.request.framing {
        case .none: lengths.contains(0)
        case .length(let length): lengths.contains(length)
        case .chunked, .untilClose: false
        }
    }
}

/// `Tee`: the request is the copy that `teeLoopback` of this label made.
final class TeePredicate: Predicate, @unchecked Sendable {
    private let label: [UInt8]

    init(_ label: [UInt8]) { self.label = label }

    override func matches(_ context: FilterContext) -> Bool {
        guard let range = context.settings.teeLabel else { return false }
        return label.withUnsafeBytes { $0.equals(context.request.headers.slice(range)) }
    }
}

extension PredicateRegistry {
    static let requestPredicates = [
        PredicateSpec("HostAny") { arguments, _ throws(PredicateArgumentError) in
            HostAnyPredicate(try arguments.requiredStrings("one or more hosts").map { Array($0.utf8) })
        },
        PredicateSpec("Methods") { arguments, _ throws(PredicateArgumentError) in
            var methods: UInt16 = 0
            for name in try arguments.requiredStrings("one or more methods") {
                guard let method = name.withBytes({ MethodsPredicate.method($0) }) else {
                    throw PredicateArgumentError("takes GET, HEAD, PATCH, POST, PUT, DELETE, OPTIONS, CONNECT and TRACE, found \"\(name)\"")
                }
                methods |= 1 << UInt16(method.rawValue)
            }
            return MethodsPredicate(methods)
        },
        PredicateSpec("QueryParam") { arguments, _ throws(PredicateArgumentError) in
            try arguments.require(1...2, "a name, and a regexp if its value matters")
            let name = Array(try arguments.requiredString(0, "the name").utf8)
            return QueryParameterPredicate(name, arguments.count == 2 ? try arguments.requiredRegexp(1) : nil)
        },
        PredicateSpec("ContentLengthBetween") { arguments, _ throws(PredicateArgumentError) in
            try arguments.require(2...2, "a minimum and a maximum")
            let minimum = try arguments.requiredNumber(0, "the minimum"), maximum = try arguments.requiredNumber(1, "the maximum")
            guard minimum >= 0, maximum < 0x1p63, UInt64(minimum) < UInt64(maximum) else {
                throw PredicateArgumentError("takes 0 ≤ minimum < maximum, found \(NumberText.text(minimum)) and \(NumberText.text(maximum))")
            }
            return ContentLengthPredicate(UInt64(minimum)..<UInt64(maximum))
        },
        PredicateSpec("Tee") { arguments, _ throws(PredicateArgumentError) in
            try arguments.require(1...1, "the label of a teeLoopback filter")
            return TeePredicate(Array(try arguments.requiredString(0, "the label").utf8))
        },
    ]
}
