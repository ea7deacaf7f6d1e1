import Eskip
import Filters
import Testing

@Suite struct LoggingFilterTests {
    @Test(arguments: [
        ([CallValue("enableAccessLog")], .always),
        ([CallValue("enableAccessLog", 4, 50, 404)], .onlyStatuses([4, 50, 404])),
        ([CallValue("disableAccessLog")], .never),
        ([CallValue("disableAccessLog", 2)], .exceptStatuses([2])),
        ([CallValue("accessLogDisabled", "true")], .never),
        ([CallValue("accessLogDisabled", "false")], .always),
        ([CallValue("disableAccessLog"), CallValue("enableAccessLog", 5)], .onlyStatuses([5])),
        ([CallValue("disableAccessLog"), CallValue("maskAccessLogQuery", "a")], .always),
        ([CallValue("maskAccessLogQuery", "a"), CallValue("disableAccessLog")], .never),
        ([], .inherited),
    ] as [([CallValue], AccessLogChoice)])
    func choices(calls: [CallValue], choice: AccessLogChoice) throws {
        // The context points into the trial, which must outlive it.
        let trial = try FilterTrial(calls).request()
        #expect(trial.context.settings.accessLog == choice)
        withExtendedLifetime(trial) {}
    }

    @Test func maskedParametersAddUp() throws {
        let trial = try FilterTrial(CallValue("maskAccessLogQuery", "a", "b"), CallValue("maskAccessLogQuery", "c")).request()
        #expect(trial.context.settings.maskedQueryParameters == ["a", "b", "c"].map { Array($0.utf8) })
    }

    @Test(arguments: [
        CallValue("enableAccessLog", "4"), CallValue("disableAccessLog", 4, "5"), CallValue("accessLogDisabled"), CallValue("accessLogDisabled", "yes"),
        CallValue("maskAccessLogQuery"), CallValue("maskAccessLogQuery", 1),
    ])
    func refusesArguments(call: CallValue) {
        #expect(refusal(call) != nil, "\(call)")
    }
}
