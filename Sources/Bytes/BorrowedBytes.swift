/// Bytes that somebody else owns; valid only until that owner changes or frees them, so never stored.
public typealias BorrowedBytes = UnsafeRawBufferPointer

extension UnsafeRawBufferPointer {
    /// The bytes of a literal; they live as long as the program.
    @inline(__always)
    public init(_ literal: StaticString) {
        self.init(start: literal.utf8Start, count: literal.utf8CodeUnitCount)
    }

    /// The bytes from `start` up to and without `end`.
    @inline(__always)
    public func slice(_ start: Int, _ end: Int) -> UnsafeRawBufferPointer {
        precondition(start >= 0 && start <= end && end <= count)
        return UnsafeRawBufferPointer(start: baseAddress.map { $0 + start }, count: end - start)
    }

    /// Byte for byte equality.
    @inline(__always)
    public func equals(_ other: UnsafeRawBufferPointer) -> Bool {
        guard count == other.count else { return false }
        guard count > 0, let left = baseAddress, let right = other.baseAddress else { return true }
        return bytesEqual(left, right, count)
    }

    @inline(__always)
    public func equals(_ literal: StaticString) -> Bool {
        equals(UnsafeRawBufferPointer(literal))
    }

    /// Equality with ASCII letters folded, as field names and tokens compare (RFC 9110 §5.1).
    public func equalsIgnoringCase(_ other: UnsafeRawBufferPointer) -> Bool {
        guard count == other.count else { return false }
        for index in 0..<count where ASCII.lowercased(self[index]) != ASCII.lowercased(other[index]) { return false }
        return true
    }

    public func equalsIgnoringCase(_ literal: StaticString) -> Bool {
        equalsIgnoringCase(UnsafeRawBufferPointer(literal))
    }

    /// Offset of the first `byte`, searched from `start`.
    public func firstIndex(of byte: UInt8, from start: Int) -> Int? {
        var index = start
        while index < count {
            if self[index] == byte { return index }
            index += 1
        }
        return nil
    }

    public func hasPrefix(_ literal: StaticString) -> Bool {
        count >= literal.utf8CodeUnitCount && slice(0, literal.utf8CodeUnitCount).equals(literal)
    }

    /// Offset of the first occurrence of `needle`; an empty needle is found at 0.
    public func firstRange(of needle: UnsafeRawBufferPointer) -> Int? {
        guard needle.count <= count else { return nil }
        guard let first = needle.first else { return 0 }
        var index = 0
        while let start = firstIndex(of: first, from: index), start + needle.count <= count {
            if slice(start, start + needle.count).equals(needle) { return start }
            index = start + 1
        }
        return nil
    }

    /// Without optional white space (space, tab) at both ends, RFC 9110 §5.6.3.
    public var trimmed: UnsafeRawBufferPointer {
        var start = 0
        var end = count
        while start < end, ASCII.isBlank(self[start]) { start += 1 }
        while end > start, ASCII.isBlank(self[end - 1]) { end -= 1 }
        return slice(start, end)
    }

    /// The bytes as text for logs and the control path, ill-formed UTF-8 replaced; allocates.
    public var text: String { String(decoding: self, as: UTF8.self) }
}

/// `memcmp(…) == 0` over words; the caller guarantees `count` readable bytes on both sides.
@inline(__always)
func bytesEqual(_ left: UnsafeRawPointer, _ right: UnsafeRawPointer, _ count: Int) -> Bool {
    var offset = 0
    while offset + 8 <= count {
        if left.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            != right.loadUnaligned(fromByteOffset: offset, as: UInt64.self) { return false }
        offset += 8
    }
    while offset < count {
        if left.load(fromByteOffset: offset, as: UInt8.self) != right.load(fromByteOffset: offset, as: UInt8.self) {
            return false
        }
        offset += 1
    }
    return true
}

extension String {
    /// Calls `body` with the text's UTF-8 bytes.
    public func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        var copy = self
        return try copy.withUTF8 { try body(UnsafeRawBufferPointer($0)) }
    }
}
