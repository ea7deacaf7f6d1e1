import Synchronization

/// The name of a predicate, a filter or a balancing algorithm, interned for the whole process.
///
/// Equal names are equal 32-bit numbers, on every thread and in every document, so tables of specs may be keyed by
/// `Name` and definitions compared without touching text. An interned name is never released.
public struct Name: Hashable, Sendable {
    /// The place in the process-wide table. Stable while the process lives, not between processes.
    public let index: UInt32

    /// Interns a name that our own code uses; what documents bring goes through the parser, which limits it.
    public init(_ text: String) {
        index = NameTable.shared.withLock { $0.intern(text) }
    }

    /// The name if anything has interned it, else `nil`; never grows the table.
    public init?(existing text: String) {
        guard let index = NameTable.shared.withLock({ $0.indexes[text] }) else { return nil }
        self.index = index
    }

    init(index: UInt32) {
        self.index = index
    }

    /// Interns a name found in a document; `nil` once `EskipLimits.namesMax` distinct ones exist.
    static func fromDocument(_ text: String) -> Name? {
        NameTable.shared.withLock { table in
            if let known = table.indexes[text] { return Name(index: known) }
            guard table.texts.count < EskipLimits.namesMax else { return nil }
            return Name(index: table.intern(text))
        }
    }

    /// The name as written. Takes a lock: for control paths and messages.
    public var text: String {
        NameTable.shared.withLock { $0.texts[Int(index)] }
    }
}

// The names that the language itself knows (eskip.md §3). `NameTable` interns them first, in this order.
extension Name {
    public static let path = Name(index: 0)
    public static let host = Name(index: 1)
    public static let pathRegexp = Name(index: 2)
    public static let method = Name(index: 3)
    public static let header = Name(index: 4)
    public static let headerRegexp = Name(index: 5)
    public static let any = Name(index: 6)

    static let languageNames = ["Path", "Host", "PathRegexp", "Method", "Header", "HeaderRegexp", "Any"]

    /// Whether this is one of the six predicates whose arity makes or breaks a whole document.
    var isLegacyPredicate: Bool { index < Name.any.index }
}

extension Name: ExpressibleByStringLiteral, CustomStringConvertible {
    public init(stringLiteral text: String) { self.init(text) }
    public var description: String { text }
}

/// All names of the process; only `Name` touches it.
private struct NameTable: Sendable {
    static let shared = Mutex(NameTable())

    private(set) var indexes: [String: UInt32] = [:]
    private(set) var texts: [String] = []

    init() {
        for text in Name.languageNames { _ = intern(text) }
    }

    mutating func intern(_ text: String) -> UInt32 {
        if let known = indexes[text] { return known }
        let index = UInt32(texts.count)
        texts.append(text)
        indexes[text] = index
        return index
    }
}
