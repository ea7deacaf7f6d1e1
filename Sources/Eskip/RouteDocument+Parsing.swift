/// What a document parsed to. A document with errors is refused as a whole (eskip.md §4); its good routes are there for
/// tools that report what else would be wrong.
public struct ParsedDocument: Sendable {
    public let document: RouteDocument
    /// In the order of the text, `EskipLimits.errorsMax` at most.
    public let errors: [EskipError]
    /// Whether reading stopped before the end because of the errors.
    public let isTruncated: Bool

    public var isValid: Bool { errors.isEmpty }
}

/// What a predicate list or a filter chain alone parsed to.
public struct ParsedCalls: Sendable {
    /// The calls; of use only if there are no errors.
    public let calls: CallList
    /// In the order of the text, `EskipLimits.errorsMax` at most.
    public let errors: [EskipError]

    public var isValid: Bool { errors.isEmpty }
}

extension RouteDocument {
    /// Reads a document: a list of named routes, or one bare route (eskip.md §2, §3).
    ///
    /// - Parameters:
    ///   - bytes: kept by the document, not copied.
    ///   - sourceName: what messages call the document, such as its path.
    /// - Complexity: O(bytes); about 1 ns per byte and no allocation per route.
    public static func parse(bytes: [UInt8], sourceName: String = "") -> ParsedDocument {
        fatalError("not written yet")
    }

    /// Reads a document given as text. See `parse(bytes:sourceName:)`.
    public static func parse(_ text: String, sourceName: String = "") -> ParsedDocument {
        parse(bytes: Array(text.utf8), sourceName: sourceName)
    }
}

extension CallList {
    /// Reads a predicate list alone, such as `Path("/a") && Method("GET")`. Empty text is an empty list; `*` is
    /// dropped, `Any()` kept, and nothing is checked beyond the grammar.
    public static func parsePredicates(_ text: String, sourceName: String = "") -> ParsedCalls {
        fatalError("not written yet")
    }

    /// Reads a filter chain alone, such as `a() -> b()`. Empty text is an empty list.
    public static func parseFilters(_ text: String, sourceName: String = "") -> ParsedCalls {
        fatalError("not written yet")
    }
}
