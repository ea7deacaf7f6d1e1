import Bytes
import Filters
import HTTP
import Regexp

// The predicates that the language itself knows, path patterns and weights aside.

/// `Method`: exactly this method, case and all.
final class MethodPredicate: Predicate, @unchecked Sendable {
    /// `.other` if the text decides.
    let method: Method
    private let text: [UInt8]

    init(_ name: String) {
        text = Array(name.utf8)
        method = name.withBytes { name in MethodsPredicate.known.first { name.equals($0.name) } ?? .other }
    }

    override func matches(_ context: FilterContext) -> Bool {
        guard context.request.method == method else { return false }
        return method != .other || text.withUnsafeBytes { context.request.methodBytes.equals($0) }
    }
}

/// `Host`: the request's Host matches, port included.
final class HostPredicate: Predicate, @unchecked Sendable {
    private let regexp: CompiledRegexp

    init(_ regexp: CompiledRegexp) { self.regexp = regexp }

    override func matches(_ context: FilterContext) -> Bool { regexp.matches(context.request.host) }
}

/// `Host` whose regexp stands for a few literals.
final class HostLiteralPredicate: Predicate, @unchecked Sendable {
    private let literals: [HostLiteral]

    init(_ literals: [HostLiteral]) { self.literals = literals }

    override func matches(_ context: FilterContext) -> Bool {
        let host = context.request.host
        for literal in literals where literal.matches(host) { return true }
        return false
    }
}

/// `PathRegexp`: the path as routes see it matches, trailing slash included.
final class PathRegexpPredicate: Predicate, @unchecked Sendable {
    private let regexp: CompiledRegexp

    init(_ regexp: CompiledRegexp) { self.regexp = regexp }

    override func matches(_ context: FilterContext) -> Bool { regexp.matches(context.request.matchPath) }
}

/// `Header`: one of the field's values is this.
final class HeaderPredicate: Predicate, @unchecked Sendable {
    private let name: FieldName
    private let value: [UInt8]

    init(_ name: FieldName, _ value: [UInt8]) {
        self.name = name
        self.value = value
    }

    override func matches(_ context: FilterContext) -> Bool {
        // Host is no field to routes: `Host` and `HostAny` are for it.
        guard name.known != .host else { return false }
        var next = context.request.headers.index(of: name)
        while let index = next {
            if value.withUnsafeBytes({ context.request.headers.value(at: index).equals($0) }) { return true }
            next = context.request.headers.index(of: name, from: index + 1)
        }
        return false
    }
}

/// `HeaderRegexp`: one of the field's values matches.
final class HeaderRegexpPredicate: Predicate, @unchecked Sendable {
    private let name: FieldName
    private let regexp: CompiledRegexp

    init(_ name: FieldName, _ regexp: CompiledRegexp) {
        self.name = name
        self.regexp = regexp
    }

    override func matches(_ context: FilterContext) -> Bool {
        guard name.known != .host else { return false }
        var next = context.request.headers.index(of: name)
        while let index = next {
            if regexp.matches(context.request.headers.value(at: index)) { return true }
            next = context.request.headers.index(of: name, from: index + 1)
        }
        return false
    }
}
