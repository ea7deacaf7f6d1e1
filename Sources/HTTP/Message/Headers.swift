public import Bytes

/// A range of bytes in a head's storage.
public struct ByteRange: Equatable, Sendable {
    public var start: UInt32
    public var count: UInt32

    @inline(__always)
    public init(_ start: Int, _ end: Int) {
        self.start = UInt32(truncatingIfNeeded: start)
        count = UInt32(truncatingIfNeeded: end - start)
    }

    public static let empty = ByteRange(0, 0)
    public var isEmpty: Bool { count == 0 }
    public var end: Int { Int(start) + Int(count) }
}

/// The fields of a head in their order, as ranges of one block of bytes that also holds the start line's parts.
///
/// A parsed head is copied into the block as it came; an edit appends bytes and points the field at them, so the
/// bytes nobody edits are serialised in whole runs. The block is malloc'ed once and kept by the exchange's slot.
/// Values given out are valid until the next edit; an edit may take its bytes from the block itself.
public struct Headers: ~Copyable {
    /// One field line. `removed` ones stay in the table, so that a wire line ends where the next one starts.
    public struct Field {
        var nameStart: UInt32
        var nameCount: UInt16
        public var known: KnownField
        var isRemoved: Bool
        var valueStart: UInt32
        var valueCount: UInt32
    }

    private(set) var bytes: UnsafeMutableRawPointer?
    private var byteCapacity = 0
    private(set) var byteCount = 0
    private(set) var fields: UnsafeMutablePointer<Field>?
    private var fieldCapacity = 0
    /// Entries of the table, removed ones included.
    private(set) var fieldCount = 0
    /// The first `wireCount` fields stand in the block as they were received, up to `wireEnd`.
    private(set) var wireCount = 0
    private(set) var wireEnd = 0
    /// The known fields that may be present: an absent one costs a bit test.
    private var present: UInt64 = 0
    /// Those that may be present more than once.
    private var repeated: UInt64 = 0
    /// By known field, where it stood first, meaningful while `present` has its bit; 255 stands for "look for it".
    private var firstIndex: UnsafeMutablePointer<UInt8>?

    public init() {}

    deinit {
        bytes?.deallocate()
        fields?.deallocate()
        firstIndex?.deallocate()
    }

    // MARK: Reading

    /// Bytes of a range of this head's block.
    @inline(__always)
    public func slice(_ range: ByteRange) -> BorrowedBytes {
        BorrowedBytes(start: bytes.map { UnsafeRawPointer($0) + Int(range.start) }, count: Int(range.count))
    }

    /// Table positions, removed fields included; see `isPresent`.
    public var indices: Range<Int> { 0..<fieldCount }

    @inline(__always)
    public func isPresent(_ index: Int) -> Bool { !fields.unsafelyUnwrapped[index].isRemoved }

    @inline(__always)
    public func known(at index: Int) -> KnownField { fields.unsafelyUnwrapped[index].known }

    public func name(at index: Int) -> BorrowedBytes {
        let field = fields.unsafelyUnwrapped[index]
        return BorrowedBytes(start: UnsafeRawPointer(bytes.unsafelyUnwrapped) + Int(field.nameStart), count: Int(field.nameCount))
    }

    public func value(at index: Int) -> BorrowedBytes {
        let field = fields.unsafelyUnwrapped[index]
        return BorrowedBytes(start: UnsafeRawPointer(bytes.unsafelyUnwrapped) + Int(field.valueStart), count: Int(field.valueCount))
    }

    /// Whether a field of this name may be there; false is certain.
    @inline(__always)
    public func mayContain(_ field: KnownField) -> Bool { present & field.bit != 0 }

    /// Whether a second field of this name may be there; false is certain.
    @inline(__always)
    func mayRepeat(_ field: KnownField) -> Bool { repeated & field.bit != 0 }

    /// Position of the next present field of this name at or after `start`.
    @inline(__always)
    public func index(of known: KnownField, from start: Int = 0) -> Int? { mayContain(known) ? find(known, from: start) : nil }

    private func find(_ known: KnownField, from start: Int) -> Int? {
        var index = start
        if start == 0 {
            let first = firstIndex.unsafelyUnwrapped[Int(known.rawValue)]
            if first < 255 {
                if isPresent(Int(first)) { return Int(first) }
                index = Int(first) + 1
            }
        }
        while index < fieldCount {
            let field = fields.unsafelyUnwrapped[index]
            if field.known == known, !field.isRemoved { return index }
            index += 1
        }
        return nil
    }

    public func index(of name: borrowing FieldName, from start: Int = 0) -> Int? {
        if name.known != .other { return index(of: name.known, from: start) }
        return name.bytes.withUnsafeBytes { indexOfOther($0, from: start) }
    }

