import TestSupport
import Testing

@Suite("Files and names")
struct FileTests {
    private static let all = SourceTree.sources + SourceTree.tests

    @Test("no file is longer than 800 lines")
    func length() {
        for file in Self.all { #expect(file.lines.count <= 800, "\(file.path) has \(file.lines.count) lines") }
    }

    @Test("what is to be done stands in the issues, not in the code")
    func leftovers() {
        // Written apart, so that this file does not find itself.
        let marks = ["TO" + "DO", "FIX" + "ME", "X" + "XX"]
        for file in Self.all {
            for (number, line) in file.lines.enumerated() {
                let words = line.split { !($0.isLetter || $0.isNumber || $0 == "_") }
                for mark in marks { #expect(!words.contains(Substring(mark)), "\(file.path):\(number + 1)") }
            }
        }
    }

    @Test("no file or type is named for being left over", arguments: ["Helper", "Helpers", "Util", "Utils", "Utilities", "Manager", "Misc", "Common"])
    func names(word: String) {
        for file in Self.all {
            let name = file.path.split(separator: "/").last!.dropLast(6)
            #expect(!name.hasSuffix(word), "\(file.path)")
            for type in file.declaredTypes { #expect(!type.hasSuffix(word), "\(file.path): \(type)") }
        }
    }

    @Test("no type bears its module's name: Swift could not qualify it")
    func moduleNames() {
        let modules = Set(SourceTree.sources.map(\.module))
        for file in SourceTree.sources {
            for type in file.declaredTypes { #expect(!modules.contains(type), "\(file.path): \(type)") }
        }
    }

    /// Files people wrote; a path of one machine helps nobody else.
    @Test("no path of this machine")
    func paths() {
        let folders = ["/wo" + "rk/", "/ho" + "me/", "/tmp/" + "bash_jobs"]
        let texts = ["Sources", "Tests", "Benchmarks", "routes"].flatMap { SourceTree.paths(below: $0) } + ["Package.swift", "README.md", "Makefile", ".ci/run"]
        for path in texts {
            let text = contents(of: "\(SourceTree.root)/\(path)")
            for folder in folders { #expect(!text.contains(folder), "\(path) names \(folder)") }
        }
    }

    @Test("public types say what they are", arguments: ["struct", "final class", "enum", "protocol"])
    func docstrings(kind: String) {
        for file in SourceTree.sources where file.module != "fairway" {
            let lines = file.lines
            for (number, line) in lines.enumerated() where line.hasPrefix("public \(kind) ") {
                var above = number - 1
                while above >= 0, lines[above].hasPrefix("@") { above -= 1 }
                #expect(above >= 0 && lines[above].hasPrefix("///"), "\(file.path):\(number + 1): \(line)")
            }
        }
    }
}

extension SourceFile {
    /// Names of the types declared at the top level.
    var declaredTypes: [String] {
        lines.compactMap { line in
            let words = line.split(separator: " ")
            guard !line.hasPrefix(" "), let place = words.firstIndex(where: { ["struct", "class", "enum", "protocol", "actor", "typealias"].contains($0) }), place + 1 < words.count,
                words[..<place].allSatisfy({ ["public", "final", "internal", "private", "fileprivate", "indirect"].contains($0) }) else { return nil }
            return String(words[place + 1].prefix { $0.isLetter || $0.isNumber || $0 == "_" })
        }
    }
}
