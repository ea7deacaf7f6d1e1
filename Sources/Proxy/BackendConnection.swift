import Bytes
import Downstream
import Filters
import HTTP
import Net
import Upstream

// What filters and flags ask of the connection to the backend.

extension UnsafeMutablePointer where Pointee == Exchange {
    /// The exchange's own wishes, added to those of an attempt.
    func completed(_ needs: ConnectionNeeds) -> ConnectionNeeds {
        var needs = needs
        if pointee.filter.request.isUpgrade {
            needs.framing = asksForWebSocket ? .webSocket : .http1
            needs.connectTimeout = pointee.worker.options.upgradeDialTimeout
        }
        if asksForTunnel {
            needs.framing = .http1
            needs.isFresh = true
            needs.connectTimeout = pointee.worker.options.upgradeDialTimeout
        }
        if pointee.filter.settings.sendsProxyHeader { needs.proxyHeader = proxyHeader }
        return needs
    }

    /// `backendIsProxy` and a client's own CONNECT: the backend is asked to make that tunnel. Other backends never are.
    var asksForTunnel: Bool {
        pointee.filter.request.method == .connect && pointee.filter.settings.backendIsProxy && pointee.filter.request.version != .http2
            && pointee.filter.request.framing.isEmpty
    }

    /// Why a CONNECT cannot be put to a forward proxy: those with bodies and those of HTTP/2 have no form for it here.
    func refusedTunnel(_ proxy: Origin) -> ProxyError? {
        guard pointee.filter.request.method == .connect else { return nil }
        if !asksForTunnel { return .refused(.unsupportedProtocol) }
        return proxy.scheme == .h2c ? .upstream(.noTunnels) : nil
    }

    /// `backendIsProxy` for a client that came by TLS: its host is reached by TLS too, in a tunnel of the backend's. A
    /// request that came in the clear is put to the backend itself, in absolute form.
    func connect(by proxy: Origin, _ needs: ConnectionNeeds) {
        guard proxy.scheme == .http else { return fail(.upstream(.tls("tunnels go by proxies in the clear only"))) }
        guard let origin = try? Origin.make(scheme: .https, authority: pointee.filter.request.host) else { return fail(.noDynamicBackend) }
        let tunneled = origin.through(proxy)
        pointee.dynamicOrigin = tunneled
        connect(to: tunneled, needs)
    }

    /// The client as trusted proxies tell, else the peer. Of an address that was told no port is known.
    private var proxyHeader: ConnectionNeeds.ProxyHeader {
        let peer = pointee.server.peer
        var client = peer
        if let told = pointee.filter.trustedClient, told != peer.address { client = SocketAddress(told, port: 0) }
        let unknown = SocketAddress(client.address.isIPv4 ? .unspecifiedV4 : .unspecifiedV6, port: 0)
        return ConnectionNeeds.ProxyHeader(client: client, destination: pointee.server.localAddress ?? unknown)
    }
}
