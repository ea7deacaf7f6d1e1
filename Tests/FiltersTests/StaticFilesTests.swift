import Bytes
import Eskip
import Filters
import Glibc
import HTTP
import TestSupport
import Testing

/// A directory of files for one test, removed with it.
private final class FileTree {
    let path: String

    init() throws {
        var template = Array("/tmp/fairway-static-XXXXXX".utf8CString)
        path = try #require(mkdtemp(&template).map { String(cString: $0) })
        mkdir(path + "/root", 0o755)
        mkdir(path + "/root/sub", 0o755)
        mkdir(path + "/root/docs", 0o755)
        write("root/a.txt", "hello static file content 0123456789")
        write("root/index.html", "<html>index</html>")
        write("root/docs/index.html", "<html>docs</html>")
        write("root/sub/x.json", "{\"a\":1}")
        write("root/sub/a&b \"<c>\".txt", "odd")
        write("root/sub/p:q", "\u{89}PNG")
        write("root/plain", "just text")
        write("root/empty", "")
        write("secret", "secret")
    }

    deinit { FileTree.remove(path) }

    func write(_ name: String, _ text: String) {
        let file = fopen(path + "/" + name, "we")
        fwrite(text, 1, text.utf8.count, file)
        fclose(file)
        // Sun, 06 Nov 1994 08:49:37 GMT
        var times = [timespec(tv_sec: 784_111_777, tv_nsec: 5), timespec(tv_sec: 784_111_777, tv_nsec: 5)]
        utimensat(AT_FDCWD, path + "/" + name, &times, 0)
    }

    private static func remove(_ path: String) {
        if let directory = opendir(path) {
            while let entry = readdir(directory) {
                let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
                if name == "." || name == ".." { continue }
                if Int32(entry.pointee.d_type) == Int32(DT_DIR) { remove(path + "/" + name) } else { unlink(path + "/" + name) }
            }
            closedir(directory)
        }
        rmdir(path)
    }
}

@Suite("Static files")
struct StaticFilesTests {
    private let tree: FileTree
    private static let date = "Sun, 06 Nov 1994 08:49:37 GMT"

    init() throws { tree = try FileTree() }

    private func get(
        _ target: String, prefix: String = "/files", method: String = "GET", _ fields: [(String, String)] = []
    ) throws -> BodyExchange {
        let exchange = try BodyExchange(method, target)
        for (name, value) in fields { exchange.requestHeader(name, value) }
        guard case .serve = exchange.request(try makeFilters(("static", [.string(prefix), .string(tree.path + "/root")]))) else {
            throw FilterArgumentError("not served")
        }
        return exchange
    }

    @Test("serves files with their type", arguments: [
        ("/files/a.txt", "hello static file content 0123456789", "text/plain; charset=utf-8"), ("/files/sub/x.json", "{\"a\":1}", "application/json"),
        ("/files/plain", "just text", "text/plain; charset=utf-8"), ("/files/empty", "", "text/plain; charset=utf-8"),
        ("/files/", "<html>index</html>", "text/html; charset=utf-8"), ("/files", "<html>index</html>", "text/html; charset=utf-8"),
        ("/files/docs/", "<html>docs</html>", "text/html; charset=utf-8"), ("/filesa.txt", "hello static file content 0123456789", "text/plain; charset=utf-8"),
        ("/files/sub/a%26b%20%22%3Cc%3E%22.txt", "odd", "text/plain; charset=utf-8"),
    ], ["GET", "POST"])
    func files(file: (target: String, body: String, mediaType: String), method: String) throws {
        for limit in [5, 1000] {
            let exchange = try get(file.target, method: method)
            #expect(exchange.context.response.status == 200)
            #expect(exchange.responseBody(limit: limit).text == file.body)
            #expect(exchange.responseValues("Content-Type") == [file.mediaType])
            #expect(exchange.responseValues("Accept-Ranges") == ["bytes"])
            #expect(exchange.responseValues("Last-Modified") == [Self.date])
        }
    }

    @Test("the prefix is taken off as it is", arguments: [("/", "/a.txt"), ("/files/", "/files/a.txt"), ("", "/a.txt"), ("/f", "/f/a.txt")])
    func prefixes(prefix: String, target: String) throws {
        #expect(try get(target, prefix: prefix).context.response.status == 200)
    }

    @Test("redirects to the one URL of a directory or file", arguments: [
        ("/files/index.html", "./"), ("/files/docs/index.html?a=b", "./?a=b"), ("/files/sub", "sub/"), ("/files/docs?x=%20", "docs/?x=%20"),
        ("/files/a.txt/", "../a.txt"), ("/files/sub/p:q/", ".././p:q"),
    ])
    func redirects(target: String, location: String) throws {
        let exchange = try get(target)
        #expect(exchange.context.response.status == 301)
        #expect(exchange.responseValues("Location") == [location])
        #expect(exchange.responseBody().bytes.isEmpty)
    }

