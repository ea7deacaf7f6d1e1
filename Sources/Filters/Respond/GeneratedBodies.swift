internal import Bytes

/// A text over and over, up to a number of bytes.
final class RepeatedBody: BodyProducer {
    private let text: [UInt8]
    private var left: UInt64
    private var offset = 0

    /// - Parameter text: not empty.
    init(text: [UInt8], count: UInt64) {
        self.text = text
        left = count
    }

    func produce(upTo limit: Int, into output: inout ByteBuffer) -> BodyProduction {
        var room = Int(min(UInt64(max(0, limit)), left))
        left -= UInt64(room)
        while room > 0 {
            let count = min(room, text.count - offset)
            text.withUnsafeBytes { output.append($0.slice(offset, offset + count)) }
            offset = (offset + count) % text.count
            room -= count
        }
        return left == 0 ? .finished : .more
    }
}

/// Random letters and digits, `-` and `_`; not for secrets.
final class RandomBody: BodyProducer {
    private let services: FilterServices
    private var left: UInt64

    init(count: UInt64, _ services: FilterServices) {
        left = count
        self.services = services
    }

    func produce(upTo limit: Int, into output: inout ByteBuffer) -> BodyProduction {
        let room = Int(min(UInt64(max(0, limit)), left))
        left -= UInt64(room)
        _ = output.append(upTo: room) { bytes in
            var word: UInt64 = 0
            for index in 0..<room {
                // Ten characters of six bits from each word.
                if index % 10 == 0 { word = services.randomWord() }
                bytes[index] = RandomBody.alphabet[Int(word & 63)]
                word >>= 6
            }
            return room
        }
        return left == 0 ? .finished : .more
    }

    private static let alphabet = Array("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_".utf8)
}

/// One byte at a time, for ever: it holds a client until that gives up.
final class TrickledBody: BodyProducer {
    private let pause: UInt64
    private var hasWaited = false

    /// - Parameter pause: before each byte, nanoseconds.
    init(pause: UInt64) { self.pause = pause }

    func produce(upTo limit: Int, into output: inout ByteBuffer) -> BodyProduction {
        if hasWaited { output.append(UInt8(ascii: ".")) }
        hasWaited = true
        return .pause(pause)
    }
}
