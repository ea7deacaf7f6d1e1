import TestSupport
import Testing

@Suite("Simulations")
struct SimulationTests {
    /// Requests over a few hundred connections, cut, stalled, reset, pipelined, abandoned, in a thousand orders: each is
    /// answered with its own bytes, whole or visibly not, and nothing is left behind.
    @Test("no byte goes astray, nothing is lost, nothing is left", arguments: SeededRandom.seeds(40))
    func conservation(seed: UInt64) throws {
        let simulation = try Simulation(seed: seed)
        simulation.run(requests: 120)
        #expect(simulation.violations.isEmpty, "seed \(seed): \(simulation.violations.prefix(5).joined(separator: "\n"))")
        #expect(simulation.answered > simulation.failed, "seed \(seed): \(simulation.answered) answered, \(simulation.failed) not")
    }
}
