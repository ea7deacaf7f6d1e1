internal import Bytes
internal import Filters
internal import HTTP

extension FilterContext {
    /// Adds the values of a route's path parameters, unescaped once more (routing.md §4).
    func setParameters(of route: Route, options: RoutingOptions) {
        let count = route.conditions.parameterNames.count
        if count == 0 { return }
        for index in 0..<count {
            let parameter = route.conditions.parameterNames[index]
            parameters.set(parameter.name, unescaped(captured(parameter, options)))
        }
    }

    /// Adds the rest of the path behind a segment, a subtree's usual parameter.
    func setRest(behind segment: Int, options: RoutingOptions) {
        let rest = ParameterName(name: ParameterName.rest, segment: segment, isFree: true)
        parameters.set(rest.name, unescaped(captured(rest, options)))
    }

    /// The part of the path that a parameter stands for, as a range of the head's block.
    private func captured(_ parameter: ParameterName, _ options: RoutingOptions) -> ByteRange {
        let path = options.trimmed(request.matchPath)
        let base = request.headers.offset(of: path)
        var slash = 0
        for _ in 0..<parameter.segment {
            // A subtree's base path has nothing below: its remainder is the slash that every path begins with.
            let next = path.endOfSegment(from: slash + 1)
            if next == path.count { return ByteRange(base, base + 1) }
            slash = next
        }
        if parameter.isFree { return ByteRange(base + slash, base + path.count) }
        return ByteRange(base + slash + 1, base + path.endOfSegment(from: slash + 1))
    }

    /// As queries are unescaped: `+` is a blank; a value with a broken escape stays as it is.
    private func unescaped(_ range: ByteRange) -> ByteRange {
        let value = request.headers.slice(range)
        guard QueryPairs.needsUnescaping(value), QueryPairs.unescapedCount(value) != nil else { return range }
        return withUnsafeTemporaryAllocation(byteCount: value.count, alignment: 1) { buffer in
            let count = QueryPairs.unescape(value, into: buffer) ?? 0
            return request.headers.add(BorrowedBytes(buffer).slice(0, count))
        }
    }
}

extension Headers {
    /// Where bytes that lie in this head's block begin in it.
    fileprivate borrowing func offset(of bytes: BorrowedBytes) -> Int {
        guard let start = bytes.baseAddress, let block = slice(.empty).baseAddress else { return 0 }
        return start - block
    }
}

/// A path parameter of a compiled route; the name lies in the route's memory.
struct ParameterName {
    let name: BorrowedBytes
    /// The segment of the path, counted from 0.
    let segment: Int
    let isFree: Bool
}

extension ParameterName {
    /// The name of the free wildcard that has none.
    static var rest: BorrowedBytes {
        let star: StaticString = "*"
        return BorrowedBytes(start: star.utf8Start, count: 1)
    }

    /// One block: the entries, then the bytes of the names.
    static func table(_ parameters: [PathPattern.Parameter]) -> UnsafeBufferPointer<ParameterName> {
        if parameters.isEmpty { return UnsafeBufferPointer(start: nil, count: 0) }
        let entryBytes = parameters.count * MemoryLayout<ParameterName>.stride
        let byteCount = parameters.reduce(entryBytes) { $0 + $1.name.count }
        let block = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: MemoryLayout<ParameterName>.alignment)
        var next = block + entryBytes
        for (position, parameter) in parameters.enumerated() {
            let name = UnsafeMutableRawBufferPointer(start: next, count: parameter.name.count)
            name.copyBytes(from: parameter.name)
            next += parameter.name.count
            (block + position * MemoryLayout<ParameterName>.stride).initializeMemory(
                as: ParameterName.self,
                to: ParameterName(name: BorrowedBytes(name), segment: parameter.segment, isFree: parameter.isFree))
        }
        return UnsafeBufferPointer(start: block.assumingMemoryBound(to: ParameterName.self), count: parameters.count)
    }

    static func free(_ table: UnsafeBufferPointer<ParameterName>) {
        table.baseAddress.map { UnsafeMutableRawPointer(mutating: $0).deallocate() }
    }
}