    @Test("nothing outside the directory is served", arguments: [
        "/other/a.txt", "/files/nope", "/files/../secret", "/files/%2e%2e/secret", "/files/a.txt/x", "/files/..%2fsecret", "/files/%2e%2e%2fsecret",
    ])
    func notFound(target: String) throws {
        // The proxy refuses or resolves most of these before a filter sees them; what is left must not get through.
        guard let exchange = try? get(target) else { return }
        #expect(exchange.context.response.status == 404)
        #expect(exchange.responseBody(limit: 1000).text == "404 page not found\n")
        #expect(exchange.responseValues("X-Content-Type-Options") == ["nosniff"])
        #expect(exchange.responseValues("Content-Type") == ["text/plain; charset=utf-8"])
    }

    @Test("paths that filters set cannot leave the directory", arguments: [
        "/files/../secret", "/files/../../../../../../etc/passwd", "/files/sub/../../secret", "/files/..", "/files/a.txt\0", "/files/./../secret",
    ])
    func pathsByFilters(path: String) throws {
        let exchange = try BodyExchange()
        path.withBytes { exchange.context.request.setPath(decoded: $0) }
        exchange.request(try makeFilters(("static", ["/files", .string(tree.path + "/root")])))
        let text = exchange.responseBody(limit: 1000).text
        #expect(text == (path == "/files/.." ? "<html>index</html>" : "404 page not found\n"))
    }

    @Test("symbolic links lead about within the directory only")
    func links() throws {
        symlink("a.txt", tree.path + "/root/inside")
        symlink("../secret", tree.path + "/root/outside")
        symlink(tree.path + "/secret", tree.path + "/root/absolute")
        symlink(tree.path, tree.path + "/root/above")
        symlink("loop", tree.path + "/root/loop")
        // A mounted ConfigMap: files link into a directory that links to the current version.
        mkdir(tree.path + "/root/..2024", 0o755)
        tree.write("root/..2024/config", "mounted")
        symlink("..2024", tree.path + "/root/..data")
        symlink("..data/config", tree.path + "/root/config")
        for (target, text) in [("inside", "hello static file content 0123456789"), ("config", "mounted")] {
            #expect(try get("/files/" + target).responseBody(limit: 1000).text == text)
        }
        for target in ["outside", "absolute", "above/secret", "above/", "loop"] {
            #expect(try get("/files/" + target).context.response.status == 404, "\(target)")
        }
        // The directory itself may be reached through links.
        symlink("root", tree.path + "/link")
        let exchange = try BodyExchange("GET", "/a.txt")
        exchange.request(try makeFilters(("static", ["/", .string(tree.path + "/link")])))
        #expect(exchange.context.response.status == 200)
    }

    @Test("what is no file is not found, and opening it does not wait")
    func specialFiles() throws {
        mkfifo(tree.path + "/root/pipe", 0o644)
        #expect(try get("/files/pipe").context.response.status == 404)
    }