    private func indexOfOther(_ name: BorrowedBytes, from start: Int) -> Int? {
        guard mayContain(.other) else { return nil }
        var index = start
        while index < fieldCount {
            let field = fields.unsafelyUnwrapped[index]
            if field.known == .other, !field.isRemoved, Int(field.nameCount) == name.count,
                self.name(at: index).equalsIgnoringCase(name) { return index }
            index += 1
        }
        return nil
    }

    /// The first value of a field, nil if it is absent.
    @inline(__always)
    public func first(_ known: KnownField) -> BorrowedBytes? { index(of: known).map { value(at: $0) } }

    public func first(_ name: borrowing FieldName) -> BorrowedBytes? { index(of: name).map { value(at: $0) } }

    /// The first value of a field whose name is known only as bytes.
    public func first(named name: BorrowedBytes) -> BorrowedBytes? {
        let known = KnownField(name: name)
        return (known == .other ? indexOfOther(name, from: 0) : index(of: known)).map { value(at: $0) }
    }

    public func contains(_ name: borrowing FieldName) -> Bool { index(of: name) != nil }

    /// Calls `body` with each value of the field, in order, until it answers false.
    public func forEachValue(_ name: borrowing FieldName, _ body: (BorrowedBytes) -> Bool) {
        var next = index(of: name)
        while let index = next {
            if !body(value(at: index)) { return }
            next = self.index(of: name, from: index + 1)
        }
    }

    public func forEachValue(_ known: KnownField, _ body: (BorrowedBytes) -> Bool) {
        var next = index(of: known)
        while let index = next {
            if !body(value(at: index)) { return }
            next = self.index(of: known, from: index + 1)
        }
    }

    /// Whether some line of a comma-separated field holds `token`, in any case (RFC 9110 §5.6.1).
    public func containsToken(_ known: KnownField, _ token: StaticString) -> Bool {
        var isFound = false
        forEachValue(known) { value in
            forEachListElement(value) { isFound = isFound || $0.equalsIgnoringCase(token) }
            return !isFound
        }
        return isFound
    }

    // MARK: Editing

    /// Replaces all fields of this name by one; the first one's position is kept.
    public mutating func set(_ name: borrowing FieldName, _ value: BorrowedBytes) {
        guard let first = index(of: name) else { return append(name, value) }
        removeAll(name, from: first + 1)
        replaceValue(at: first, value)
    }

    public mutating func set(_ known: KnownField, _ value: BorrowedBytes) {
        guard let first = index(of: known) else { return append(known, value) }
        removeAll(known, from: first + 1)
        replaceValue(at: first, value)
    }

    public mutating func append(_ name: borrowing FieldName, _ value: BorrowedBytes) {
        let known = name.known
        name.bytes.withUnsafeBytes { appendField($0, known, value) }
    }

    public mutating func append(_ known: KnownField, _ value: BorrowedBytes) {
        appendField(BorrowedBytes(known.name), known, value)
    }

    /// Appends a field whose name is known only as bytes; it must be a token.
    public mutating func append(nameBytes name: BorrowedBytes, _ value: BorrowedBytes) {
        appendField(name, KnownField(name: name), value)
    }

    public mutating func replaceValue(at index: Int, _ value: BorrowedBytes) {
        let range = add(value)
        // Once its value lies elsewhere the line no longer stands in the block as received.
        fields.unsafelyUnwrapped[index].valueStart = range.start
        fields.unsafelyUnwrapped[index].valueCount = range.count
    }

    @inline(__always)
    public mutating func remove(at index: Int) { fields.unsafelyUnwrapped[index].isRemoved = true }

    public mutating func removeAll(_ name: borrowing FieldName, from start: Int = 0) {
        var next = index(of: name, from: start)
        while let index = next {
            remove(at: index)
            next = self.index(of: name, from: index + 1)
        }
    }

    public mutating func removeAll(_ known: KnownField, from start: Int = 0) {
        var next = index(of: known, from: start)
        while let index = next {
            remove(at: index)
            next = self.index(of: known, from: index + 1)
        }
    }

    /// Forgets everything and keeps the memory, unless a large head made it large.
    public mutating func reset() {
        byteCount = 0
        fieldCount = 0
        wireCount = 0
        wireEnd = 0
        present = 0
        repeated = 0
        if byteCapacity > Limits.headBytesKept {
            bytes?.deallocate()
            bytes = nil
            byteCapacity = 0
        }
    }

    // MARK: Storage

    /// Copies bytes to the end of the block, which may be their source.
    @discardableResult
    public mutating func add(_ source: BorrowedBytes) -> ByteRange {
        let old = makeRoom(source.count)
        defer { old?.deallocate() }
        return write(source)
    }

    /// Appends up to `room` bytes that `fill` writes; it returns their number.
    public mutating func add(upTo room: Int, _ fill: (UnsafeMutableRawBufferPointer) -> Int) -> ByteRange {
        makeRoom(room)?.deallocate()
        let start = byteCount
        let written = fill(UnsafeMutableRawBufferPointer(start: bytes.unsafelyUnwrapped + start, count: room))
        precondition(written >= 0 && written <= room)
        byteCount += written
        return ByteRange(start, byteCount)
    }

