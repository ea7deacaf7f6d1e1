import Benchmark

/// What the plugin runs: one suite per subject.
///
/// Where nothing else is said, a benchmark repeats its work a thousand times per iteration (`scalingFactor: .kilo`), and a
/// figure is for one call.
/// Wall clock only: the clock of CPU time ticks in 10 ms here, which one iteration never fills.
let benchmarks: @Sendable () -> Void = {
    Benchmark.defaultConfiguration = .init(
        metrics: [.wallClock], scalingFactor: .kilo, maxDuration: .seconds(1), maxIterations: 10_000)
    eskipBenchmarks()
    httpBenchmarks()
    bytesBenchmarks()
}
