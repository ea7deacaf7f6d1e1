import Eskip

/// Routes on their way to a reader, made text piece by piece, so that 300,000 of them neither stop the loop nor fill memory.
struct RouteListing {
    enum Form {
        /// Each filter on a line of its own.
        case pretty
        /// A line per route.
        case compact
        case json
    }

    struct Entry {
        let definition: RouteDefinition
        /// Why the route is left out.
        var error: String?
    }

    private let entries: [Entry]
    private let form: Form
    private var next = 0
    private var hasBegun = false
    private(set) var isComplete = false

    init(_ entries: [Entry], form: Form) {
        self.entries = entries
        self.form = form
    }

    /// Appends routes until `output` has `limit` bytes or all are there.
    mutating func append(to output: inout [UInt8], limit: Int) {
        if !hasBegun, form == .json { output.append(UInt8(ascii: "[")) }
        hasBegun = true
        while next < entries.count {
            if output.count >= limit { return }
            append(entries[next], isFirst: next == 0, to: &output)
            next += 1
        }
        // Skipper's listing ends without a line feed, and people compare the two.
        if form == .json { output += "]\n".utf8 }
        isComplete = true
    }

    private func append(_ entry: Entry, isFirst: Bool, to output: inout [UInt8]) {
        if form == .json {
            if !isFirst { output.append(UInt8(ascii: ",")) }
            return RouteJSON().append(entry.definition, error: entry.error, to: &output)
        }
        if !isFirst { output += (form == .pretty ? "\n\n" : "\n").utf8 }
        if let error = entry.error {
            // A comment ends with its line.
            output += "// \(error.split(whereSeparator: \.isNewline).joined(separator: " "))\n".utf8
        }
        let printer: RoutePrinter = form == .pretty ? .pretty : .compact
        printer.append(entry.definition, to: &output)
    }
}