    @Test("lists a directory")
    func listing() throws {
        mkdir(tree.path + "/root/sub/deeper", 0o755)
        let exchange = try get("/files/sub/")
        #expect(exchange.context.response.status == 200)
        #expect(exchange.responseValues("Content-Type") == ["text/html; charset=utf-8"])
        #expect(exchange.responseValues("Last-Modified").count == 1)
        #expect(exchange.responseBody(limit: 100_000).text == """
            <!doctype html>
            <meta name="viewport" content="width=device-width">
            <pre>
            <a href="a&b%20%22%3Cc%3E%22.txt">a&amp;b &#34;&lt;c&gt;&#34;.txt</a>
            <a href="deeper/">deeper/</a>
            <a href="./p:q">p:q</a>
            <a href="x.json">x.json</a>
            </pre>

            """)
    }

    // MARK: Ranges

    @Test("serves a range", arguments: [
        ("bytes=0-4", "hello", "bytes 0-4/36"), ("bytes=-3", "789", "bytes 33-35/36"), ("bytes=33-", "789", "bytes 33-35/36"),
        ("bytes=30-100", "456789", "bytes 30-35/36"), ("BYTES=0-0", "h", "bytes 0-0/36"), ("bytes= 1 - 2 , 99-100", "el", "bytes 1-2/36"),
        ("bytes=-100", "hello static file content 0123456789", "bytes 0-35/36"),
    ])
    func range(field: String, body: String, contentRange: String) throws {
        let exchange = try get("/files/a.txt", [("Range", field)])
        #expect(exchange.context.response.status == 206)
        #expect(exchange.responseBody(limit: 3).text == body)
        #expect(exchange.responseValues("Content-Range") == [contentRange])
        #expect(exchange.responseValues("Content-Type") == ["text/plain; charset=utf-8"])
    }

    @Test("refuses ranges beyond the end or malformed ones", arguments: [
        "bytes=100-200", "bytes=36-", "bytes=-0", "bytes=a-b", "bytes=5-4", "bytes=1", "bytes=", "bytes=--5", "bytes=1-2-3", "bytes=99999999999999999999-",
    ])
    func unsatisfiable(field: String) throws {
        let exchange = try get("/files/a.txt", [("Range", field)])
        #expect(exchange.context.response.status == 416)
        #expect(exchange.responseValues("Content-Range") == ["bytes */36"])
        #expect(exchange.responseValues("X-Content-Type-Options") == ["nosniff"])
    }

    @Test("serves the whole file where a range makes no sense", arguments: [
        ("items=0-4", "GET", "/files/a.txt"), ("bytes=0-4", "POST", "/files/a.txt"), ("bytes=0-30,0-30", "GET", "/files/a.txt"), ("bytes=0-4", "GET", "/files/empty"),
        ("bytes=" + Array(repeating: "0-0", count: 33).joined(separator: ","), "GET", "/files/a.txt"),
    ])
    func ignored(field: String, method: String, target: String) throws {
        #expect(try get(target, method: method, [("Range", field)]).context.response.status == 200)
    }

    @Test("several ranges come in parts")
    func multipart() throws {
        let exchange = try get("/files/a.txt", [("Range", "bytes=0-4,-3")])
        #expect(exchange.context.response.status == 206)
        let mediaType = try #require(exchange.responseValues("Content-Type").first)
        let boundary = try #require(mediaType.split(separator: "=").last)
        #expect(mediaType.hasPrefix("multipart/byteranges; boundary="))
        #expect(exchange.responseValues("Content-Range") == [])
        #expect(exchange.responseBody(limit: 7).text == """
            --\(boundary)\r\nContent-Range: bytes 0-4/36\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nhello\r\n\
            --\(boundary)\r\nContent-Range: bytes 33-35/36\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n789\r\n--\(boundary)--\r\n
            """)
    }

    // MARK: Conditions

    @Test("answers conditions", arguments: [
        ("If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT", 304), ("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT", 304),
        ("If-Modified-Since", "Sun, 06 Nov 1994 08:49:36 GMT", 200), ("If-Modified-Since", "Sunday, 06-Nov-94 08:49:37 GMT", 304),
        ("If-Modified-Since", "Sun Nov  6 08:49:37 1994", 304), ("If-Modified-Since", "yesterday", 200), ("If-Modified-Since", "", 200),
        ("If-Unmodified-Since", "Sun, 06 Nov 1994 08:49:37 GMT", 200), ("If-Unmodified-Since", "Sun, 06 Nov 1994 08:49:36 GMT", 412),
        ("If-Unmodified-Since", "x", 200), ("If-Match", "*", 200), ("If-Match", "\"a\"", 412), ("If-None-Match", "*", 304), ("If-None-Match", "\"a\"", 200),
    ] as [(String, String, UInt16)])
    func conditions(name: String, value: String, status: UInt16) throws {
        let exchange = try get("/files/a.txt", [(name, value)])
        #expect(exchange.context.response.status == status)
        #expect(exchange.responseBody(limit: 1000).bytes.isEmpty == (status == 304))
        if status == 304 { #expect(exchange.responseValues("Last-Modified") == [Self.date]) }
    }

    @Test("conditions heed each other and the method")
    func combinedConditions() throws {
        let future = "Fri, 01 Jan 2100 00:00:00 GMT"
        for (method, fields, status) in [
            ("POST", [("If-Modified-Since", future)], 200), ("HEAD", [("If-Modified-Since", future)], 304),
            ("GET", [("If-None-Match", "\"a\""), ("If-Modified-Since", future)], 200), ("POST", [("If-None-Match", "*")], 412),
            ("GET", [("If-Match", "*"), ("If-Unmodified-Since", "Sun, 06 Nov 1994 08:49:36 GMT")], 200),
            ("GET", [("Range", "bytes=0-4"), ("If-Range", Self.date)], 206), ("GET", [("Range", "bytes=0-4"), ("If-Range", "\"a\"")], 200),
            ("GET", [("Range", "bytes=0-4"), ("If-Range", "Sun, 06 Nov 1994 08:49:36 GMT")], 200), ("GET", [("Range", "bytes=0-4"), ("If-Modified-Since", future)], 304),
        ] as [(String, [(String, String)], UInt16)] {
            #expect(try get("/files/a.txt", method: method, fields).context.response.status == status, "\(method) \(fields)")
        }
    }

    // MARK: Failure

    @Test("a file that shrinks while it is served cuts the body")
    func shrinking() throws {
        let exchange = try get("/files/a.txt")
        truncate(tree.path + "/root/a.txt", 10)
        let body = exchange.responseBody(limit: 1000)
        #expect(body.failure == 0)
        #expect(body.text == "hello stat")
    }

    @Test("descriptors are closed with the exchange")
    func descriptors() throws {
        for _ in 0..<3 {
            for target in ["/files/a.txt", "/files/sub/", "/files/nope", "/files/sub", "/files/docs/", "/files/pipe"] { _ = try get(target) }
        }
        #expect(openFiles(below: tree.path) == [])
    }

    @Test("refuses arguments")
    func refused() {
        let root = tree.path + "/root"
        for arguments in [["/"], ["/", .string(root + "/nope")], ["/", .string(root + "/a.txt")], [1, .string(root)], ["/", 1], ["/", .string(root), "x"]] as [[Argument]] {
            #expect(throws: FilterArgumentError.self) { try makeInstance("static", arguments) }
        }
    }
}
