// The end of a route: what to do with a request that no filter answered (eskip.md §2, §5).

extension Parser {
    mutating func backend() throws(RouteRefused) {
        let place = UInt32(token.start)
        switch token.kind {
        case .string:
            route.setBackend(BackendWord(.network), position: place)
            route.appendBackend(text.value(of: token, in: source))
        case .shunt: route.setBackend(BackendWord(.shunt), position: place)
        case .loopback: route.setBackend(BackendWord(.loopback), position: place)
        case .dynamic: route.setBackend(BackendWord(.dynamic), position: place)
        case .forward: route.setBackend(BackendWord(.forward), position: place)
        case .less: return try loadBalancedBackend()
        default:
            throw expected(
                "a filter or a backend: \"http://host:port\", <shunt>, <loopback>, <dynamic>, <forward> or <\"http://…\", …>")
        }
        advance()
    }

    private mutating func loadBalancedBackend() throws(RouteRefused) {
        let place = token
        advance()
        var algorithm: Name?
        if token.kind == .symbol {
            let symbol = token
            algorithm = try interned(symbol)
            advance()
            guard take(.comma) else {
                throw expected("\",\" and an endpoint after the algorithm \(quoted(symbol))")
            }
        }
        var endpoints = EndpointScratch()
        repeat {
            guard token.kind == .string else { throw expected("an endpoint such as \"http://10.0.0.1:8080\"") }
            endpoint(&endpoints)
            advance()
        } while take(.comma)
        guard take(.greater) else { throw expected("\",\" or \">\" after an endpoint") }
        try write(endpoints, algorithm: algorithm, at: place)
    }

    private mutating func endpoint(_ endpoints: inout EndpointScratch) {
        var address = text.value(of: token, in: source)
        var zone = TextRef.empty
        do {
            let parsed = try LBEndpointAddress(bytes(of: address))
            if let bare = parsed.withoutZone { address = text.append(bare) }
            if !parsed.zone.isEmpty { zone = text.append(parsed.zone) }
            if let scheme = endpoints.scheme, scheme != parsed.scheme {
                errors.add(EndpointMessage.mixed(scheme, parsed.scheme), at: token.range)
            }
            endpoints.scheme = endpoints.scheme ?? parsed.scheme
        } catch {
            errors.add(EndpointMessage.of(error, quoted(token)), at: token.range)
        }
        endpoints.refs.append((address, zone))
    }

    private mutating func write(
        _ endpoints: EndpointScratch, algorithm: Name?, at place: Token
    ) throws(RouteRefused) {
        guard endpoints.refs.count <= EskipLimits.endpointsMax else {
            throw refuse("a backend has \(EskipLimits.endpointsMax) endpoints at most", at: place.range)
        }
        let hasZones = endpoints.refs.contains { $0.zone.length > 0 }
        let word = BackendWord(.loadBalanced, endpointCount: endpoints.refs.count, hasZones: hasZones)
        route.setBackend(word, position: UInt32(place.start))
        route.appendBackend(algorithm: algorithm)
        for (address, zone) in endpoints.refs {
            route.appendBackend(address)
            if hasZones { route.appendBackend(zone) }
        }
    }

    func bytes(of ref: TextRef) -> [UInt8] {
        let start = Int(ref.offset), length = Int(ref.length)
        if start < source.count { return Array(source[start..<start + length]) }
        return Array(text.bytes[(start - source.count)..<(start - source.count + length)])
    }
}

/// The endpoints of the backend being read.
struct EndpointScratch {
    var refs: [(address: TextRef, zone: TextRef)] = []
    /// Of the first endpoint that has one.
    var scheme: [UInt8]?
}
