internal import Bytes
internal import Eskip
internal import Filters
internal import HTTP

/// What a route shows without others.
extension RouteLint {
    mutating func checkAlone(_ definition: RouteDefinition) {
        checkFilters(definition)
        checkBackend(definition)
        for call in definition.predicates {
            switch call.nameID {
            case .host: checkHost(call, definition)
            case .path, "PathSubtree": checkPath(call, definition)
            case .method: checkMethod(call, definition)
            case .header, .headerRegexp: checkHeader(call, definition)
            default: break
            }
        }
    }

    private mutating func checkFilters(_ definition: RouteDefinition) {
        guard let serving = definition.filters.firstIndex(where: { Self.servingFilters.contains($0.nameID) }),
            let unused = definition.filters[(serving + 1)...].first(where: { !Self.readAtOnce.contains($0.nameID) }) else { return }
        add(
            .unusedFilter, definition, "\(unused.name) never runs, because \(definition.filters[serving].name) before it answers the request",
            at: unused.position)
    }

    // MARK: The backend

    private mutating func checkBackend(_ definition: RouteDefinition) {
        let addresses = definition.networkAddress.map { [$0] } ?? definition.endpoints.map(\.address)
        guard let address = addresses.first(where: Self.hasPath) else { return }
        add(
            .ignoredPath, definition, "the path and query of \"\(address)\" are ignored: requests keep their own, which setPath, modPath and setQuery change",
            at: definition.backendPosition)
    }

    /// More than `/` behind the host.
    private static func hasPath(_ address: String) -> Bool {
        guard let scheme = address.firstRange(of: "://") else { return false }
        let rest = address[scheme.upperBound...].drop { $0 != "/" && $0 != "?" && $0 != "#" }
        return !rest.isEmpty && rest != "/"
    }

    // MARK: Predicates

    private mutating func checkHost(_ call: Call, _ definition: RouteDefinition) {
        let literals = call.arguments.withStringBytes(at: 0, HostPatternReader.read) ?? nil
        guard !(literals?.allSatisfy { $0.wildcard == nil || $0.isSuffix } ?? false) else { return }
        if (call.arguments.withStringBytes(at: 0, HostEndingReader.read) ?? nil) != nil { return }
        add(
            .unindexedRegexp, definition,
            "\(RoutePrinter.compact.text(ofPredicate: call)) is tried for each request of its path; "
                + "hosts are looked up if they end in literal labels and $, as in /^(a[.]example[.]org[.]?(:[0-9]+)?)$/, also several with | or with others in front",
            at: call.position)
    }

    private mutating func checkPath(_ call: Call, _ definition: RouteDefinition) {
        guard let pattern = call.arguments.string(at: 0) else { return }
        if pattern.utf8.contains(UInt8(ascii: "?")) {
            odd(call, definition, "is matched against the path alone, where a ? came as %3F; QueryParam looks at queries")
        } else if Self.hasEscape(Array(pattern.utf8)) {
            odd(call, definition, "is matched against the decoded path: write the character itself, not its escape")
        }
    }

    private static func hasEscape(_ text: [UInt8]) -> Bool {
        text.indices.contains { index in
            text[index] == UInt8(ascii: "%") && index + 2 < text.count && text[index + 1...index + 2].allSatisfy { ASCII.hexValue($0) != nil }
        }
    }

    private mutating func checkMethod(_ call: Call, _ definition: RouteDefinition) {
        guard let method = call.arguments.string(at: 0), MethodPredicate(method).method == .other else { return }
        let usual = method.uppercased()
        guard MethodPredicate(usual).method != .other else { return }
        odd(call, definition, "is compared in its case, and requests say \(usual); Methods takes any case")
    }

    private mutating func checkHeader(_ call: Call, _ definition: RouteDefinition) {
        guard call.arguments.string(at: 0)?.lowercased() == "host" else { return }
        odd(call, definition, "never matches: the host is no header here; Host and HostAny match it")
    }

    private mutating func odd(_ call: Call, _ definition: RouteDefinition, _ message: String) {
        add(.oddArgument, definition, "\(RoutePrinter.compact.text(ofPredicate: call)) \(message)", at: call.position)
    }
}
