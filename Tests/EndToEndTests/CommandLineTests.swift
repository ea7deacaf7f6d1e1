import TestSupport
import Testing

@Suite("Starts that are refused")
struct CommandLineTests {
    @Test("a wrong command line ends with 2 and names what is wrong", arguments: [
        (["-no-such-flag"], ["no-such-flag"]), (["-address"], ["address"]), (["-workers", "many"], ["workers", "many"]), (["-idle-timeout-server", "5"], ["idle-timeout-server", "5"]), (["surplus"], ["surplus"]),
        (["-no-such-flag", "-workers=x", "-max-loopbacks", "y"], ["no-such-flag", "workers", "max-loopbacks"]), (["-config-file", "/nonexistent.yaml"], ["/nonexistent.yaml"]), (["-address", "999.1.1.1:80"], ["address"]),
        (["-routes-urls", "http://,http://127.0.0.1:x/", "-forward-backend-url", "nowhere"], ["-routes-urls \"http://\"", "-routes-urls \"http://127.0.0.1:x/\"", "-forward-backend-url \"nowhere\""]),
        (["-status-checks", "nowhere"], ["-status-checks \"nowhere\""]),
    ])
    func refused(arguments: [String], named: [String]) throws {
        for prefix in [[], ["serve"]] {
            let (end, output) = try FairwayProcess.run(prefix + arguments)
            #expect(end == .exited(2), "\(output)")
            for name in named { #expect(output.contains(name), "\(output)") }
        }
    }

    @Test("a taken port is named with the flag that changes it") func takenPort() throws {
        let origin = try LoopbackOrigin(answer: { _ in "" })
        let (end, output) = try FairwayProcess.run(["-address", "127.0.0.1:\(origin.port)", "-inline-routes", "r: * -> <shunt>", "-support-listener", "127.0.0.1:0"])
        #expect(end == .exited(1), "\(output)")
        #expect(output.contains("\(origin.port)") && output.contains("-address"), "\(output)")
    }

    @Test("help is not an error") func help() throws {
        let (end, output) = try FairwayProcess.run(["-help"])
        #expect(end == .exited(0) && output.contains("-address") && output.contains("-routes-file"))
    }
}
