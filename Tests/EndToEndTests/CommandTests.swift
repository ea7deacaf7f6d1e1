import TestSupport
import Testing

/// What a command printed, and its status.
private func fairway(_ arguments: String...) throws -> (status: Int32, output: String) {
    let result = try FairwayProcess.run(arguments)
    guard case .exited(let status) = result.end else { return (-1, "\(result.end)\n\(result.output)") }
    return (status, result.output)
}

@Suite("fairway check")
struct CheckCommandTests {
    @Test("a good file passes")
    func good() throws {
        let file = try TemporaryFile(#"a: Path("/a") -> setPath("/b") -> "http://127.0.0.1:9000"; b: * -> <shunt>;"#)
        #expect(try fairway("check", file.path) == (0, "\(file.path): 2 routes, no errors\n"))
    }

    @Test("every error is told with its place, its line and a caret")
    func everyError() throws {
        let file = try TemporaryFile("""
            a: Path("/a") && Nope(1) -> setPath("/x", "/y") -> nosuch() -> "http://:x";
            b: Path("/b" -> <shunt>;
            \tc: * -> status("x") -> <shunt>;
            """)
        let (status, output) = try fairway("check", file.path)
        #expect(status == 1)
        let lines = output.split(separator: "\n")
        let places = ["1:18", "1:29", "1:52", "1:64", "2:14", "3:10"]
        #expect(lines.count == 3 * places.count)
        for (place, message) in zip(places, stride(from: 0, to: lines.count, by: 3).map { lines[$0] }) {
            #expect(message.hasPrefix("\(file.path):\(place): route \""))
        }
        #expect(lines[1] == #"a: Path("/a") && Nope(1) -> setPath("/x", "/y") -> nosuch() -> "http://:x";"#)
        #expect(lines[2] == "                 ^^^^")
        #expect(lines[17] == "\t        ^^^^^^")
    }

    @Test("what is wrong is told as the proxy would refuse it", arguments: [
        ("* -> nosuch() -> <shunt>", "nosuch is no known filter\n"), ("Nope() -> <shunt>", "Nope is no known predicate\n"),
        ("* -> setRequestHeadr(\"a\", \"b\") -> <shunt>", "setRequestHeadr is no known filter (did you mean \"setRequestHeader\"?)\n"),
        ("* -> SetPath(\"/a\") -> <shunt>", "(did you mean \"setPath\"?)"), ("path(\"/a\") -> <shunt>", "path is no known predicate (did you mean \"Path\"?)"),
        ("Metods(\"GET\") -> <shunt>", "(did you mean \"Methods\"?)"), ("* -> ratelimit(1, \"1s\") -> <shunt>", "ratelimit is no known filter\n"),
        ("* -> status() -> <shunt>", "status takes"), ("Host(\"(\") -> <shunt>", "Host"), ("* -> \"ftp://a\"", "scheme"),
        ("Path(\"/a\") && Path(\"/b\") -> <shunt>", "one Path"), ("* -> ", "expected"),
    ])
    func refused(route: String, message: String) throws {
        let file = try TemporaryFile("r: \(route);")
        let (status, output) = try fairway("check", file.path)
        #expect(status == 1)
        #expect(output.contains(message))
        #expect(output.split(separator: "\n").count == 3, "told once")
    }

    @Test("a forward backend needs no address here")
    func forward() throws {
        let file = try TemporaryFile("r: * -> <forward>;")
        #expect(try fairway("check", file.path) == (0, "\(file.path): 1 routes, no errors\n"))
    }

    @Test("the lint's findings are told with their lines, and are errors only if they shall be", arguments: [("--lint", Int32(0)), ("--strict", 1)])
    func lint(flag: String, status: Int32) throws {
        let file = try TemporaryFile("""
            a: Path("/a") -> <shunt>;
            b: Path("/a") -> <shunt>;
            c: Host(/x/) -> inlineContent("") -> setPath("/") -> <shunt>;
            """)
        let result = try fairway("check", flag, file.path)
        #expect(result.status == status)
        let lines = result.output.split(separator: "\n")
        #expect(lines.contains { $0.hasPrefix("\(file.path):2:1: route \"b\": unreachable: ") })
        #expect(lines.contains { $0.hasPrefix("\(file.path):3:4: route \"c\": unindexed_regexp: ") })
        #expect(lines.contains { $0.hasPrefix("\(file.path):3:38: route \"c\": unused_filter: ") })
        #expect(lines.last == "\(file.path): 3 routes, no errors, 3 findings")
    }

    @Test("the demo has no findings")
    func lintDemo() throws { #expect(try fairway("check", "--strict", DemoRoutes.path).status == 0) }

    @Test("the examples have none either", arguments: ["balancing", "blue-green", "edge", "rewriting"])
    func lintExamples(name: String) throws {
        let path = DemoRoutes.path.replacing("routes/demo.eskip", with: "examples/\(name).eskip")
        #expect(try fairway("check", "--strict", path).status == 0)
    }

    @Test("a repeated id is no error, but told")
    func repeatedID() throws {
        let file = try TemporaryFile("a: * -> <shunt>;\na: * -> <loopback>;")
        let (status, output) = try fairway("check", file.path)
        #expect(status == 0)
        #expect(output.contains(":1:1: route \"a\": warning: its id comes again below"))
    }

    @Test("a file that the proxy takes is not too large")
    func large() throws {
        let file = try TemporaryFile("//" + String(repeating: "x", count: 65 << 20) + "\nr: * -> <shunt>;")
        let (status, output) = try fairway("check", file.path)
        #expect(status == 0 && output.contains("1 routes, no errors"), "\(output)")
    }

    @Test("each of many refused routes is told with all that is wrong")
    func manyRefused() throws {
        let file = try TemporaryFile((0..<300).map { "r\($0): Path(\"/\($0)\") && Nope() -> nosuch() -> \"x\";" }.joined(separator: "\n"))
        let (status, output) = try fairway("check", file.path)
        #expect(status == 1)
        for route in ["r0", "r299"] { #expect(output.split(separator: "\n").count { $0.contains("route \"\(route)\"") } == 3) }
    }

    @Test("one file that cannot be read does not hide the errors of the next")
    func unreadable() throws {
        let file = try TemporaryFile("a: * -> nosuch() -> <shunt>;")
        let (status, output) = try fairway("check", "/nonexistent.eskip", file.path)
        #expect(status == 1)
        #expect(output.contains("/nonexistent.eskip: No such file"))
        #expect(output.contains("nosuch"))
    }
}

@Suite("fairway print")
struct PrintCommandTests {
    private static let text = #"z: Method("GET")&&Path("/z")->setPath( "/x" )-><shunt>; // comment"#

    @Test("prints in three forms", arguments: [
        ([], "z: Path(\"/z\") && Method(\"GET\") -> setPath(\"/x\") -> <shunt>;\n"),
        (["--pretty"], "z: Path(\"/z\") && Method(\"GET\")\n  -> setPath(\"/x\")\n  -> <shunt>;\n"),
        (["--json"], """
            [{"id":"z","backend":{"type":"shunt"},"predicates":[{"name":"Method","args":["GET"]},{"name":"Path","args":["/z"]}],\
            "filters":[{"name":"setPath","args":["/x"]}]}]

            """),
    ])
    func forms(flags: [String], expected: String) throws {
        let file = try TemporaryFile(PrintCommandTests.text)
        let result = try FairwayProcess.run(["print"] + flags + [file.path])
        #expect(result.end == .exited(0))
        #expect(result.output == expected)
    }

    @Test("options may have one dash, as the proxy's flags", arguments: ["-json", "--json"])
    func dashes(flag: String) throws {
        let file = try TemporaryFile("a: * -> <shunt>;")
        #expect(try fairway("print", flag, file.path).output.hasPrefix("[{"))
    }

    @Test("prints nothing of a file with errors, but the errors")
    func errors() throws {
        let file = try TemporaryFile("a: * -> <shunt>;\nb: * -> ;")
        let (status, output) = try fairway("print", file.path)
        #expect(status == 1)
        #expect(output.hasPrefix("\(file.path):2:"))
        #expect(!output.contains("a: "))
    }

    @Test("both forms at once are refused")
    func conflict() throws { #expect(try fairway("print", "--json", "--pretty", "x").status == 64) }
}

@Suite("fairway diff")
struct DiffCommandTests {
    private func diff(_ old: String, _ new: String) throws -> (status: Int32, output: String) {
        let (old, new) = (try TemporaryFile(old), try TemporaryFile(new))
        return try fairway("diff", old.path, new.path)
    }

    @Test("what is said differently is no difference", arguments: [
        ("a: Path(\"/a\") && Method(\"GET\") -> <shunt>;", "// b\na:   Method(`GET`) && Path(\"/a\")\n-> <shunt>;"),
        ("a: * -> <\"http://a:1\", \"http://b:1\">;", "a: * -> <\"http://b:1\", \"http://a:1\">;"),
        ("a: * -> <shunt>; b: * -> <loopback>;", "b: * -> <loopback>; a: * -> <shunt>;"), ("", ""),
        ("a: * -> <shunt>; a: * -> <loopback>;", "a: * -> <loopback>;"),
    ])
    func equal(old: String, new: String) throws { #expect(try diff(old, new) == (0, "")) }

    @Test("routes that came, went and changed are told by id")
    func different() throws {
        #expect(try diff("c: * -> <shunt>; b: * -> setPath(\"/1\") -> setPath(\"/2\") -> <shunt>;",
            "b: * -> setPath(\"/2\") -> setPath(\"/1\") -> <shunt>; a: * -> <loopback>;") == (1, """
            added a
            + a: * -> <loopback>;
            changed b
            - b: * -> setPath("/1") -> setPath("/2") -> <shunt>;
            + b: * -> setPath("/2") -> setPath("/1") -> <shunt>;
            removed c
            - c: * -> <shunt>;

            """))
    }

    @Test("trouble is told apart from a difference")
    func trouble() throws {
        #expect(try diff("a: * -> <shunt>;", "a: * ->").status == 2)
        #expect(try fairway("diff", "/nonexistent", "/nonexistent").status == 2)
        #expect(try fairway("diff", "-", "-").status == 64)
    }
}

@Suite("Words and flags on the command line")
struct CommandWordTests {
    @Test("help lists every command", arguments: ["serve", "check", "print", "diff", "origin", "version"])
    func help(command: String) throws {
        #expect(try fairway("help").output.contains("\n  \(command) "))
        #expect(try fairway("help", command).status == 0)
    }

    @Test("the proxy's own help names the commands")
    func serveHelp() throws {
        let (status, output) = try fairway("-help")
        #expect(status == 0)
        #expect(output.contains("fairway help"))
        #expect(try fairway("serve", "-help").output == output)
    }

    @Test("the version in all spellings", arguments: ["version", "-version", "--version"])
    func version(spelling: String) throws { #expect(try fairway(spelling).output.hasPrefix("fairway ")) }

    @Test("what is no command does not start the proxy", arguments: [["chekc", "x"], ["origin", "--address", "nowhere"], ["check"]])
    func mistakes(arguments: [String]) throws { #expect(try FairwayProcess.run(arguments).end != .exited(0)) }
}

@Suite("Route files of this repository")
struct ShippedRoutesTests {
    @Test("the demo has no errors")
    func demo() throws {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        #expect(try fairway("check", "/\(root)/routes/demo.eskip").status == 0)
    }
}
