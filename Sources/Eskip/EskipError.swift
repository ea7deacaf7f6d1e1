/// One thing wrong with a source of routes: where, and what is allowed there.
public struct EskipError: Error, Hashable, Sendable {
    public let position: SourcePosition
    /// The route the error belongs to, as far as its id was read; empty if it has none.
    public let routeID: String
    /// What was found and what is allowed, without place and route.
    public let message: String
    /// The line of the error with the place marked.
    public let excerpt: SourceExcerpt?

    public init(position: SourcePosition, routeID: String, message: String, excerpt: SourceExcerpt? = nil) {
        self.position = position
        self.routeID = routeID
        self.message = message
        self.excerpt = excerpt
    }
}

extension EskipError: CustomStringConvertible {
    /// One line: `file:line:column: route "id": message`.
    public var description: String {
        routeID.isEmpty ? "\(position): \(message)" : "\(position): route \"\(routeID)\": \(message)"
    }

    /// The description with the line of the error and a caret below: three lines.
    public var rendered: String {
        guard let excerpt else { return description }
        return description + "\n" + excerpt.description
    }
}

/// A part of one source line and the place in it that a message is about.
public struct SourceExcerpt: Hashable, Sendable, CustomStringConvertible {
    /// The line, or what surrounds the place in a long one; control characters other than tabs are replaced.
    public let text: String
    /// What stands below `text` to mark the place: blanks and tabs, then carets.
    public let marker: String

    public var description: String { text + "\n" + marker }
}
