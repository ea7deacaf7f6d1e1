internal import Bytes
internal import Eskip
internal import Filters
internal import HTTP
internal import Regexp

/// Why a part of a definition cannot be compiled, and where it stands.
struct RouteRefusalCause: Error {
    let refusal: RouteRefusal
    let message: String
    let position: SourcePosition?

    init(_ refusal: RouteRefusal, _ message: String, at position: SourcePosition? = nil) {
        self.refusal = refusal
        self.message = message
        self.position = position
    }
}

/// What a definition's predicates come to: where the route stands in the table, and what is asked beyond that.
struct CompiledPredicates {
    let placement: RoutePlacement
    let conditions: RouteConditions
}

/// Turns a definition's predicates into conditions: the tree's own ones here, the others by the registry.
struct ConditionCompiler {
    private let registry: PredicateRegistry
    private let environment: PredicateEnvironment
    private let ignoresTrailingSlash: Bool
    private let parts: SharedParts

    private var pattern: PathPattern?
    private var hasMethod = false
    private var methods: UInt16 = .max
    private var keys: [RouteKey]?
    /// Used if there is nothing better.
    private var regexpKeys: [RouteKey]?
    private var hasHost = false
    private var weight = 0
    private var headerNames: Set<FieldName> = []
    private var headerRegexpNames: Set<FieldName> = []
    private var checks: [(phase: Phase, predicate: Predicate, index: Int)] = []

    /// The order of evaluation within a route, cheap ones first (routing.md §5).
    private enum Phase: Int {
        case method, host, path, header, headerRegexp, custom
    }

    private static let pathSubtree = Name("PathSubtree")
    private static let weightName = Name("Weight")
    private static let hostAny = Name("HostAny")
    private static let methodsName = Name("Methods")

    init(_ registry: PredicateRegistry, _ environment: PredicateEnvironment, ignoresTrailingSlash: Bool, _ parts: SharedParts) {
        self.parts = parts
        self.registry = registry
        self.environment = environment
        self.ignoresTrailingSlash = ignoresTrailingSlash
    }

    mutating func compile(_ predicates: CallList) throws(RouteRefusalCause) -> CompiledPredicates {
        for index in 0..<predicates.count { try add(predicates[index], index) }
        weight += headerNames.count + headerRegexpNames.count
        return CompiledPredicates(placement: placement, conditions: conditions)
    }

    private var conditions: RouteConditions {
        let parameters = pattern?.parameters ?? []
        if checks.isEmpty { return parts.conditions(.init(weight: weight, hasHost: hasHost, parameters: parameters)) }
        // Stable: custom predicates run as written.
        let ordered = checks.enumerated().sorted {
            ($0.element.phase.rawValue, $0.offset) < ($1.element.phase.rawValue, $1.offset)
        }
        return RouteConditions(
            weight: weight, hasHost: hasHost, parameters: parameters, checks: ordered.map { ($0.element.predicate, $0.element.index) })
    }

    private var placement: RoutePlacement {
        var flags: Candidate.Flags = checks.isEmpty ? [] : .hasChecks
        if let parameters = pattern?.parameters, !parameters.isEmpty {
            flags.insert(.hasParameters)
            if parameters.count == 1, parameters[0].isFree, parameters[0].name.elementsEqual(ParameterName.rest) {
                flags.formUnion(.rest(behind: parameters[0].segment))
            }
        }
        return RoutePlacement(pattern: pattern, keys: keys ?? regexpKeys, methods: methods, flags: flags)
    }

    /// Where the route of a definition stands that was compiled before.
    mutating func placement(of predicates: CallList) -> RoutePlacement {
        for index in 0..<predicates.count {
            let call = predicates[index]
            switch call.nameID {
            case .path, Self.pathSubtree, .method, .host, Self.hostAny, Self.methodsName, .pathRegexp:
                do throws(RouteRefusalCause) { try add(call, index) } catch { preconditionFailure("a compiled route's \(error.message)") }
            default: break
            }
        }
        return placement
    }

    private mutating func add(_ call: Call, _ index: Int) throws(RouteRefusalCause) {
        do throws(RouteRefusalCause) {
            switch call.nameID {
            case .any: break
            case .path, Self.pathSubtree: try addPath(call)
            case Self.weightName: try addWeight(call)
            case .method: try addMethod(call, index)
            case .host: try addHost(call, index)
            case .pathRegexp: try addPathRegexp(call, index)
            case .header: try addHeader(call, index)
            case .headerRegexp: try addHeaderRegexp(call, index)
            default: try addCustom(call, index)
            }
        } catch {
            throw RouteRefusalCause(error.refusal, "\(call.name) \(error.message)", at: error.position ?? call.position)
        }
    }

    private mutating func addPath(_ call: Call) throws(RouteRefusalCause) {
        let isSubtree = call.nameID == Self.pathSubtree, ignoresTrailingSlash = ignoresTrailingSlash
        let parsed = try bytes(call, "one path pattern") { bytes in
            Result { () throws(PathPatternError) in
                isSubtree
                    ? try PathPattern.subtree(bytes, ignoresTrailingSlash: ignoresTrailingSlash)
                    : try PathPattern.path(bytes, ignoresTrailingSlash: ignoresTrailingSlash)
            }
        }
        do throws(PathPatternError) {
            guard let parsed = try parsed.get() else { return }
            if pattern != nil { throw PathPatternError(reason: "") }
            pattern = parsed
        } catch {
            if error.reason.isEmpty { throw RouteRefusalCause(.other, "is the second path pattern; a route has one Path or PathSubtree") }
            throw RouteRefusalCause(.invalidMatcher, "pattern: \(error.reason)")
        }
    }

