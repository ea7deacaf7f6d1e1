import Glibc
import TestSupport
import Testing

/// What rightful programs do often, beside the floods that look alike.
@Suite("HTTP/2: habits of peers that are no floods")
struct HTTP2HabitTests {
    /// As Go's client and server give windows back.
    private static let portion = 4096

    /// Asks to be answered before the body.
    private static let hasty = HTTP2Frame.post(more: [("expect", "100-continue")])

    private static func windowUpdates(_ stream: UInt32, for count: Int) -> [HTTP2Frame] {
        stride(from: 0, to: count, by: portion).flatMap { start -> [HTTP2Frame] in
            let size = UInt32(min(portion, count - start))
            return [.windowUpdate(0, size), .windowUpdate(stream, size)]
        }
    }

    @Test("a client that gives windows back in small portions, all of them at the end") func smallWindows() throws {
        let count = 4_000_000
        let setup = try Setup(answer: { $0.target == "/big" ? ok(String(repeating: "x", count: count)) : ok("small") })
        let client = try HTTP2Client(port: setup.proxy.port, settings: [(4, 1 << 22)])
        try client.send(.windowUpdate(0, 1 << 30), .headers(1, HTTP2Frame.get("/big")))
        var updates: [HTTP2Frame] = [], got = 0, isEnded = false
        while !isEnded {
            let frame = try client.readTelling()
            if frame.type == 1 { _ = try client.fields(frame) }
            guard frame.type == 0 else { continue }
            got += frame.payload.count
            isEnded = frame.endsStream
            updates += Self.windowUpdates(1, for: frame.payload.count)
        }
        try client.send(updates)
        #expect(got == count)
        #expect(try client.exchangeOn(3).bodyText == "small")
    }

    @Test("an upstream that gives windows back in small portions", arguments: HTTP2Choice.allCases) func smallUpstreamWindows(choice: HTTP2Choice) throws {
        let backed = try HTTP2Setup(choice, settings: [(4, 1 << 22)]) { connection, _ in
            try connection.send(.windowUpdate(0, 1 << 22))
            var total = 0, updates: [HTTP2Frame] = []
            while true {
                let frame = try connection.readFrame()
                if frame.type == 1 { _ = try connection.fields(frame) }
                guard frame.type == 0 else { continue }
                total += frame.payload.count
                updates += Self.windowUpdates(frame.stream, for: frame.payload.count)
                guard frame.endsStream else { continue }
                try connection.send(updates)
                try connection.send(.headers(frame.stream, [(":status", "200")], end: false), .data(frame.stream, Array("\(total)".utf8), end: true))
            }
        }
        let body = String(repeating: "x", count: 4_000_000)
        #expect(try RawClient(port: backed.proxy.port).exchange(post("/", body)).bodyText == "4000000")
    }

    @Test("a client that answers each DATA frame with a PING, as gRPC's do to measure the path") func pings() throws {
        let setup = try Setup(answer: { _ in ok(String(repeating: "x", count: 16_000_000)) })
        let client = try HTTP2Client(port: setup.proxy.port, settings: [(4, 1 << 30)])
        try client.send(.windowUpdate(0, 1 << 30), .headers(1, HTTP2Frame.get()))
        var sent = 0, answered = 0, isEnded = false
        while !isEnded || answered < sent {
            let frame = try client.readTelling()
            #expect(frame.type != 7)
            if frame.type == 6 { answered += 1 }
            guard frame.type == 0 else { continue }
            isEnded = frame.endsStream
            sent += 1
            try client.send(.ping("measured"))
        }
        #expect(sent > 500)
    }

    @Test("a client that resets streams the server has ended before it had, as gRPC's do") func lateResets() throws {
        let setup = try Setup(filters: "status(403) -> inlineContent(\"no\") -> <shunt>; other: Path(\"/other\") ->")
        let client = try HTTP2Client(port: setup.proxy.port)
        for stream in stride(from: UInt32(1), to: 1201, by: 2) {
            try client.send(.headers(stream, Self.hasty, end: false))
            #expect(try client.readResponse(stream).status == 403)
            try client.send(.reset(stream, 0))
        }
    }

