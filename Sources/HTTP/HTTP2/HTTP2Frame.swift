import Bytes

/// RFC 9113 §7.
public enum HTTP2ErrorCode: UInt32, Sendable {
    case noError, protocolError, internalError, flowControlError, settingsTimeout, streamClosed, frameSizeError
    case refusedStream, cancel, compressionError, connectError, enhanceYourCalm, inadequateSecurity, http11Required

    /// What an unknown code is taken for, RFC 9113 §7.
    init(wire: UInt32) { self = HTTP2ErrorCode(rawValue: wire) ?? .internalError }
}

/// RFC 9113 §6.
enum FrameType: UInt8 {
    case data, headers, priority, resetStream, settings, pushPromise, ping, goAway, windowUpdate, continuation
}

/// RFC 9113 §6.
enum FrameFlags {
    static let endStream: UInt8 = 0x01
    static let acknowledgement: UInt8 = 0x01
    static let endHeaders: UInt8 = 0x04
    static let padded: UInt8 = 0x08
    static let priority: UInt8 = 0x20
}

/// The nine bytes in front of every frame, RFC 9113 §4.1.
struct FrameHeader {
    static let byteCount = 9

    var length: Int
    var type: UInt8
    var flags: UInt8
    var stream: UInt32

    @inline(__always)
    init(_ base: UnsafeRawPointer) {
        let word = UInt32(bigEndian: base.loadUnaligned(as: UInt32.self))
        length = Int(word >> 8)
        type = UInt8(truncatingIfNeeded: word)
        flags = base.load(fromByteOffset: 4, as: UInt8.self)
        stream = UInt32(bigEndian: base.loadUnaligned(fromByteOffset: 5, as: UInt32.self)) & 0x7FFF_FFFF
    }

    @inline(__always)
    static func write(to base: UnsafeMutableRawPointer, length: Int, _ type: FrameType, flags: UInt8, stream: UInt32) {
        base.storeBytes(of: (UInt32(truncatingIfNeeded: length) << 8 | UInt32(type.rawValue)).bigEndian, as: UInt32.self)
        base.storeBytes(of: flags, toByteOffset: 4, as: UInt8.self)
        base.storeBytes(of: stream.bigEndian, toByteOffset: 5, as: UInt32.self)
    }
}

extension UnsafeRawBufferPointer {
    /// A 32-bit number in network order; the caller has checked that it is there.
    func number(at offset: Int) -> UInt32 {
        precondition(offset + 4 <= count)
        return UInt32(bigEndian: loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }
}

extension ByteBuffer {
    mutating func appendFrame(_ type: FrameType, flags: UInt8 = 0, stream: UInt32, length: Int) {
        _ = append(upTo: FrameHeader.byteCount) { room in
            FrameHeader.write(to: room.baseAddress.unsafelyUnwrapped, length: length, type, flags: flags, stream: stream)
            return FrameHeader.byteCount
        }
    }

    mutating func append(number: UInt32) {
        _ = append(upTo: 4) { room in
            room.storeBytes(of: number.bigEndian, as: UInt32.self)
            return 4
        }
    }

    mutating func append(setting: HTTP2Settings.Identifier, _ value: UInt32) {
        append(UInt8(truncatingIfNeeded: setting.rawValue >> 8))
        append(UInt8(truncatingIfNeeded: setting.rawValue))
        append(number: value)
    }
}
