internal import Eskip

/// `-clone-route`: a route in which an expression changes something gets a changed copy beside it, `clone_<id>`.
struct Cloner {
    private let editor: Editor

    init(_ replacements: [TextReplacement], problems: inout [String]) {
        editor = Editor(replacements, flag: "clone-route", problems: &problems)
    }

    var isEmpty: Bool { editor.isEmpty }

    /// The changed copy of a route, nil if nothing in it changes.
    func clone(of draft: RouteDraft, notes: inout [String]) -> RouteDraft? {
        var clone = draft
        guard clone.edit(by: editor, notes: &notes) else { return nil }
        clone.id = Cloner.cloneID(of: draft.definition.id)
        return clone
    }

    static func cloneID(of id: String) -> String { prefix + id }

    /// The id whose clone has this one, if it can be a clone's.
    static func originalID(of id: String) -> String? {
        id.hasPrefix(prefix) ? String(id.dropFirst(prefix.count)) : nil
    }

    private static let prefix = "clone_"
}