    private mutating func addWeight(_ call: Call) throws(RouteRefusalCause) {
        guard call.arguments.count == 1, let number = call.arguments.number(at: 0) else {
            throw RouteRefusalCause(.invalidPredicateParameters, "takes one number")
        }
        let bound = Double(RoutingLimits.weightMax)
        weight += Int(max(-bound, min(bound, number)))
    }

    private mutating func addMethod(_ call: Call, _ index: Int) throws(RouteRefusalCause) {
        let name = try strings(call, 1, "one method")[0]
        guard !hasMethod else { throw RouteRefusalCause(.other, "stands twice; use Methods for several") }
        hasMethod = true
        weight += 1
        let predicate = MethodPredicate(name)
        methods &= 1 << UInt16(predicate.method.rawValue)
        // The table knows the method's number; only the text of others is left to compare.
        if predicate.method == .other { checks.append((.method, predicate, index)) }
    }

    private mutating func addHost(_ call: Call, _ index: Int) throws(RouteRefusalCause) {
        weight += 1
        hasHost = true
        guard let literals = try bytes(call, "one regexp", HostPatternReader.read) else {
            checks.append((.host, HostPredicate(try regexp(strings(call, 1, "one regexp")[0])), index))
            guard keys == nil else { return }
            if let ends = try bytes(call, "one regexp", HostEndingReader.read), ends.allSatisfy({ $0.count <= RoutingLimits.keyBytesMax }) {
                keys = ends.map { .hostEnding($0) }
            } else if regexpKeys == nil {
                regexpKeys = try bytes(call, "one regexp") { RouteKey.regexp(RouteKey.hostRegexp, $0) }
            }
            return
        }
        if !place(literals) { checks.append((.host, HostLiteralPredicate(literals), index)) }
    }

    /// Lets the table find the route by these hosts, unless it already does by others.
    ///
    /// - Returns: whether the table then answers for them all; what stands before a wildcard's suffix it does not look at.
    private mutating func place(_ literals: [HostLiteral]) -> Bool {
        guard keys == nil, let found = RouteKey.keys(of: literals) else { return false }
        keys = found
        return literals.allSatisfy { $0.wildcard == nil }
    }

    private mutating func addPathRegexp(_ call: Call, _ index: Int) throws(RouteRefusalCause) {
        let regexp = try regexp(strings(call, 1, "one regexp")[0])
        weight += 1
        checks.append((.path, PathRegexpPredicate(regexp), index))
        if regexpKeys == nil { regexpKeys = try bytes(call, "one regexp") { RouteKey.regexp(RouteKey.pathRegexp, $0) } }
    }

    private mutating func addHeader(_ call: Call, _ index: Int) throws(RouteRefusalCause) {
        let arguments = try strings(call, 2, "a name and a value")
        let name = FieldName(arguments[0].lowercased())
        headerNames.insert(name)
        checks.append((.header, HeaderPredicate(name, Array(arguments[1].utf8)), index))
    }

    private mutating func addHeaderRegexp(_ call: Call, _ index: Int) throws(RouteRefusalCause) {
        let arguments = try strings(call, 2, "a name and a regexp")
        let name = FieldName(arguments[0].lowercased())
        headerRegexpNames.insert(name)
        checks.append((.headerRegexp, HeaderRegexpPredicate(name, try regexp(arguments[1])), index))
    }

    private mutating func addCustom(_ call: Call, _ index: Int) throws(RouteRefusalCause) {
        guard let spec = registry[call.nameID] else {
            throw RouteRefusalCause(.unknownPredicate, "is no known predicate")
        }
        weight += spec.weight
        do throws(PredicateArgumentError) {
            let predicate = try spec.make(call.arguments, environment)
            if let hostAny = predicate as? HostAnyPredicate {
                hasHost = true
                if place(hostAny.literals) { return }
            }
            if let some = predicate as? MethodsPredicate { methods &= some.methods | 1 << UInt16(Method.other.rawValue) }
            checks.append((.custom, predicate, index))
        } catch {
            throw RouteRefusalCause(.invalidPredicateParameters, error.reason)
        }
    }

    /// Documents are refused for these as a whole; predicate lists bring them here.
    private func strings(_ call: Call, _ count: Int, _ shape: String) throws(RouteRefusalCause) -> [String] {
        guard call.arguments.count == count, let strings = call.arguments.allStrings() else {
            throw RouteRefusalCause(.other, "takes \(shape)")
        }
        return strings
    }

    private func bytes<Result>(_ call: Call, _ shape: String, _ body: (BorrowedBytes) -> Result) throws(RouteRefusalCause) -> Result {
        guard call.arguments.count == 1, let result = call.arguments.withStringBytes(at: 0, body) else {
            throw RouteRefusalCause(.other, "takes \(shape)")
        }
        return result
    }

    private func regexp(_ pattern: String) throws(RouteRefusalCause) -> CompiledRegexp {
        do throws(RegexpError) {
            return try CompiledRegexp.shared(pattern)
        } catch {
            throw RouteRefusalCause(.invalidMatcher, error.description)
        }
    }
}
