import Bytes
import Routing

/// `/explain?url=…`: which route a request would take with the present table, and why.
struct ExplainEndpoint {
    let source: any AdminSource

    func answer(_ request: AdminRequest) -> AdminResponse {
        do throws(ExplainedRequestError) {
            let explanation = try source.explain(try explained(request.query))
            if request.acceptsJSON || request.query.isSet("json") {
                var output: [UInt8] = []
                explanation.appendJSON(to: &output)
                return varied(AdminResponse(.bytes(output + [UInt8(ascii: "\n")]), contentType: "application/json"))
            }
            return varied(AdminResponse(explanation.text))
        } catch {
            return AdminResponse("\(error); see / for the parameters", status: 400)
        }
    }

    private func varied(_ response: AdminResponse) -> AdminResponse {
        var response = response
        response.fields.append(("Vary", "Accept"))
        return response
    }

    private func explained(_ query: AdminQuery) throws(ExplainedRequestError) -> ExplainedRequest {
        var request = ExplainedRequest()
        for name in query.names where !Self.parameters.contains(name) { throw ExplainedRequestError("unknown parameter \"\(name)\"") }
        guard let url = query.decoded("url").last else { throw ExplainedRequestError("url is missing") }
        request.url = url
        if let method = query.decoded("method").last { request.method = method }
        for line in query.decoded("header") { try request.add(header: line) }
        if let text = query.decoded("client-ip").last {
            guard let client = IPAddress(text) else { throw ExplainedRequestError("client-ip: \"\(text)\" is no IP address") }
            request.client = client
        }
        return request
    }

    private static let parameters = ["url", "method", "header", "client-ip", "json"]
}
