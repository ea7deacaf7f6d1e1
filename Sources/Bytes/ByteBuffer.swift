/// Bytes owned by one holder, read at the front and written at the back.
///
/// It holds no memory until the first byte is written and gives it back by `release()`, so that a connection
/// which waits for nothing owns nothing.
public struct ByteBuffer: ~Copyable {
    private var base: UnsafeMutableRawPointer?
    private var readIndex = 0
    private var writeIndex = 0
    public private(set) var capacity = 0

    public init() {}

    deinit { base?.deallocate() }

    /// Bytes written and not yet consumed.
    public var count: Int { writeIndex - readIndex }
    public var isEmpty: Bool { readIndex == writeIndex }

    /// Valid until the next mutation.
    public var readable: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: base.map { UnsafeRawPointer($0) + readIndex }, count: count)
    }

    /// Makes room for `room` more bytes, moving what is unread to the front or to a larger block.
    @inline(__always)
    public mutating func reserve(_ room: Int) {
        if capacity - writeIndex < room { makeRoom(room) }
    }

    @inline(never)
    private mutating func makeRoom(_ room: Int) {
        let unread = count
        if let base, capacity - unread >= room, readIndex > 0 {
            base.copyMemory(from: base + readIndex, byteCount: unread)
        } else {
            let size = max(1024, (unread + room).roundedUpToPowerOf2)
            let block = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
            if let base {
                block.copyMemory(from: base + readIndex, byteCount: unread)
                base.deallocate()
            }
            base = block
            capacity = size
        }
        readIndex = 0
        writeIndex = unread
    }

    @inline(__always)
    public mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress, bytes.count > 0 else { return }
        reserve(bytes.count)
        (base.unsafelyUnwrapped + writeIndex).copyMemory(from: source, byteCount: bytes.count)
        writeIndex += bytes.count
    }

    @inline(__always)
    public mutating func append(_ literal: StaticString) { append(UnsafeRawBufferPointer(literal)) }

    @inline(__always)
    public mutating func append(_ byte: UInt8) {
        reserve(1)
        base.unsafelyUnwrapped.storeBytes(of: byte, toByteOffset: writeIndex, as: UInt8.self)
        writeIndex += 1
    }

    /// Labelled, because a literal would otherwise become a `String` first.
    public mutating func append(text: String) { text.withBytes { append($0) } }

    /// `number` in decimal digits.
    public mutating func append(decimal number: Int) {
        var digits = DecimalDigits(number)
        digits.withBytes { append($0) }
    }

    /// Appends what `fill` writes into at least `room` free bytes; it returns how many that were.
    public mutating func append(upTo room: Int, _ fill: (UnsafeMutableRawBufferPointer) -> Int) -> Int {
        reserve(room)
        let written = fill(UnsafeMutableRawBufferPointer(start: base! + writeIndex, count: capacity - writeIndex))
        precondition(written >= 0 && written <= capacity - writeIndex)
        writeIndex += written
        return written
    }

    /// Free memory behind the contents, at least `room` bytes; valid until the next call. `commit` makes contents of it.
    @inline(__always)
    public mutating func free(_ room: Int) -> UnsafeMutableRawBufferPointer {
        reserve(room)
        return UnsafeMutableRawBufferPointer(start: base.unsafelyUnwrapped + writeIndex, count: capacity - writeIndex)
    }

    @inline(__always)
    public mutating func commit(_ written: Int) {
        precondition(written >= 0 && written <= capacity - writeIndex)
        writeIndex += written
    }

    public mutating func consume(_ byteCount: Int) {
        precondition(byteCount <= count, "consumed \(byteCount) of \(count)")
        readIndex += byteCount
        if readIndex == writeIndex { removeAll() }
    }

    /// Forgets the contents and keeps the memory.
    public mutating func removeAll() {
        readIndex = 0
        writeIndex = 0
    }

    /// Forgets the contents and gives the memory back.
    public mutating func release() {
        base?.deallocate()
        base = nil
        capacity = 0
        removeAll()
    }
}

extension Int {
    var roundedUpToPowerOf2: Int {
        self <= 1 ? 1 : 1 << (Int.bitWidth - (self - 1).leadingZeroBitCount)
    }
}

/// A number's decimal digits without an allocation.
public struct DecimalDigits {
    private var digits: InlineArray<20, UInt8> = .init(repeating: 0x30)
    private var start = 20

    public init(_ number: Int) {
        var rest = number.magnitude
        repeat {
            start -= 1
            digits[start] = UInt8(truncatingIfNeeded: 0x30 + rest % 10)
            rest /= 10
        } while rest > 0
        if number < 0 {
            start -= 1
            digits[start] = UInt8(ascii: "-")
        }
    }

    public mutating func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        let start = start
        return withUnsafeBytes(of: &digits) { body($0.slice(start, 20)) }
    }
}
