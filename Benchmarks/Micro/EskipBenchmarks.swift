import Benchmark
import Eskip

private let routeCount = 1000

/// The figures are for `routeCount` routes, so divide by it for one.
func eskipBenchmarks() {
    let text = (0..<routeCount).map { number in
        """
        shop_\(number): Path("/catalogue/\(number)") && Host(/^(shop\(number)[.]example[.]org[.]?(:[0-9]+)?)$/) && Method("GET")
          -> setRequestHeader("X-Shop", "\(number)") -> status(200) -> "http://10.2.\(number / 250).\(number % 250):8080";

        """
    }.joined()
    let bytes = Array(text.utf8)
    Benchmark("Eskip: 1,000 routes parsed, \(bytes.count / routeCount) bytes each", configuration: .init(scalingFactor: .one)) { benchmark in
        for _ in benchmark.scaledIterations {
            let parsed = RouteDocument.parse(bytes: bytes)
            precondition(parsed.isValid && parsed.document.count == routeCount, "refused: \(parsed.errors.prefix(3))")
        }
    }
    Benchmark("Eskip: 1,000 routes printed", configuration: .init(scalingFactor: .one)) { benchmark in
        let document = RouteDocument.parse(bytes: bytes).document
        var output: [UInt8] = []
        for _ in benchmark.scaledIterations {
            output.removeAll(keepingCapacity: true)
            for definition in document { RoutePrinter.compact.append(definition, to: &output) }
        }
        precondition(output.count > bytes.count / 2, "printed \(output.count) bytes")
    }
}
