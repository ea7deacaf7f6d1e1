import ArgumentParser
import Eskip

/// Compares what two files say, not how they say it.
struct DiffCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff", abstract: "Compare the routes of two files.",
        discussion: """
            Routes are compared by id and in canonical form: spelling, comments, the order of predicates and of endpoints make no difference, \
            the order of filters does. Exits 0 if both say the same, 1 if not, 2 if one cannot be read.
            """)

    @ArgumentParser.Argument(help: ArgumentHelp("A route file; - is standard input.", valueName: "old"))
    var old: String

    @ArgumentParser.Argument(help: ArgumentHelp("Another.", valueName: "new"))
    var new: String

    func validate() throws {
        if old == "-" && new == "-" { throw ValidationError("only one of both can be standard input") }
    }

    func run() throws {
        let difference = RouteDifference(from: try RouteSource.routes(old, exitCode: 2), to: try RouteSource.routes(new, exitCode: 2))
        StandardOutput.write(Array(difference.text.utf8))
        if !difference.isEmpty { throw ExitCode(1) }
    }
}

/// What must be done to one set of routes to make it another.
struct RouteDifference {
    private enum Change {
        case added(RouteDefinition)
        case removed(RouteDefinition)
        case changed(from: RouteDefinition, to: RouteDefinition)
    }

    private var changes: [(id: String, change: Change)] = []

    var isEmpty: Bool { changes.isEmpty }

    init(from old: some Sequence<RouteDefinition>, to new: some Sequence<RouteDefinition>) {
        // Of several routes with one id the last counts, as in the proxy.
        var rest = Dictionary(old.map { ($0.id, $0) }) { $1 }
        for definition in Dictionary(new.map({ ($0.id, $0) }), uniquingKeysWith: { $1 }).values {
            guard let former = rest.removeValue(forKey: definition.id) else {
                changes.append((definition.id, .added(definition)))
                continue
            }
            if !definition.isCanonicallyEqual(to: former) { changes.append((definition.id, .changed(from: former, to: definition))) }
        }
        changes += rest.map { ($0.key, .removed($0.value)) }
        changes.sort { $0.id < $1.id }
    }

    /// A line per route that was added (`+`) or removed (`-`), both for one that changed, under its heading; by id.
    var text: String {
        changes.map { id, change in
            switch change {
            case .added(let definition): "added \(id)\n+ \(print(definition))\n"
            case .removed(let definition): "removed \(id)\n- \(print(definition))\n"
            case .changed(let former, let definition): "changed \(id)\n- \(print(former))\n+ \(print(definition))\n"
            }
        }.joined()
    }

    private func print(_ definition: RouteDefinition) -> String { RoutePrinter.compact.text(of: definition.canonicalized()) }
}
