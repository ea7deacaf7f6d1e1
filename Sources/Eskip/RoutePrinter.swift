/// Writes definitions as text that parses back to equal ones (eskip.md §6.1, §6.2).
public struct RoutePrinter: Sendable {
    /// `nil` for one line per route; else what each `->` on a line of its own is indented by.
    public var indent: String?

    public static let compact = RoutePrinter(indent: nil)
    public static let pretty = RoutePrinter(indent: "  ")

    public init(indent: String?) { self.indent = indent }

    /// Appends one route: `id: …;`, or the bare expression if the id is empty.
    public func append(_ definition: RouteDefinition, to output: inout [UInt8]) {
        fatalError("not written yet")
    }

    /// One route as text.
    public func text(of definition: RouteDefinition) -> String {
        var output: [UInt8] = []
        append(definition, to: &output)
        return String(decoding: output, as: UTF8.self)
    }
}