    /// Makes room for `count` more bytes.
    ///
    /// - Returns: the block that was outgrown; sources may lie in it, so the caller frees it once they are copied.
    private mutating func makeRoom(_ count: Int) -> UnsafeMutableRawPointer? {
        if byteCapacity - byteCount >= count, bytes != nil { return nil }
        var size = max(2048, byteCapacity)
        while size < byteCount + count { size *= 2 }
        let block = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
        let old = bytes
        if let old { block.copyMemory(from: old, byteCount: byteCount) }
        bytes = block
        byteCapacity = size
        return old
    }

    private mutating func write(_ source: BorrowedBytes) -> ByteRange {
        if let from = source.baseAddress { (bytes.unsafelyUnwrapped + byteCount).copyMemory(from: from, byteCount: source.count) }
        let start = byteCount
        byteCount += source.count
        return ByteRange(start, byteCount)
    }

    /// Both may lie in the block, so room for both is made before either is copied.
    private mutating func appendField(_ name: BorrowedBytes, _ known: KnownField, _ value: BorrowedBytes) {
        let old = makeRoom(name.count + value.count)
        defer { old?.deallocate() }
        let nameRange = write(name)
        let valueRange = write(value)
        appendField(Field(
            nameStart: nameRange.start, nameCount: UInt16(truncatingIfNeeded: nameRange.count), known: known, isRemoved: false,
            valueStart: valueRange.start, valueCount: valueRange.count))
    }

    @inline(__always)
    mutating func appendField(_ field: Field) {
        if fieldCount == fieldCapacity { growFields() }
        (fields.unsafelyUnwrapped + fieldCount).initialize(to: field)
        if present & field.known.bit == 0 {
            present |= field.known.bit
            firstIndex.unsafelyUnwrapped[Int(field.known.rawValue)] = UInt8(truncatingIfNeeded: min(fieldCount, 255))
        } else {
            repeated |= field.known.bit
        }
        fieldCount &+= 1
    }

    /// Appends a line that stands, or will stand, in the block: offsets of its name and of its value.
    @inline(__always)
    mutating func appendField(name start: Int, count: Int, _ known: KnownField, value valueStart: Int, end: Int) {
        appendField(Field(
            nameStart: UInt32(truncatingIfNeeded: start), nameCount: UInt16(truncatingIfNeeded: count), known: known, isRemoved: false,
            valueStart: UInt32(truncatingIfNeeded: valueStart), valueCount: UInt32(truncatingIfNeeded: end &- valueStart)))
    }

    private mutating func growFields() {
        let size = max(32, fieldCapacity * 2)
        let table = UnsafeMutablePointer<Field>.allocate(capacity: size)
        if firstIndex == nil { firstIndex = .allocate(capacity: 64) }
        if let fields {
            table.update(from: fields, count: fieldCount)
            fields.deallocate()
        }
        fields = table
        fieldCapacity = size
    }

    /// Takes over a parsed head: the bytes its field ranges refer to.
    mutating func adopt(_ head: BorrowedBytes, fieldsEnd: Int) {
        precondition(byteCount == 0)
        add(head)
        wireCount = fieldCount
        wireEnd = fieldsEnd
    }

    /// Adds a field of a head that comes field by field as the line HTTP/1 would have, so that it is passed on in whole
    /// runs too. Nothing else may be added to the block between two lines, and no source may lie in it.
    @inline(__always)
    mutating func appendLine(_ name: BorrowedBytes, _ known: KnownField, _ value: BorrowedBytes) {
        makeRoom(name.count + value.count + 4)?.deallocate()
        let block = bytes.unsafelyUnwrapped
        let valueStart = byteCount + name.count + 2
        if let from = name.baseAddress { (block + byteCount).copyMemory(from: from, byteCount: name.count) }
        block.storeBytes(of: 0x203A, toByteOffset: valueStart - 2, as: UInt16.self)
        if let from = value.baseAddress { (block + valueStart).copyMemory(from: from, byteCount: value.count) }
        block.storeBytes(of: 0x0A0D, toByteOffset: valueStart + value.count, as: UInt16.self)
        appendField(name: byteCount, count: name.count, known, value: valueStart, end: valueStart + value.count)
        byteCount = valueStart + value.count + 2
        wireCount = fieldCount
        wireEnd = byteCount
    }

    /// Room that all fields take when they are written, with colons and line ends.
    var writtenBytesMax: Int { byteCount + 4 * fieldCount }
}

/// Calls `body` with each non-empty element of a comma-separated list, white space trimmed (RFC 9110 §5.6.1).
public func forEachListElement(_ list: BorrowedBytes, _ body: (BorrowedBytes) -> Void) {
    var start = 0
    while start <= list.count {
        let end = list.firstIndex(of: UInt8(ascii: ","), from: start) ?? list.count
        let element = list.slice(start, end).trimmed
        if !element.isEmpty { body(element) }
        start = end + 1
    }
}
