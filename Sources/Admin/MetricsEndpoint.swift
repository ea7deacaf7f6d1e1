import Bytes
import Telemetry

/// `/metrics`: everything that is counted, in the Prometheus text format.
struct MetricsEndpoint {
    let options: AdminOptions
    let source: any AdminSource

    func answer(_ request: AdminRequest) -> AdminResponse {
        var text = PrometheusText()
        source.metrics.write(to: &text)
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
}
