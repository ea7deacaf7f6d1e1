import Glibc
import Routing
import TestSupport
import Testing

@testable import DataClients

@Suite("Route files")
struct EskipFileTests {
    let folder: TemporaryFolder
    var path: String { folder.path + "/routes.eskip" }

    init() throws { folder = try TemporaryFolder() }

    /// Runs `body` with a control plane that serves the file, and whose intervals are too long to help.
    func serving(_ options: DataClientOptions? = nil, _ body: (ControlFixture) throws -> Void) throws {
        let fixture = try ControlFixture(options ?? DataClientOptions(files: [path], pollMilliseconds: 60_000))
        try body(fixture)
        try fixture.stop()
    }

    @Test("is served from the start, and every kind of change is noticed without waiting for the next interval")
    func changes() throws {
        try folder.write("a: * -> <shunt>;", to: "routes.eskip")
        try serving { fixture in
            #expect(fixture.ids == ["a"])
            #expect(fixture.status.isFirstLoadDone)
            try folder.replace("routes.eskip", by: "a: * -> <shunt>; b: * -> <shunt>;")
            try fixture.waitFor(ids: ["a", "b"])
            try folder.write("b: * -> <loopback>;", to: "routes.eskip")
            try fixture.waitFor(ids: ["b"])
            try fixture.waitFor("b", "b: * -> <loopback>;")
            try folder.remove("routes.eskip")
            try folder.write("c: * -> <shunt>;", to: "routes.eskip")
            try fixture.waitFor(ids: ["c"])
            try folder.write("d: * -> <shunt>;", to: "other")
            try #require(link(folder.path + "/other", folder.path + "/linked") == 0)
            try #require(rename(folder.path + "/linked", path) == 0)
            try fixture.waitFor(ids: ["d"])
            try folder.write("", to: "routes.eskip")
            try fixture.waitFor(ids: [])
        }
    }

    @Test("is looked at in intervals too, for file systems that do not tell")
    func polling() throws {
        try folder.write("a: * -> <shunt>;", to: "routes.eskip")
        let fixture = try ControlFixture(DataClientOptions(files: [])) { plane in
            plane.add(EskipFile(path: path, loop: plane.loop, pollInterval: 50_000_000, watcher: nil))
        }
        try fixture.waitFor(ids: ["a"])
        try folder.write("b: * -> <shunt>;", to: "routes.eskip")
        try fixture.waitFor(ids: ["b"])
        try folder.replace("routes.eskip", by: "c: * -> <shunt>;")
        try fixture.waitFor(ids: ["c"])
        try folder.remove("routes.eskip")
        try fixture.waitForProblems(["\(path): no such file; it is waited for"])
        try folder.write("d: * -> <shunt>;", to: "routes.eskip")
        try fixture.waitFor(ids: ["d"])
        #expect(fixture.status.sources[0].problems == [])
        try fixture.stop()
    }

    @Test("keeps its last good routes while it has errors, and tells all of them")
    func errors() throws {
        try folder.write("a: * -> <shunt>;", to: "routes.eskip")
        try serving { fixture in
            try folder.replace("routes.eskip", by: "a: * -> ;\nb: * -> <shunt>;\nc: Path( -> <shunt>;")
            try Patience.wait(for: "two problems") {
                let problems = fixture.status.sources[0].problems
                return problems.count == 2 && problems[0].hasPrefix("\(path):1:9: route \"a\"") && problems[1].hasPrefix("\(path):3:10: route \"c\"")
            }
            #expect(fixture.ids == ["a"])
            try fixture.waitForLog("error: \(path): 2 errors; its 1 routes stay")
            // Written in place it gets a second look before it is blamed.
            try folder.write("a: * -> <shunt>; b: nonsense", to: "routes.eskip")
            try Patience.wait(for: "one problem") { fixture.status.sources[0].problems.count == 1 }
            #expect(fixture.ids == ["a"])
            try folder.write("a: * -> <shunt>; b: * -> <shunt>;", to: "routes.eskip")
            try fixture.waitFor(ids: ["a", "b"])
            try fixture.waitForLog("info: \(path): right again, 2 routes")
            #expect(fixture.status.sources[0].problems == [])
        }
    }

