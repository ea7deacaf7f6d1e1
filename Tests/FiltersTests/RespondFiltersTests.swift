import Bytes
import Eskip
import Filters
import HTTP
import Testing

@Suite("Filters that answer by themselves")
struct RespondFiltersTests {
    @Test("inline content tells its type by its first bytes", arguments: [
        ("", "text/plain; charset=utf-8"),
        ("plain ünï", "text/plain; charset=utf-8"),
        ("{\"a\":1}", "text/plain; charset=utf-8"),
        ("<?xml version=\"1.0\"?><a/>", "text/xml; charset=utf-8"),
        ("  <html>", "text/html; charset=utf-8"),
        ("<p>x", "text/html; charset=utf-8"),
        ("<!-- c -->", "text/html; charset=utf-8"),
        ("<!doctype HTML>", "text/html; charset=utf-8"),
        ("<a", "text/plain; charset=utf-8"),
        ("<apple>", "text/plain; charset=utf-8"),
        ("<svg>", "text/plain; charset=utf-8"),
        ("GIF89a", "image/gif"),
        ("%PDF-1.4", "application/pdf"),
        ("%!PS-Adobe-", "application/postscript"),
        ("RIFF1234WAVE", "audio/wave"),
        ("RIFF1234WEBPVP", "image/webp"),
        ("\0\0\0\u{14}ftypisom\0\0\0\0mp42", "video/mp4"),
        ("\0\0\0\u{10}ftypisommp42", "application/octet-stream"),
        ("PK\u{3}\u{4}", "application/zip"),
        ("a\0b", "application/octet-stream"),
        ("esc \u{1B}[0m", "text/plain; charset=utf-8"),
    ])
    func sniffing(text: String, mediaType: String) throws {
        let exchange = try BodyExchange()
        let action = exchange.request(try makeFilters(("inlineContent", [.string(text)])))
        guard case .serve = action else { Issue.record("not served"); return }
        #expect(exchange.context.response.status == 200)
        #expect(exchange.responseValues("Content-Type") == [mediaType])
        #expect(exchange.responseBody().text == text)
    }

    @Test("a given media type is taken as it is", arguments: ["application/json; charset=utf-8", ""])
    func givenMediaType(mediaType: String) throws {
        let exchange = try BodyExchange()
        exchange.request(try makeFilters(("inlineContent", ["x", .string(mediaType)])))
        #expect(exchange.responseValues("Content-Type") == [mediaType])
    }

    @Test("a status is set, but an interim one ends no response", arguments: [(201, 201), (304, 304), (999, 999), (100, 200), (199, 200), (101, 101)])
    func status(given: Double, sent: UInt16) throws {
        let exchange = try BodyExchange()
        exchange.request(try makeFilters(("status", [.number(given)])))
        exchange.respond()
        exchange.response()
        #expect(exchange.context.response.status == sent)
    }

    @Test("later request filters do not run, earlier ones see the response")
    func statusBeforeContent() throws {
        let exchange = try BodyExchange()
        exchange.request(try makeFilters(("status", [404]), ("inlineContent", ["one"]), ("inlineContent", ["two"])))
        exchange.response()
        #expect(exchange.context.response.status == 404)
        #expect(exchange.responseBody().text == "one")
    }

    @Test("content by status replaces body, type and coding, and only there")
    func contentIfStatus() throws {
        for (status, isReplaced) in [(UInt16(404), true), (200, false)] {
            let exchange = try BodyExchange()
            exchange.request(try makeFilters(("inlineContentIfStatus", [404, "{}", "application/json"])))
            exchange.respond(status, [("Content-Type", "text/x"), ("Content-Encoding", "gzip")])
            exchange.response()
            #expect(exchange.context.response.status == status)
            #expect(exchange.responseValues("Content-Type") == [isReplaced ? "application/json" : "text/x"])
            #expect(exchange.responseValues("Content-Encoding") == (isReplaced ? [] : ["gzip"]))
            #expect(exchange.responseBody([bytes("upstream")]).text == (isReplaced ? "{}" : "upstream"))
        }
    }

    @Test("loops back with another path and the same query")
    func loopback() throws {
        for (status, loops) in [(UInt16(404), true), (200, false)] {
            let exchange = try BodyExchange("GET", "/a?k=v")
            exchange.request(try makeFilters(("loopbackIfStatus", [404, "/other", "ignored"])))
            exchange.respond(status)
            let action = exchange.response()
            if case .reroute = action { #expect(loops) } else { #expect(!loops) }
            #expect(exchange.context.request.path.text == (loops ? "/other" : "/a"))
            #expect(exchange.context.request.query.text == "k=v")
        }
    }

    @Test("healthcheck takes anything and answers 200")
    func healthcheck() throws {
        let exchange = try BodyExchange()
        exchange.request(try makeFilters(("healthcheck", ["x", 1])))
        exchange.respond(503)
        exchange.response()
        #expect(exchange.context.response.status == 200)
    }

    @Test("refuses arguments", arguments: [
        ("status", []), ("status", ["200"]), ("status", [99]), ("status", [1000]), ("status", [200, 200]),
        ("inlineContent", []), ("inlineContent", [1]), ("inlineContent", ["a", "b", "c"]), ("inlineContent", ["a", "b\r\nc: d"]),
        ("inlineContentIfStatus", [404]), ("inlineContentIfStatus", [99, "x"]), ("inlineContentIfStatus", [600, "x"]),
        ("inlineContentIfStatus", ["404", "x"]),
        ("loopbackIfStatus", [404]), ("loopbackIfStatus", [99, "/x"]), ("loopbackIfStatus", ["404", "/x"]),
        ("setFastCgiFilename", []), ("setFastCgiFilename", [1]),
    ] as [(String, [Argument])])
    func refused(name: String, arguments: [Argument]) {
        #expect(throws: FilterArgumentError.self) { try makeInstance(name, arguments) }
    }

    @Test("fractions of integers are cut off")
    func fraction() throws {
        let exchange = try BodyExchange()
        exchange.request(try makeFilters(("status", [.number(404.9)])))
        exchange.response()
        #expect(exchange.context.response.status == 404)
    }
}
