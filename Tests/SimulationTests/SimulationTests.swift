import TestSupport
import Testing

@Suite("Simulations")
struct SimulationTests {
    /// Orders that once were too much: upstreams reset while they are written to, clients that pipeline behind a cut response, and
    /// connections that close just as they are used again.
    private static let known: [UInt64] = [
        15_321_940_598_072_225_425, 4_021_284_151_672_983_998, 16_248_378_980_097_341_489, 6_826_628_746_185_380_473,
        2_841_154_105_887_683_334, 11_572_854_548_599_756_774,
    ]

    /// Requests over a few hundred connections, cut, stalled, reset, pipelined, abandoned, in a thousand orders: each is
    /// answered with its own bytes, whole or visibly not, and nothing is left behind.
    @Test("no byte goes astray, nothing is lost, nothing is left", arguments: known + SeededRandom.seeds(40))
    func conservation(seed: UInt64) throws {
        let simulation = try Simulation(seed: seed)
        simulation.run(requests: 120)
        #expect(simulation.violations.isEmpty, "seed \(seed): \(simulation.violations.prefix(5).joined(separator: "\n"))")
        #expect(simulation.answered > simulation.failed, "seed \(seed): \(simulation.answered) answered, \(simulation.failed) not")
    }
}