    @Test("a half-written file is not believed")
    func halfWritten() throws {
        try folder.write("a: * -> <shunt>; b: * -> <shunt>;", to: "routes.eskip")
        try serving { fixture in
            let file = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC)
            try #require(file >= 0)
            let start = ContinuousClock.now
            // To a writer that a machine stopped for so long the file belongs no more.
            func hasRested() -> Bool { ContinuousClock.now - start >= .nanoseconds(Int64(DataClientLimits.quietNanoseconds)) }
            for piece in ["a: * -> <loopback>;", " b: * -> <loop", "back>;"] {
                #expect(fixture.ids == ["a", "b"] || hasRested())
                _ = piece.withCString { write(file, $0, strlen($0)) }
                Patience.pause(milliseconds: 50)
            }
            #expect(fixture.route("b") == "b: * -> <shunt>;" || hasRested())
            close(file)
            let isSure = !hasRested()
            try fixture.waitFor("b", "b: * -> <loopback>;")
            #expect(fixture.ids == ["a", "b"])
            #expect(!isSure || !fixture.log.lines.contains { $0.hasPrefix("error") })
        }
    }

    @Test("a writer that never closes the file is heard when it rests")
    func openWriter() throws {
        try folder.write("a: * -> <shunt>;", to: "routes.eskip")
        try serving { fixture in
            let file = open(path, O_WRONLY | O_APPEND | O_CLOEXEC)
            defer { close(file) }
            _ = "b: * -> <shunt>;".withCString { write(file, $0, strlen($0)) }
            try fixture.waitFor(ids: ["a", "b"])
        }
    }

    @Test("a mounted ConfigMap is followed through the swap of its ..data link")
    func configMap() throws {
        func generation(_ name: String, _ text: String) throws {
            try #require(mkdir("\(folder.path)/\(name)", 0o755) == 0)
            try folder.write(text, to: "\(name)/routes.eskip")
            try #require(symlink(name, "\(folder.path)/..data_tmp") == 0)
            try #require(rename("\(folder.path)/..data_tmp", "\(folder.path)/..data") == 0)
        }
        try generation("..1", "a: * -> <shunt>;")
        try #require(symlink("..data/routes.eskip", path) == 0)
        try serving { fixture in
            #expect(fixture.ids == ["a"])
            try generation("..2", "b: * -> <shunt>;")
            try fixture.waitFor(ids: ["b"])
            try folder.remove("..1/routes.eskip")
            try #require(rmdir("\(folder.path)/..1") == 0)
            try generation("..3", "c: * -> <shunt>;")
            try fixture.waitFor(ids: ["c"])
            try folder.write("d: * -> <shunt>;", to: "..3/routes.eskip")
            try fixture.waitFor(ids: ["d"])
        }
    }

    @Test("a link to a folder on the way may be swapped")
    func linkedFolder() throws {
        for release in ["1", "2"] {
            try #require(mkdir("\(folder.path)/\(release)", 0o755) == 0)
            try folder.write("r\(release): * -> <shunt>;", to: "\(release)/routes.eskip")
        }
        try #require(symlink(folder.path + "/1", folder.path + "/current") == 0)
        try serving(DataClientOptions(files: [folder.path + "/current/routes.eskip"], pollMilliseconds: 60_000)) { fixture in
            #expect(fixture.ids == ["r1"])
            try #require(symlink("2", folder.path + "/next") == 0)
            try #require(rename(folder.path + "/next", folder.path + "/current") == 0)
            try fixture.waitFor(ids: ["r2"])
        }
    }

    @Test("a file that vanishes keeps its routes, and comes back")
    func vanishes() throws {
        try folder.write("a: * -> <shunt>;", to: "routes.eskip")
        try serving { fixture in
            try folder.remove("routes.eskip")
            try fixture.waitForProblems(["\(path): no such file; it is waited for"])
            #expect(fixture.ids == ["a"])
            #expect(fixture.status.isFirstLoadDone)
            try folder.write("a: * -> <shunt>;", to: "routes.eskip")
            try fixture.waitForProblems([])
            try fixture.waitForLog("info: \(path): right again, 1 routes")
        }
    }

    @Test("a file that is missing or bad at the start is waited for, and others serve meanwhile", arguments: ["", "a: * -> ;"])
    func lateStart(text: String) throws {
        try folder.write("z: * -> <shunt>;", to: "good.eskip")
        if !text.isEmpty { try folder.write(text, to: "routes.eskip") }
        try serving(DataClientOptions(files: [path, folder.path + "/good.eskip"], pollMilliseconds: 60_000)) { fixture in
            #expect(fixture.ids == ["z"])
            #expect(!fixture.status.isFirstLoadDone)
            try fixture.waitForLog("it has no routes yet")
            try folder.replace("routes.eskip", by: "a: * -> <shunt>;")
            try fixture.waitFor(ids: ["a", "z"])
            try Patience.wait(for: "the first load") { fixture.status.isFirstLoadDone }
        }
    }

    @Test("a file that is empty at the start is loaded when it gets routes, or when it stays empty", arguments: [true, false])
    func emptyStart(getsRoutes: Bool) throws {
        try folder.write("", to: "routes.eskip")
        let start = ContinuousClock.now
        try serving { fixture in
            let isDone = fixture.status.isFirstLoadDone
            // On a machine that stood still it may be.
            #expect(!isDone || ContinuousClock.now - start >= .nanoseconds(Int64(DataClientLimits.quietNanoseconds)))
            if getsRoutes {
                try folder.write("a: * -> <shunt>;", to: "routes.eskip")
                try fixture.waitFor(ids: ["a"])
            }
            try Patience.wait(for: "the first load") { fixture.status.isFirstLoadDone }
            #expect(fixture.ids == (getsRoutes ? ["a"] : []))
            #expect(fixture.status.sources[0].problems == [])
        }
    }

    @Test("a folder that comes later, or comes anew, is noticed")
    func lateFolder() throws {
        try serving(DataClientOptions(files: [folder.path + "/later/inner/routes.eskip"], pollMilliseconds: 30)) { fixture in
            func make(_ text: String) throws {
                try #require(mkdir(folder.path + "/later", 0o755) == 0)
                try #require(mkdir(folder.path + "/later/inner", 0o755) == 0)
                try folder.write(text, to: "later/inner/routes.eskip")
            }
            try make("a: * -> <shunt>;")
            try fixture.waitFor(ids: ["a"])
            try #require(rename(folder.path + "/later", folder.path + "/gone") == 0)
            try make("b: * -> <shunt>;")
            try fixture.waitFor(ids: ["b"])
        }
    }

    @Test("what is no file of routes is named for what it is", arguments: [
        "is a directory, where a file of routes is expected", "is a pipe, where a file of routes is expected",
        "has 300000000 bytes; a file of routes has 268435456 at most", "cannot be read: Too many levels of symbolic links",
    ])
    func notAFile(reason: String) throws {
        try folder.write("a: * -> <shunt>;", to: "routes.eskip")
        try serving { fixture in
            try folder.remove("routes.eskip")
            switch reason {
            case _ where reason.contains("directory"): try #require(mkdir(path, 0o755) == 0)
            case _ where reason.contains("pipe"): try #require(mkfifo(path, 0o644) == 0)
            case _ where reason.contains("links"): try #require(symlink("routes.eskip", path) == 0)
            default:
                try folder.write("", to: "large")
                try #require(truncate(folder.path + "/large", 300_000_000) == 0)
                try #require(rename(folder.path + "/large", path) == 0)
            }
            try fixture.waitForProblems(["\(path): \(reason)"])
            #expect(fixture.ids == ["a"])
        }
    }

    @Test("a file without permission keeps its routes until it may be read again", .enabled(if: geteuid() != 0))
    func permission() throws {
        try folder.write("a: * -> <shunt>;", to: "routes.eskip")
        try serving { fixture in
            try #require(chmod(path, 0) == 0)
            try fixture.waitForProblems(["\(path): cannot be read: Permission denied"])
            try #require(chmod(path, 0o644) == 0)
            try fixture.waitForProblems([])
        }
    }

    @Test("bytes that are no UTF-8 are errors outside of strings and pass through inside")
    func notUTF8() throws {
        func replace(_ bytes: [UInt8]) throws {
            let file = open(path + ".new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
            try #require(Glibc.write(file, bytes, bytes.count) == bytes.count)
            close(file)
            try #require(rename(path + ".new", path) == 0)
        }
        try replace(Array("a: Path(\"/".utf8) + [0xFF, 0xC3] + Array("\") -> <shunt>;".utf8))
        try serving { fixture in
            #expect(fixture.ids == ["a"])
            try replace([0xEF, 0xBB, 0xBF] + Array("a: * -> <shunt>;".utf8))
            try Patience.wait(for: "a problem") { fixture.status.sources[0].problems.first?.hasPrefix("\(path):1:1: ") == true }
            try replace([0] + Array("a: * -> <shunt>;".utf8))
            try Patience.wait(for: "a problem") { fixture.status.sources[0].failureCount > 1 }
            #expect(fixture.ids == ["a"])
        }
    }

    @Test("routes that move from one file to another are never missing in between")
    func moves() throws {
        try folder.write("a: * -> <shunt>; b: * -> <shunt>;", to: "routes.eskip")
        try folder.write("", to: "second.eskip")
        try serving(DataClientOptions(files: [path, folder.path + "/second.eskip"], pollMilliseconds: 60_000)) { fixture in
            #expect(fixture.ids == ["a", "b"])
            try folder.replace("second.eskip", by: "b: * -> <loopback>;")
            try fixture.waitForLog("route \"b\" of \(folder.path)/second.eskip is not used: \(path) has one of this id and comes first")
            #expect(fixture.route("b") == "b: * -> <shunt>;")
            try folder.replace("routes.eskip", by: "a: * -> <shunt>;")
            try fixture.waitFor("b", "b: * -> <loopback>;")
            #expect(fixture.ids == ["a", "b"])
        }
    }

    @Test("one syntax error in a large file is found, and changes nothing")
    func largeFile() throws {
        func text(_ change: (Int) -> String?) -> String {
            (0..<20_000).map { change($0) ?? "r\($0): Path(\"/\($0)\") && Host(/^www[.]example[.]org$/) -> \"http://127.0.0.1:80\";" }.joined(separator: "\n")
        }
        try folder.write(text { _ in nil }, to: "routes.eskip")
        try serving { fixture in
            #expect(fixture.slot.table.count == 20_000)
            try folder.replace("routes.eskip", by: text { $0 == 15_000 ? "r15000: Path(\"/\" -> <shunt>;" : nil })
            try fixture.waitForLog(":15001:18: route \"r15000\"")
            #expect(fixture.slot.table.count == 20_000)
            try folder.replace("routes.eskip", by: text { $0 == 15_000 ? "r15000: Path(\"/\") -> <shunt>;" : nil })
            try fixture.waitFor("r15000", "r15000: Path(\"/\") -> <shunt>;")
            #expect(fixture.slot.table.count == 20_000)
            try fixture.waitForLog("info: route settings, update, \(path): 1 upserted, 0 deleted, 20000 in all")
            let resetCount = fixture.log.lines.count { $0.hasPrefix("info: route settings, reset, route: ") }
            #expect(resetCount == DataClientLimits.routesLoggedMax)
        }
    }

    @Test("a hundred changes one after the other end in the last")
    func manyChanges() throws {
        try folder.write("a: * -> <shunt>;", to: "routes.eskip")
        try serving { fixture in
            for number in 0..<100 {
                let text = "a\(number): * -> <shunt>;"
                if number % 2 == 0 { try folder.replace("routes.eskip", by: text) } else { try folder.write(text, to: "routes.eskip") }
            }
            try fixture.waitFor(ids: ["a99"])
        }
    }

    @Test("SIGHUP's refresh reads the file again, and an equal text changes nothing")
    func refresh() throws {
        try folder.write("a: * -> <shunt>;", to: "routes.eskip")
        let fixture = try ControlFixture(DataClientOptions(files: [])) { plane in
            plane.add(EskipFile(path: path, loop: plane.loop, pollInterval: 60_000_000_000, watcher: nil))
        }
        let version = fixture.slot.version
        fixture.refresh()
        try folder.replace("routes.eskip", by: "b: * -> <shunt>;")
        fixture.refresh()
        try fixture.waitFor(ids: ["b"])
        #expect(fixture.slot.version == version + 1)
        try fixture.stop()
    }
}
