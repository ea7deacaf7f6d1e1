import Regexp
import Routing

/// A route as the reference and the text for the compiler both see it.
struct ReferenceRoute {
    enum Condition {
        case host(String), hostAny([String]), pathRegexp(String), method(String), methods([String]), header(String, String), headerRegexp(String, String)
        case isTrue, isFalse, weight(Int)
    }

    enum Pattern {
        case path(String), subtree(String)
    }

    var id: String
    var scope = RouteScope.shared
    var pattern: Pattern?
    var conditions: [Condition] = []

    var text: String {
        var parts: [String] = []
        switch pattern {
        case .path(let path): parts.append("Path(\(quoted(path)))")
        case .subtree(let path): parts.append("PathSubtree(\(quoted(path)))")
        case nil: break
        }
        parts += conditions.map(\.text)
        return "\(id): \(parts.isEmpty ? "*" : parts.joined(separator: " && ")) -> <shunt>;"
    }

    /// routing.md §5, word by word.
    var weight: Int {
        var weight = 0
        var headers: Set<String> = [], headerRegexps: Set<String> = []
        for condition in conditions {
            switch condition {
            case .weight(let number): weight += number
            case .header(let name, _): headers.insert(name.lowercased())
            case .headerRegexp(let name, _): headerRegexps.insert(name.lowercased())
            case .host, .hostAny, .pathRegexp, .method, .methods, .isTrue, .isFalse: weight += 1
            }
        }
        return weight + headers.count + headerRegexps.count
    }
}

private func quoted(_ text: String) -> String {
    "\"" + text.map { $0 == "\"" || $0 == "\\" ? "\\\($0)" : "\($0)" }.joined() + "\""
}

extension ReferenceRoute.Condition {
    var text: String {
        switch self {
        case .host(let pattern): "Host(\(quoted(pattern)))"
        case .hostAny(let hosts): "HostAny(\(hosts.map { quoted($0) }.joined(separator: ", ")))"
        case .pathRegexp(let pattern): "PathRegexp(\(quoted(pattern)))"
        case .method(let name): "Method(\(quoted(name)))"
        case .methods(let names): "Methods(\(names.map { quoted($0) }.joined(separator: ", ")))"
        case .header(let name, let value): "Header(\(quoted(name)), \(quoted(value)))"
        case .headerRegexp(let name, let pattern): "HeaderRegexp(\(quoted(name)), \(quoted(pattern)))"
        case .isTrue: "True()"
        case .isFalse: "False()"
        case .weight(let number): "Weight(\(number))"
        }
    }

    func holds(_ request: ReferenceRequest, cleanPath: String) -> Bool {
        switch self {
        case .host(let pattern): matches(pattern, request.host)
        case .hostAny(let hosts): hosts.contains(request.host)
        case .pathRegexp(let pattern): matches(pattern, cleanPath)
        case .method(let name): request.method == name
        case .methods(let names): names.contains { $0.uppercased() == request.method.uppercased() }
        case .header(let name, let value): request.headers.contains { $0.0.lowercased() == name.lowercased() && $0.1 == value }
        case .headerRegexp(let name, let pattern): request.headers.contains { $0.0.lowercased() == name.lowercased() && matches(pattern, $0.1) }
        case .isTrue, .weight: true
        case .isFalse: false
        }
    }

    private func matches(_ pattern: String, _ text: String) -> Bool {
        do { return try CompiledRegexp.shared(pattern).matches(text) } catch { fatalError("\(error)") }
    }
}

struct ReferenceRequest: CustomStringConvertible {
    var method = "GET"
    var path = "/"
    var host = ""
    var headers: [(String, String)] = []

    var description: String { "\(method) \(path), Host \"\(host)\", \(headers.map { "\($0.0): \($0.1)" })" }
}

/// Finds routes by trying every one, straight from routing.md §3-§5: no tree, no index, nothing clever.
struct ReferenceRouter {
    private(set) var routes: [String: ReferenceRoute] = [:]
    /// The segments of each route's patterns, split once.
    private var entries: [String: [Entry]] = [:]
    let ignoresTrailingSlash: Bool

    private struct Entry {
        let segments: [String]
        /// The name that a base path of a subtree gives the value `/`.
        let remainder: String?
    }

    init(ignoresTrailingSlash: Bool) { self.ignoresTrailingSlash = ignoresTrailingSlash }

    subscript(id: String) -> ReferenceRoute? {
        get { routes[id] }
        set {
            routes[id] = newValue
            entries[id] = newValue.map { patterns($0).map { Entry(segments: segments($0.pattern), remainder: $0.remainder) } }
        }
    }

    struct Answer: Equatable {
        let id: String
        let parameters: [String: String]
    }

    private struct Candidate {
        let route: ReferenceRoute
        /// Per segment 0 for a literal, 1 for `:name`, 2 for a free wildcard: the first difference decides.
        let specificity: [Int]
        let parameters: [String: String]
    }

