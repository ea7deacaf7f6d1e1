/// The table of flags as text for people.
public enum FlagReference {
    /// What `-help` prints: flags that work by group, then the names of the others.
    ///
    /// - Parameter columns: width of the lines; help texts are wrapped, names are not.
    public static func help(columns: Int = 100) -> String {
        var text = """
            usage: fairway [serve] [flags]
                   fairway help               lists the other commands: check, print, diff, origin, version

            Flags are written -name value, -name=value, --name value or --name=value; booleans -name or -name=false.
            The same names are the keys of the YAML file given with -config-file.

            """
        for group in FlagTable.groups {
            let flags = group.flags.filter { $0.isArgument && $0.status == .works }
            guard !flags.isEmpty else { continue }
            text += "\n\(group.title)\n" + flags.map { entry($0, columns: columns) }.joined()
        }
        let others = FlagTable.flags.filter { $0.isArgument && $0.status != .works }.map { "-" + $0.name }
        return text + "\nAccepted without effect, or always on (the reference says why)\n"
            + wrapped(others.joined(separator: " "), indent: 2, columns: columns)
    }

    private static func entry(_ flag: Flag, columns: Int) -> String {
        let placeholder = placeholder(flag)
        let head = "  -\(flag.name)" + (placeholder.isEmpty ? "" : " " + placeholder)
        return head + "\n" + wrapped(sentence(flag), indent: 8, columns: columns)
    }

    private static func placeholder(_ flag: Flag) -> String {
        switch flag.kind {
        case .bool: ""
        case .choice(let words): words.joined(separator: "|")
        case .record(let keys): keys.map { "\($0)=…" }.joined(separator: ",")
        case .list where flag.accumulates: "value"
        case .list(let words): (words.isEmpty ? "value" : words.joined(separator: "|")) + ",…"
        default: flag.kind.word
        }
    }

    private static func sentence(_ flag: Flag) -> String {
        var notes: [String] = []
        if flag.accumulates { notes.append("may be repeated") }
        if !flag.defaultText.isEmpty, flag.defaultText != "false" { notes.append("default \(flag.defaultText)") }
        return flag.help + (notes.isEmpty ? "" : " (\(notes.joined(separator: ", ")))")
    }

    private static func wrapped(_ text: String, indent: Int, columns: Int) -> String {
        let margin = String(repeating: " ", count: indent)
        var (lines, line) = ("", margin)
        for word in text.split(separator: " ") {
            if line.count > indent, line.count + 1 + word.count > columns {
                lines += line + "\n"
                line = margin
            }
            line += (line.count > indent ? " " : "") + word
        }
        return lines + line + "\n"
    }

    /// The whole table in Markdown, one section per group.
    public static func markdown() -> String {
        FlagTable.groups.map { group in
            "## \(group.title)\n\n| flag | type | default | meaning |\n|---|---|---|---|\n" + group.flags.map(row).joined()
        }.joined(separator: "\n")
    }

    private static func row(_ flag: Flag) -> String {
        let name = flag.isArgument ? "`-\(flag.name)`" : "`\(flag.name)` (file only)"
        let standard = flag.defaultText.isEmpty ? "" : "`\(flag.defaultText)`"
        let skipper = flag.skipperDefault.map { $0.isEmpty ? "" : " (Skipper: `\($0)`)" } ?? ""
        var meaning = flag.help
        if flag.accumulates { meaning += "; may be repeated" }
        switch flag.kind {
        case .choice(let words): meaning += "; one of \(quoted(words))"
        case .list(let words) where !words.isEmpty: meaning += "; of \(quoted(words))"
        case .record(let keys) where !keys.isEmpty: meaning += "; keys \(quoted(keys))"
        default: break
        }
        if let key = flag.fileKey, key != flag.name { meaning += "; in the file `\(key)`" }
        let cells = [name, flag.kind.word, standard + skipper, meaning + note(flag.status)]
        return "| " + cells.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |\n"
    }

    private static func quoted(_ words: [String]) -> String {
        words.filter { !$0.isEmpty }.map { "`\($0)`" }.joined(separator: ", ")
    }

    private static func note(_ status: FlagStatus) -> String {
        switch status {
        case .works: ""
        case .alwaysOn(let fact): ". **Always on:** \(fact)"
        case .notYet: ". **Accepted, no effect yet**"
        case .ignored(let instead): ". **Accepted, no meaning here;** instead: \(instead)"
        }
    }
}
