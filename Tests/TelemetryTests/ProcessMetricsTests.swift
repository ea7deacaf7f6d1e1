import Bytes
import Telemetry
import Testing

@Suite("Process metrics")
struct ProcessMetricsTests {
    @Test("are all there and not zero", arguments: [
        "process_cpu_seconds_total", "process_virtual_memory_bytes", "process_resident_memory_bytes", "process_open_fds", "process_max_fds", "process_start_time_seconds",
    ])
    func present(name: String) throws {
        var text = PrometheusText()
        ProcessMetrics.write(to: &text)
        let lines = text.takeOutput().readable.text.split(separator: "\n")
        #expect(lines.contains { $0.hasPrefix("# TYPE \(name) ") })
        let line = try #require(lines.first { $0.hasPrefix(name + " ") })
        #expect(try #require(Double(line.dropFirst(name.count + 1))) > 0)
    }
}
