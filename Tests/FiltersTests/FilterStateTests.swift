import HTTP
import Testing
@testable import Filters

@Suite("The state of an exchange's place")
struct FilterStateTests {
    @Test("nothing that filters decided passes to the next exchange")
    func reset() {
        var settings = ExchangeSettings()
        settings.backendTimeout = 1
        settings.readTimeout = 1
        settings.writeTimeout = 1
        settings.preservesHost = true
        settings.accessLog = .exceptStatuses([2])
        settings.maskedQueryParameters = [[1]]
        settings.consistentHash = 1
        settings.balanceFactor = 1
        settings.dynamicScheme = .empty
        settings.dynamicHost = .empty
        settings.dynamicURL = (.empty, .empty)
        settings.backendIsProxy = true
        settings.sendsProxyHeader = true
        settings.backendSecurity = 1
        settings.teeLabel = .empty
        settings.annotations = ["a": "b"]
        // Whoever adds a member adds it above and to `reset`.
        let fresh = described(ExchangeSettings())
        for (name, value) in described(settings) { #expect(value != fresh[name], "\(name) is not changed here") }
        settings.reset()
        #expect(described(settings) == fresh)
    }

    private func described(_ settings: ExchangeSettings) -> [String: String] {
        Dictionary(uniqueKeysWithValues: Mirror(reflecting: settings).children.map { ($0.label ?? "", "\($0.value)") })
    }
}
