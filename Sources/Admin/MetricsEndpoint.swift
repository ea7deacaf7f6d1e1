import Bytes
import Routing
import Telemetry

/// `/metrics`: everything that is counted, in the Prometheus text format.
struct MetricsEndpoint {
    let options: AdminOptions
    let source: any AdminSource

    func answer(_ request: AdminRequest) -> AdminResponse {
        var text = PrometheusText()
        source.metrics.write(to: &text)
        writeInvalidRoutes(to: &text)
        ProcessMetrics.write(to: &text)
        let output = text.takeOutput()
        guard let gzip = options.gzip else { return response(output) }
        guard request.acceptsGzip else { return response(output, isVaried: true) }
        var response = response(gzip(output.readable), isVaried: true)
        response.fields.append(("Content-Encoding", "gzip"))
        return response
    }

    private func response(_ output: consuming ByteBuffer, isVaried: Bool = false) -> AdminResponse {
        var response = AdminResponse(.buffer(SharedBytes(output)), contentType: "\(PrometheusText.contentType)")
        if isVaried { response.fields.append(("Vary", "Accept-Encoding")) }
        return response
    }

    /// From the diagnostics of this moment: a route that is right again leaves no series behind.
    private func writeInvalidRoutes(to text: inout PrometheusText) {
        let refused = source.refusedRoutes.prefix(AdminLimits.invalidSeriesMax)
        guard !refused.isEmpty else { return }
        let family = Metric.routeInvalid.family
        let name = source.metrics.options.namespace + family.name
        text.family(name, type: "gauge", help: family.help)
        for route in refused {
            text.sample(name, labels: zip(family.labels, [route.diagnostic.routeID, route.diagnostic.refusal.rawValue]).map { ($0, $1) }, 1)
        }
    }
}
