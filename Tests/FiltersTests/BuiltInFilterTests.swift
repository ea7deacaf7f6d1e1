import Eskip
import Filters
import Testing

@Suite struct BuiltInFilterTests {
    /// Groups 1, 2, 10 and 12 of filters.md with their aliases of §16.
    static let names = """
        setRequestHeader appendRequestHeader dropRequestHeader modRequestHeader setResponseHeader appendResponseHeader dropResponseHeader
        modResponseHeader copyRequestHeader copyResponseHeader dropRequestHeaderRegexp dropResponseHeaderRegexp dropRequestHeaderValueRegexp
        dropResponseHeaderValueRegexp setContextRequestHeader appendContextRequestHeader setContextResponseHeader appendContextResponseHeader
        encodeBase64RequestHeader encodeBase64ResponseHeader decodeBase64RequestHeader decodeBase64ResponseHeader encodeRequestHeader
        encodeResponseHeader headerToQuery queryToHeader corsOrigin flowId xforward xforwardFirst preserveHost setRequestHeaderFromSecret
        bearerinjector rfcHost originMarker comment annotate requestHeader responseHeader requestCopyHeader responseCopyHeader
        setPath modPath setQuery dropQuery stripQuery rfcPath redirectTo redirectToLower redirect
        requestCookie responseCookie jsCookie dropRequestCookie dropResponseCookie
        disableAccessLog enableAccessLog accessLogDisabled maskAccessLogQuery auditLog unverifiedAuditLog logHeader logBody
        """.split(whereSeparator: \.isWhitespace).map(String.init)

    @Test(arguments: names)
    func isRegistered(name: String) {
        #expect(FilterRegistry.builtIn().contains(name))
    }

    /// A name given twice would hide the family that comes first.
    @Test func namesAreUnique() {
        let names = BuiltInFilters.specs.map(\.name)
        #expect(Set(names).count == names.count)
    }

    @Test func disabledNamesAreUnknown() {
        var registry = FilterRegistry.builtIn()
        #expect(registry.disable(["setPath", "no such filter", "setPath"]) == ["no such filter"])
        #expect(!registry.contains("setPath") && registry.isDisabled("setPath"))
        #expect(registry.contains("modPath") && !registry.isDisabled("modPath") && !registry.isDisabled("no such filter"))
    }
}
