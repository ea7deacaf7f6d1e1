import Bytes
import HTTP

/// Where a redirect goes: a location whose missing parts come from the request.
struct Redirection: Sendable {
    let status: UInt16
    private let location: LocationParts
    private let lowersPath: Bool

    init(_ arguments: ArgumentReader, lowersPath: Bool) throws(FilterArgumentError) {
        status = UInt16(try arguments.integer(0, in: 100...999))
        let text = arguments.count > 1 ? try arguments.bytes(1) : []
        guard var location = text.withUnsafeBytes({ LocationParts($0) }) else {
            throw arguments.refusal(1, "a URL or parts of one, like \"https:\", \"//host/path\" or \"/path\"")
        }
        if lowersPath { location.lowerPath() }
        self.location = location
        self.lowersPath = lowersPath
    }

    /// Sets Location in the response.
    func setLocation(_ context: FilterContext) {
        context.withScratch { url in
            append(context, to: &url)
            url.withUnsafeBytes { context.setValue(.response, FieldName.location, $0) }
        }
    }

    private func append(_ context: FilterContext, to url: inout [UInt8]) {
        let host = location.host.isEmpty ? nil : location.host
        if host == nil, context.effectiveHost.isEmpty {
            // An HTTP/1.0 request need not say a host: the client resolves the path against the one it used.
            appendPath(context, to: &url, asReference: true)
        } else {
            appendScheme(context, to: &url)
            url += BorrowedBytes("://")
            if let host { url += host } else { url += context.effectiveHost }
            appendPath(context, to: &url, asReference: false)
        }
        let query = context.request.query
        if !location.query.isEmpty || !query.isEmpty {
            url.append(UInt8(ascii: "?"))
            if location.query.isEmpty { url += query } else { url += location.query }
        }
        if !location.fragment.isEmpty {
            url.append(UInt8(ascii: "#"))
            url += location.fragment
        }
    }

    private func appendScheme(_ context: FilterContext, to url: inout [UInt8]) {
        if !location.scheme.isEmpty {
            url += location.scheme
        } else if context.request.scheme.isEmpty {
            url += BorrowedBytes("https")
        } else {
            for byte in context.request.scheme { url.append(ASCII.lowercased(byte)) }
        }
    }

    /// - Parameter asReference: without scheme and host; `//` at its start would name another host.
    private func appendPath(_ context: FilterContext, to url: inout [UInt8], asReference: Bool) {
        if !location.path.isEmpty {
            url += location.path
            return
        }
        let path = context.request.decodedPath
        var start = 0
        while asReference, start + 1 < path.count, path[start + 1] == UInt8(ascii: "/") { start += 1 }
        withUnsafeTemporaryAllocation(byteCount: 4 * path.count, alignment: 1) { memory in
            let lowered = UnsafeMutableRawBufferPointer(rebasing: memory[(3 * path.count)...])
            for (index, byte) in path.enumerated() { lowered[index] = lowersPath ? ASCII.lowercased(byte) : byte }
            let encoded = PathNormalizer.encode(
                BorrowedBytes(lowered).slice(start, path.count), to: memory, keepsReserved: context.request.keepsReservedEncoded)
            url += BorrowedBytes(rebasing: memory[..<encoded])
        }
    }
}

extension FieldName {
    static let location = FieldName("Location")
}

/// `redirectTo`, `redirectToLower`: answers with the redirect.
final class RedirectTo: Filter, @unchecked Sendable {
    private let redirection: Redirection

    init(_ redirection: Redirection) { self.redirection = redirection }

    override func request(_ context: FilterContext) -> FilterAction {
        context.respond(status: redirection.status)
        redirection.setLocation(context)
        return .serve
    }
}

/// `redirect`, deprecated: makes the response a redirect after the backend was asked in vain.
final class RedirectResponse: Filter, @unchecked Sendable {
    private let redirection: Redirection

    init(_ redirection: Redirection) { self.redirection = redirection }

    override func response(_ context: FilterContext) -> FilterAction {
        context.response.status = redirection.status
        redirection.setLocation(context)
        context.replaceBody(.none)
        return .next
    }
}
