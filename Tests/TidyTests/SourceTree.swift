import TestSupport
import Testing

/// One Swift file of the project, as text.
struct SourceFile: Sendable, CustomTestStringConvertible {
    /// From the root.
    let path: String
    let text: String

    var testDescription: String { path }
    var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }

    /// `Sources/<module>/…`, `Tests/<target>/…`.
    var module: String { String(path.split(separator: "/")[1]) }

    /// Behind the module's folder.
    var pathInModule: String { path.split(separator: "/").dropFirst(2).joined(separator: "/") }

    /// Names of the modules it imports, whatever stands before or behind `import`.
    var imports: [String] {
        lines.compactMap { line in
            let words = line.split(separator: " ")
            guard let place = words.firstIndex(of: "import"), place + 1 < words.count,
                words[..<place].allSatisfy({ $0.hasPrefix("@") || ["public", "internal", "package", "private", "fileprivate"].contains($0) }) else { return nil }
            let kinds: Set<Substring> = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias"]
            let name = kinds.contains(words[place + 1]) && place + 2 < words.count ? words[place + 2] : words[place + 1]
            return String(name.prefix { $0 != "." })
        }
    }
}

/// The checkout these tests were built from.
enum SourceTree {
    static let root = String(#filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/"))

    static let sources = swiftFiles("Sources")
    static let tests = swiftFiles("Tests")

    /// The module graph of Package.swift, in its order.
    static let targets = PackageText(contents(of: "\(root)/Package.swift")).targets

    static func swiftFiles(_ folder: String) -> [SourceFile] {
        paths(below: folder).filter { $0.hasSuffix(".swift") }.map { SourceFile(path: $0, text: contents(of: "\(root)/\($0)")) }
    }

    /// All files below a folder, from the root; what builds leave behind is left out.
    static func paths(below folder: String) -> [String] {
        folderEntries("\(root)/\(folder)").sorted { $0.name < $1.name }.flatMap { entry in
            let path = "\(folder)/\(entry.name)"
            if entry.name.hasPrefix(".") { return [] as [String] }
            return entry.isFolder ? paths(below: path) : [path]
        }
    }
}

/// What Package.swift says of targets: its own text is read, since the package description cannot be asked.
struct PackageText {
    struct Target: Sendable {
        enum Kind: Sendable {
            case foreign, module, executable, tests
        }

        let name: String, kind: Kind, dependencies: [String]
    }

    let targets: [Target]

    init(_ text: String) {
        var targets: [Target] = []
        var rest = text[...]
        while let found = PackageText.next(in: rest) {
            rest = found.rest
            let call = rest.prefix { $0 != ")" }
            let name = PackageText.strings(in: call).first ?? ""
            let list = call.range(of: "[", after: name).map { call[$0...].prefix { $0 != "]" } } ?? ""
            targets.append(Target(name: name, kind: found.kind, dependencies: PackageText.strings(in: list) + PackageText.names(in: list)))
        }
        self.targets = targets
    }

    private static let calls: [(String, Target.Kind)] = [
        ("    module(\"", .module), ("    tests(\"", .tests), ("    system(\"", .foreign), ("    .target(name: \"C", .foreign), ("    .target(name: \"TestSupport\"", .tests),
        // What Benchmarks holds is no part of the graph.
        ("    .executableTarget(\n        name: \"fairway\"", .executable),
    ]

    /// The next target's description: where it starts and what it is.
    private static func next(in text: Substring) -> (rest: Substring, kind: Target.Kind)? {
        let places = calls.compactMap { call in text.firstRange(of: call.0).map { (start: $0.lowerBound, end: $0.upperBound, call: call) } }
        guard let first = places.min(by: { $0.start < $1.start }) else { return nil }
        // The name is part of the description: back to before its quote.
        let marker = first.call.0
        let start = marker.firstIndex(of: "\"").map { text.index(first.start, offsetBy: marker.distance(from: marker.startIndex, to: $0)) } ?? first.end
        return (text[start...], first.call.1)
    }

    /// The quoted words of a text.
    private static func strings(in text: Substring) -> [String] {
        text.split(separator: "\"", omittingEmptySubsequences: false).enumerated().filter { $0.offset % 2 == 1 }.map { String($0.element) }
    }

    /// Products that stand for themselves, without quotes.
    private static func names(in text: Substring) -> [String] {
        (text.contains("logging") ? ["Logging"] : []) + (text.contains("argumentParser") ? ["ArgumentParser"] : [])
    }
}

extension Substring {
    fileprivate func range(of mark: Character, after word: String) -> Index? {
        guard let end = firstRange(of: "\"\(word)\"")?.upperBound else { return nil }
        return self[end...].firstIndex(of: mark)
    }
}
