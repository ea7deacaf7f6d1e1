internal import Bytes
internal import Eskip
internal import Telemetry

/// A route as logs show it: credentials that an author wrote into a filter or predicate stay out (`SecretFields`).
enum LoggedRoute {
    static func text(of definition: RouteDefinition) -> String {
        guard definition.predicates.contains(where: isSecret) || definition.filters.contains(where: isSecret) else {
            return RoutePrinter.compact.text(of: definition)
        }
        var edit = RouteEdit()
        edit.predicates = CallList(definition.predicates.map { masked($0) })
        edit.filters = CallList(definition.filters.map { masked($0) })
        return RoutePrinter.compact.text(of: definition.changed(by: edit))
    }

    /// Whether the call names a header field whose value no log may show, and says something of the value.
    private static func isSecret(_ call: Call) -> Bool {
        call.arguments.count > 1 && call.arguments.withStringBytes(at: 0) { SecretFields.contains($0) } == true
    }

    private static func masked(_ call: Call) -> CallValue {
        guard isSecret(call) else { return call.value }
        let rest = [Argument](repeating: .string(SecretFields.redacted.description), count: call.arguments.count - 1)
        return CallValue(call.nameID, [call.arguments[0]] + rest)
    }
}