    @Test("a client whose bodies nobody wants has sent them already", arguments: [16, 4000]) func lateBodies(size: Int) throws {
        let setup = try Setup(filters: "status(403) -> inlineContent(\"no\") -> <shunt>; other: Path(\"/other\") ->")
        let client = try HTTP2Client(port: setup.proxy.port)
        for number in 0..<(size < 1000 ? 4 : 200) {
            let stream = UInt32(1 + 2 * number)
            // As much as the window takes.
            let pieces = [HTTP2Frame](repeating: .data(stream, [UInt8](repeating: 1, count: size)), count: 64_000 / size)
            try client.send([.headers(stream, Self.hasty, end: false)] + pieces)
            #expect(try client.readResponse(stream).status == 403)
        }
    }

    @Test("clients that give up: what the upstream has sent them already costs its connection nothing", arguments: HTTP2Choice.allCases) func abandoned(choice: HTTP2Choice) throws {
        let backed = try HTTP2Setup(choice) { connection, _ in
            var held: UInt32?
            while true {
                let frame = try connection.readFrame()
                // Who has given up has a body on its way.
                if frame.type == 3 { try connection.send([HTTP2Frame](repeating: .data(frame.stream, [1, 2, 3]), count: 100)) }
                guard frame.type == 1 else { continue }
                switch try connection.fields(frame).first(where: { $0.name == ":path" })!.value {
                case "/held": held = frame.stream
                case "/release":
                    for stream in [frame.stream, held ?? 0] { try connection.send(.headers(stream, [(":status", "204")])) }
                default: try connection.send(.headers(frame.stream, [(":status", "200")], end: false))
                }
            }
        }
        let bystander = try backed.client()
        try bystander.send(.headers(1, HTTP2Frame.get("/held")))
        let client = try backed.client()
        for stream in stride(from: UInt32(1), to: 101, by: 2) {
            try client.send(.headers(stream, HTTP2Frame.get("/given-up")))
            _ = try client.fields(client.read(until: 1))
            try client.send(.reset(stream, 8))
        }
        try client.send(.headers(101, HTTP2Frame.get("/release")))
        #expect(try client.readResponse(101).status == 204)
        #expect(try bystander.readResponse(1).status == 204)
    }

    @Test("a client that asks and reads nothing is not read either, and served when it reads") func deafClient() throws {
        let setup = try Setup(filters: "setResponseHeader(\"X-Large\", \"\(String(repeating: "x", count: 16_000))\") -> status(204) -> <shunt>; other: Path(\"/other\") ->")
        let client = try HTTP2Client(port: setup.proxy.port, receiveBuffer: 64 * 1024)
        let count = 1500
        try client.send((0..<count).map { .headers(UInt32(1 + 2 * $0), HTTP2Frame.get()) })
        var served = -1
        // The kernel takes some megabytes.
        try Patience.wait(for: "the proxy to stop") {
            let before = served
            Patience.pause(milliseconds: 300)
            served = setup.proxy.log.split(separator: "\n").count { $0.contains(" 204 ") }
            return served > 0 && served == before
        }
        #expect(served < count)
        var answered = 0
        while answered < count { answered += try client.read(until: 1).endsStream ? 1 : 0 }
        #expect(try HTTP2Client(port: setup.proxy.port).exchange(HTTP2Frame.get()).status == 204)
    }

    @Test("one client's many requests: another's is served between them") func fairness() throws {
        let setup = try Setup(filters: "status(204) -> <shunt>; other: Path(\"/other\") ->")
        let bystander = try HTTP2Client(port: setup.proxy.port)
        #expect(try bystander.exchange(HTTP2Frame.get("/before")).status == 204)
        let client = try HTTP2Client(port: setup.proxy.port)
        let count = 20_000
        let many = (0..<count).map { HTTP2Frame.headers(UInt32(1 + 2 * $0), HTTP2Frame.get("/many")) }
        try client.send(Array(many.prefix(1_000)))
        // Amid them, so that it is not late whoever is stopped.
        let between = bystander.takeStream()
        try bystander.send(.headers(between, HTTP2Frame.get("/between")))
        try client.send(Array(many.dropFirst(1_000)))
        _ = try client.read(until: 1)
        #expect(try bystander.readResponse(between).status == 204)
        var answered = 1
        while answered < count { answered += try client.read(until: 1).endsStream ? 1 : 0 }
        #expect(try bystander.exchange(HTTP2Frame.get("/behind")).status == 204)
        try setup.proxy.waitForLog("/behind")
        let lines = setup.proxy.log.split(separator: "\n")
        let place = try #require(lines.firstIndex { $0.contains("/between") })
        #expect(lines[place...].contains { $0.contains("/many") })
    }
}
