import CLinux

/// Whole small files, such as the configuration's.
enum ReadFile {
    static let bytesMax = 64 << 20

    static func bytes(_ path: String, atMost limit: Int = bytesMax) -> Result<[UInt8], ReadError> {
        let descriptor = clinux_open_read(path)
        guard descriptor >= 0 else { return .failure(ReadError(number: -descriptor)) }
        defer { _ = clinux_close(descriptor) }
        return all(of: descriptor, atMost: limit)
    }

    static func standardInput(atMost limit: Int) -> Result<[UInt8], ReadError> { all(of: 0, atMost: limit) }

    private static func all(of descriptor: Int32, atMost limit: Int) -> Result<[UInt8], ReadError> {
        var result: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 64 * 1024)
        while result.count <= limit {
            let count = clinux_read(descriptor, &block, block.count)
            if count < 0 { return .failure(ReadError(number: Int32(-count))) }
            if count == 0 { return .success(result) }
            result += block[..<Int(count)]
        }
        return .failure(ReadError(number: EFBIG))
    }
}

struct ReadError: Error, CustomStringConvertible {
    let number: Int32
    var description: String { String(cString: strerror(number)) }
}
