import Bytes
import HTTP
import Net

// By way of a forward proxy, RFC 9110 §9.3.6: it is asked for a tunnel to the origin, in which TLS begins.

extension UnsafeMutablePointer where Pointee == HTTP1ClientConnection {
    func askForTunnel() {
        pointee.phase = .tunneling
        let name = pointee.origin._withUnsafeGuaranteedRef { $0.hostAndPort }
        var request = ByteBuffer()
        request.append(text: "CONNECT \(name) HTTP/1.1\r\nHost: \(name)\r\n\r\n")
        // The buffer of a new socket takes it whole.
        if pointee.transport.send(request.readable) != .bytes(request.count) { fail(.broken(.brokenPipe)) }
    }

    func tunnelProgressed(_ readiness: Readiness) {
        if !readiness.isDisjoint(with: [.readHangup, .error, .hangup]) { pointee.isEnding = true }
        while pointee.phase == .tunneling {
            let buffer = loop.pointee.scratch
            switch pointee.transport.receive(into: buffer) {
            case .bytes(let count):
                pointee.input.append(BorrowedBytes(rebasing: UnsafeRawBufferPointer(buffer)[0..<count]))
                readProxyAnswer()
            case .wouldBlock: return
            case .end: fail(.closed)
            case .failed(let error): fail(.broken(error))
            }
        }
    }

    private func readProxyAnswer() {
        let client = pointee.client
        switch ResponseParser.parse(pointee.input.readable, into: &client.pointee.incoming, method: .connect) {
        case .needMore: return
        case .failed(let error): fail(.malformed(error))
        case .complete(let count):
            let status = client.pointee.incoming.status
            guard status >= 200, status < 300 else { return fail(.proxyRefused(status)) }
            // A TLS server says nothing before it is spoken to: this is the proxy's.
            guard count == pointee.input.count else { return fail(.malformed(.malformedStatusLine)) }
            pointee.input.release()
            encryptOrGoOn()
        }
    }
}
