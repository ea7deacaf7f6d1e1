/// A predicate or a filter of a definition: a name and its arguments.
public struct Call: Sendable {
    public let document: RouteDocument
    /// The first of the call's three words.
    let word: UInt32
    let firstArgument: UInt32
    let argumentCount: UInt32

    /// The interned name; compare this rather than `name`.
    public var nameID: Name { Name(index: document.words[Int(word)]) }

    /// The name as written.
    public var name: String { nameID.text }

    public var arguments: Arguments {
        Arguments(document: document, word: firstArgument, count: argumentCount)
    }

    /// Where the name stands in the source, or `nil` if the call was built.
    public var position: SourcePosition? { document.position(document.words[Int(word) + 1]) }

    /// A copy that refers to no document.
    public var value: CallValue { CallValue(nameID, Array(arguments)) }
}

/// The arguments of one call.
public struct Arguments: RandomAccessCollection, Sendable {
    let document: RouteDocument
    let word: UInt32
    public let count: Int

    init(document: RouteDocument, word: UInt32, count: UInt32) {
        self.document = document
        self.word = word
        self.count = Int(count)
    }

    public var startIndex: Int { 0 }
    public var endIndex: Int { count }

    public subscript(position: Int) -> Argument {
        let ref = ref(at: position)
        return ref.isNumber ? .number(document.number(ref)) : .string(document.string(ref))
    }

    /// The string at `position`, or `nil` if there is none or it is a number.
    public func string(at position: Int) -> String? {
        guard let ref = stringRef(at: position) else { return nil }
        return document.string(ref)
    }

    /// The number at `position`, or `nil` if there is none or it is a string.
    public func number(at position: Int) -> Double? {
        guard position >= 0, position < count else { return nil }
        let ref = ref(at: position)
        return ref.isNumber ? document.number(ref) : nil
    }

    /// Every argument if all are strings, else `nil`.
    public func allStrings() -> [String]? {
        var strings: [String] = []
        strings.reserveCapacity(count)
        for position in 0..<count {
            guard let string = string(at: position) else { return nil }
            strings.append(string)
        }
        return strings
    }

    /// Lends the bytes of the string at `position`, valid only inside `body`; `nil` if there is none or it is a number.
    public func withStringBytes<R>(at position: Int, _ body: (UnsafeRawBufferPointer) -> R) -> R? {
        guard let ref = stringRef(at: position) else { return nil }
        return document.withBytes(ref, body)
    }

    func ref(at position: Int) -> TextRef {
        precondition(position >= 0 && position < count, "argument \(position) of \(count)")
        return document.ref(at: Int(word) + position * RouteRecord.argumentWords)
    }

    private func stringRef(at position: Int) -> TextRef? {
        guard position >= 0, position < count else { return nil }
        let ref = ref(at: position)
        return ref.isNumber ? nil : ref
    }
}

/// The predicates or the filters of a definition, or what a predicate list or filter chain alone parses to.
public struct CallList: RandomAccessCollection, Sendable {
    let document: RouteDocument
    /// The first word of the record that holds the calls.
    let record: UInt32
    /// Calls of the record before the first of these: filters follow predicates.
    let skipping: UInt32
    public let count: Int

    init(document: RouteDocument, record: UInt32, skipping: UInt32, count: UInt32) {
        self.document = document
        self.record = record
        self.skipping = skipping
        self.count = Int(count)
    }

    /// No calls.
    public static let empty = CallList(document: .empty, record: 0, skipping: 0, count: 0)

    public var startIndex: Int { 0 }
    public var endIndex: Int { count }

    public subscript(position: Int) -> Call {
        precondition(position >= 0 && position < count, "call \(position) of \(count)")
        let header = Int(record) + RouteRecord.headerWords
        let ordinal = Int(skipping) + position
        let word = header + ordinal * RouteRecord.callWords
        let first = ordinal == 0 ? 0 : document.words[word - 1]
        let counts = document.words[Int(record) + RouteRecord.callCounts]
        let arguments = header + Int(counts >> 16 + counts & 0xFFFF) * RouteRecord.callWords
        return Call(
            document: document, word: UInt32(word), firstArgument: UInt32(arguments) + 2 * first,
            argumentCount: document.words[word + 2] - first)
    }

    /// Copies that refer to no document.
    public var values: [CallValue] { map(\.value) }
}

// MARK: - Values

/// An argument of a predicate or a filter. A regexp literal is a string: nothing can tell them apart.
public enum Argument: Equatable, Sendable {
    case string(String)
    /// Always finite.
    case number(Double)
}

extension Argument: ExpressibleByStringLiteral, ExpressibleByFloatLiteral, ExpressibleByIntegerLiteral {
    public init(stringLiteral text: String) { self = .string(text) }
    public init(floatLiteral number: Double) { self = .number(number) }
    public init(integerLiteral number: Int) { self = .number(Double(number)) }
}

/// A predicate or a filter to build a definition from.
public struct CallValue: Equatable, Sendable {
    public var name: Name
    public var arguments: [Argument]

    public init(_ name: Name, _ arguments: [Argument]) {
        self.name = name
        self.arguments = arguments
    }

    public init(_ name: Name, _ arguments: Argument...) {
        self.init(name, arguments)
    }
}
