import Bytes
import CNGHTTP2

/// HPACK, RFC 7541, of one connection: nghttp2's tables, one for each direction. Freed with the connection; only the
/// connection's thread may call. The only place that names `nghttp2_*`, besides `HeaderMemory`, which it lives on.
struct HeaderCompression: ~Copyable {
    private let inflater: OpaquePointer
    private let deflater: OpaquePointer

    /// RFC 7541 §4.2 with the size all peers begin with; nobody asks for more.
    private static let tableBytes = 4096

    /// - Parameter memory: outlives this.
    init(memory: UnsafeMutablePointer<HeaderMemory>) {
        var inflater: OpaquePointer?
        var deflater: OpaquePointer?
        // They fail for want of memory only, on which every allocation of the program traps.
        precondition(
            nghttp2_hd_inflate_new2(&inflater, memory.operations) == 0
                && nghttp2_hd_deflate_new2(&deflater, HeaderCompression.tableBytes, memory.operations) == 0)
        self.inflater = inflater.unsafelyUnwrapped
        self.deflater = deflater.unsafelyUnwrapped
    }

    deinit {
        nghttp2_hd_inflate_del(inflater)
        nghttp2_hd_deflate_del(deflater)
    }

    enum Inflation {
        /// Valid until the next call.
        case field(name: BorrowedBytes, value: BorrowedBytes)
        case end
        case failed
    }

    /// Takes the next field off a complete header block.
    @inline(__always)
    func nextField(_ block: inout BorrowedBytes) -> Inflation {
        var field = nghttp2_nv()
        while true {
            var flags: Int32 = 0
            let count = nghttp2_hd_inflate_hd2(inflater, &field, &flags, block.baseAddress?.assumingMemoryBound(to: UInt8.self), block.count, 1)
            if count < 0 { return .failed }
            block = block.slice(count, block.count)
            if flags & Int32(NGHTTP2_HD_INFLATE_EMIT.rawValue) != 0 {
                return .field(name: BorrowedBytes(start: field.name, count: field.namelen), value: BorrowedBytes(start: field.value, count: field.valuelen))
            }
            if flags & Int32(NGHTTP2_HD_INFLATE_FINAL.rawValue) != 0 {
                _ = nghttp2_hd_inflate_end_headers(inflater)
                return .end
            }
            if count == 0 { return .failed }
        }
    }

    /// The peer's SETTINGS_HEADER_TABLE_SIZE.
    func setPeerTable(bytes: Int) { _ = nghttp2_hd_deflate_change_table_size(deflater, min(bytes, HeaderCompression.tableBytes)) }

    func boundOf(_ fields: borrowing HTTP2FieldList) -> Int { nghttp2_hd_deflate_bound(deflater, fields.fields, fields.count) }

    /// - Returns: how much of the room was used, which `boundOf` has measured.
    func deflate(_ fields: borrowing HTTP2FieldList, into room: UnsafeMutableRawBufferPointer) -> Int {
        let count = nghttp2_hd_deflate_hd(
            deflater, room.baseAddress?.assumingMemoryBound(to: UInt8.self), room.count, fields.fields, fields.count)
        precondition(count >= 0, "a header block outgrew its bound")
        return count
    }
}

/// The fields of one header block before they are compressed: names in lower case, values where they stand. Used again
/// for every block of a worker.
struct HTTP2FieldList: ~Copyable {
    fileprivate private(set) var fields: UnsafeMutablePointer<nghttp2_nv>
    fileprivate private(set) var count = 0
    private var capacity = 64
    /// Lower-case names and numbers; room for all is made before the first, so that none moves.
    private var text = ByteBuffer()

    init() { fields = .allocate(capacity: capacity) }

    deinit { fields.deallocate() }

    /// Begins a new block.
    ///
    /// - Parameters:
    ///   - fieldCount: the most that will be added.
    ///   - textBytes: of all names and numbers that are copied.
    mutating func begin(fieldCount: Int, textBytes: Int) {
        count = 0
        text.removeAll()
        text.reserve(textBytes)
        if fieldCount <= capacity { return }
        fields.deallocate()
        capacity = fieldCount * 2
        fields = .allocate(capacity: capacity)
    }

    @inline(__always)
    private mutating func append(_ name: BorrowedBytes, _ value: BorrowedBytes) {
        precondition(count < capacity)
        // nghttp2 reads both and changes neither.
        (fields + count).initialize(to: nghttp2_nv(
            name: UnsafeMutablePointer(mutating: name.baseAddress?.assumingMemoryBound(to: UInt8.self)),
            value: UnsafeMutablePointer(mutating: (value.baseAddress ?? name.baseAddress)?.assumingMemoryBound(to: UInt8.self)),
            namelen: name.count, valuelen: value.count, flags: UInt8(NGHTTP2_NV_FLAG_NONE.rawValue)))
        count += 1
    }

    /// - Parameter name: in lower case.
    @inline(__always)
    mutating func add(_ name: StaticString, _ value: BorrowedBytes) { append(BorrowedBytes(name), value) }

    mutating func add(_ name: StaticString, decimal number: Int) {
        var digits = DecimalDigits(number)
        let start = text.count
        digits.withBytes { text.append($0) }
        append(BorrowedBytes(name), text.readable.slice(start, text.count))
    }

    /// Adds a value that is made of two parts.
    mutating func add(_ name: StaticString, joining first: BorrowedBytes, _ separator: UInt8, _ second: BorrowedBytes) {
        let start = text.count
        text.append(first)
        text.append(separator)
        text.append(second)
        append(BorrowedBytes(name), text.readable.slice(start, text.count))
    }

    /// Adds a field whose name comes in any case.
    @inline(__always)
    mutating func add(lowering name: BorrowedBytes, _ value: BorrowedBytes) {
        let start = text.count
        _ = text.append(upTo: name.count) { room in
            for index in 0..<name.count { room[index] = ASCII.lowercased(name[index]) }
            return name.count
        }
        append(text.readable.slice(start, start + name.count), value)
    }
}
