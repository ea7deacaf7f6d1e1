import Eskip
import Filters
import HTTP
import Testing

@Suite struct HeaderEncodingTests {
    @Test(arguments: [
        (CallValue("decodeBase64RequestHeader", "X-Y"), "aGVsbG8=", "hello"),
        (CallValue("decodeBase64RequestHeader", "X-Y"), "!!", "!!"),
        (CallValue("decodeBase64RequestHeader", "X-Y"), "aGVsbG8", "aGVsbG8"),
        (CallValue("decodeBase64RequestHeader", "X-Y"), "DQpYOiB5", "DQpYOiB5"),
        (CallValue("decodeBase64RequestHeader", "X-Y", 1), "Basic aGVsbG8=", "Basic hello"),
        (CallValue("decodeBase64RequestHeader", "X-Y", 1), "Basic \t aGVsbG8=  x", "Basic hello x"),
        (CallValue("decodeBase64RequestHeader", "X-Y", 1), "Basic", "Basic"),
        (CallValue("encodeBase64RequestHeader", "X-Y"), "one", "b25l"),
        (CallValue("encodeBase64RequestHeader", "X-Y"), "a b", "YSBi"),
        (CallValue("encodeBase64RequestHeader", "X-Y", 1.9), "a b c", "a Yg== c"),
        (CallValue("encodeBase64RequestHeader", "X-Y", 7), "a b", "a b"),
        (CallValue("encodeBase64RequestHeader", "X-Y"), "", ""),
    ])
    func base64(call: CallValue, before: String, after: String) throws {
        #expect(try FilterTrial(call, fields: [("X-Y", before)]).request().requestField("X-Y") == [after])
    }

    @Test func base64OfResponses() throws {
        let fields = [("X-Y", "one"), ("X-Y", "two")]
        #expect(try FilterTrial(CallValue("encodeBase64ResponseHeader", "X-Y")).response(200, fields).responseField("X-Y") == ["b25l"])
        #expect(try FilterTrial(CallValue("decodeBase64ResponseHeader", "X-Y", 0)).response(200, [("X-Y", "aGk= there")]).responseField("X-Y")
            == ["hi there"])
    }

    @Test(arguments: [
        ("ISO8859_1", "plain", Array("plain".utf8)), ("ISO8859_1", "é€", []), ("ISO8859_15", "é€", [0xE9, 0xA4]),
        ("Windows1252", "€\u{81}ÿ", [0x80, 0x81, 0xFF]), ("Windows1251", "Привет", [0xCF, 0xF0, 0xE8, 0xE2, 0xE5, 0xF2]),
        ("KOI8R", "Привет", [0xF0, 0xD2, 0xC9, 0xD7, 0xC5, 0xD4]), ("KOI8U", "ў", [0xAE]), ("Macintosh", "é", [0x8E]),
        ("MacintoshCyrillic", "ґ", [0xB6]), ("ISO8859_8", "א", [0xE0]), ("ISO8859_6", "ت", [0xCA]), ("Windows874", "ก", [0xA1]),
        ("Windows1258", "ă", [0xE3]), ("ISO8859_5", "ё", [0xF1]), ("ISO8859_7", "α", [0xE1]), ("ISO8859_1", "日", []),
    ] as [(String, String, [UInt8])])
    func charmaps(name: String, text: String, bytes: [UInt8]) throws {
        let trial = try FilterTrial(CallValue("encodeRequestHeader", "X-Y", .string(name)), fields: [("X-Y", text)]).request()
        #expect(Array(trial.context.value(.request, FieldName("X-Y"))!) == bytes)
    }

    /// Every byte above ASCII belongs to at most one character, and ASCII is itself everywhere.
    @Test(arguments: [
        "ISO8859_1", "ISO8859_2", "ISO8859_3", "ISO8859_4", "ISO8859_5", "ISO8859_6", "ISO8859_7", "ISO8859_8", "ISO8859_9", "ISO8859_10",
        "ISO8859_13", "ISO8859_14", "ISO8859_15", "ISO8859_16", "KOI8R", "KOI8U", "Macintosh", "MacintoshCyrillic", "Windows874",
        "Windows1250", "Windows1251", "Windows1252", "Windows1253", "Windows1254", "Windows1255", "Windows1256", "Windows1257", "Windows1258",
    ])
    func charmapNames(name: String) throws {
        let trial = try FilterTrial(CallValue("encodeResponseHeader", "X-Y", .string(name))).response(200, [("X-Y", "~ ASCII 0")])
        #expect(trial.responseField("X-Y") == ["~ ASCII 0"])
    }

    @Test func secretsFollowTheirRegistry() throws {
        let secrets = TrialSecrets()
        var environment = FilterEnvironment()
        environment.secrets = secrets
        let trial = try FilterTrial(
            CallValue("bearerinjector", "/s/token"), CallValue("setRequestHeaderFromSecret", "X-S", "/s/token", "<", ">"),
            fields: [("X-S", "client's")], environment: environment)
        #expect(trial.request().requestField("Authorization") == [])
        #expect(trial.requestField("X-S") == ["client's"])
        secrets.secret(named: "/s/token").update(Array("one".utf8))
        #expect(trial.request().requestField("Authorization") == ["Bearer one"])
        secrets.secret(named: "/s/token").update(Array("t\nwo".utf8))
        #expect(trial.request().requestField("X-S") == ["<t wo>"])
    }

    @Test(arguments: [
        CallValue("encodeRequestHeader", "X-Y"), CallValue("encodeRequestHeader", "X-Y", "nope"), CallValue("decodeBase64ResponseHeader", "X-Y", "1"),
        CallValue("encodeBase64RequestHeader"), CallValue("encodeBase64RequestHeader", "X-Y", -1), CallValue("bearerinjector"),
        CallValue("bearerinjector", ""), CallValue("setRequestHeaderFromSecret", "X"), CallValue("setRequestHeaderFromSecret", "X", "s", 1),
    ])
    func refusesArguments(call: CallValue) {
        #expect(refusal(call) != nil, "\(call)")
    }
}

private final class TrialSecrets: SecretRegistry {
    private let token = Secret()
    func secret(named name: String) -> Secret { name == "/s/token" ? token : Secret() }
}