    func route(_ request: ReferenceRequest) -> Answer? {
        let path = clean(request.path)
        let scope = scope(of: request.host)
        let inScope = routes.values.filter { $0.scope == scope }
        let found = segments(trimmed(path))
        let all: [Candidate] = inScope.flatMap { self.candidates($0, found) }
        let candidates = all.sorted { (left: Candidate, right: Candidate) -> Bool in
            if left.specificity != right.specificity { return left.specificity.lexicographicallyPrecedes(right.specificity) }
            return isTried(left.route, before: right.route)
        }
        if let found = candidates.first(where: { holds($0.route, request, path) }) {
            return Answer(id: found.route.id, parameters: found.parameters)
        }
        let others = inScope.filter { entries[$0.id]!.isEmpty }.sorted { isTried($0, before: $1) }
        return others.first { holds($0, request, path) }.map { Answer(id: $0.id, parameters: [:]) }
    }

    private func holds(_ route: ReferenceRoute, _ request: ReferenceRequest, _ path: String) -> Bool {
        route.conditions.allSatisfy { $0.holds(request, cleanPath: path) }
    }

    private func isTried(_ left: ReferenceRoute, before right: ReferenceRoute) -> Bool {
        if left.weight != right.weight { return left.weight > right.weight }
        return Array(left.id.utf8).lexicographicallyPrecedes(Array(right.id.utf8))
    }

    /// Duplicate slashes collapsed; the generator writes no dots and no escapes.
    private func clean(_ path: String) -> String {
        var clean = ""
        for character in path where !(character == "/" && clean.last == "/") { clean.append(character) }
        return clean
    }

    private func trimmed(_ path: String) -> String {
        ignoresTrailingSlash && path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    }

    /// The paths that a route is indexed by, each with the name of its free wildcard for a base path.
    private func patterns(_ route: ReferenceRoute) -> [(pattern: String, remainder: String?)] {
        switch route.pattern {
        case nil, .path(""), .subtree(""): return []
        case .path(let pattern): return [(trimmed(pattern.hasPrefix("/") ? pattern : "/" + pattern), nil)]
        case .subtree(let pattern):
            var base = pattern.hasPrefix("/") ? pattern : "/" + pattern
            var name = "*"
            if let last = base.split(separator: "/", omittingEmptySubsequences: false).last, last.hasPrefix("*") {
                base = String(base.dropLast(last.count))
                name = last == "*" ? "*" : String(last.dropFirst())
            }
            if base.hasSuffix("/") { base.removeLast() }
            let free = base + "/*" + name
            if base.isEmpty { return [("/", name), (free, nil)] }
            return ignoresTrailingSlash ? [(base, name), (free, nil)] : [(base, name), (base + "/", name), (free, nil)]
        }
    }

    private func candidates(_ route: ReferenceRoute, _ found: [String]) -> [Candidate] {
        entries[route.id]!.compactMap { entry in
            let wanted = entry.segments
            var specificity: [Int] = []
            var values: [String: String] = [:]
            func capture(_ name: String, _ value: String) {
                if values[name] == nil { values[name] = unescaped(value) }
            }
            for (index, segment) in wanted.enumerated() {
                if segment.hasPrefix("*") {
                    let rest = found.dropFirst(index).joined(separator: "/")
                    guard index < found.count, !rest.isEmpty else { return nil }
                    specificity.append(2)
                    capture(segment == "*" ? "*" : String(segment.dropFirst()), "/" + rest)
                    return Candidate(route: route, specificity: specificity, parameters: values)
                }
                guard index < found.count else { return nil }
                if segment.hasPrefix(":") {
                    guard !found[index].isEmpty else { return nil }
                    specificity.append(1)
                    capture(String(segment.dropFirst()), found[index])
                } else {
                    guard segment == found[index] else { return nil }
                    specificity.append(0)
                }
            }
            guard wanted.count == found.count else { return nil }
            if let remainder = entry.remainder { capture(remainder, "/") }
            return Candidate(route: route, specificity: specificity, parameters: values)
        }
    }

    private func segments(_ path: String) -> [String] {
        path.dropFirst().split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    }

    private func unescaped(_ value: String) -> String { value.replacing("+", with: " ") }

    private func scope(of host: String) -> RouteScope {
        let scopes = Set(routes.values.map(\.scope))
        if scopes == [.shared] { return .shared }
        var name = host.lowercased()
        if let colon = name.lastIndex(of: ":"), name[name.index(after: colon)...].allSatisfy(\.isNumber) { name = String(name[..<colon]) }
        if name.hasSuffix(".") { name.removeLast() }
        if scopes.contains(.host(name)) { return .host(name) }
        let labels = name.split(separator: ".", omittingEmptySubsequences: false)
        for count in labels.indices.dropFirst() {
            let suffix = labels[count...].joined(separator: ".")
            if scopes.contains(.wildcard(suffix)) { return .wildcard(suffix) }
        }
        return .shared
    }
}
