/// Numbers as the language writes them: digits with at most one point, never an exponent (eskip.md §1.1, §6.1).
public enum NumberText {
    /// As a route file would have it: `302`, not `302.0`.
    public static func text(_ number: Double) -> String {
        var text: [UInt8] = []
        append(number, to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    /// Appends the shortest text that reads back as the same double.
    static func append(_ number: Double, to output: inout [UInt8]) {
        if let integer = Int64(exactly: number) {
            output.append(contentsOf: String(integer).utf8)
            return
        }
        // The standard library knows the shortest digits; where it writes an exponent, the point moves instead.
        let text = Array(number.description.utf8)
        guard let mark = text.firstIndex(of: UInt8(ascii: "e")) else {
            output.append(contentsOf: text.suffix(2) == Array(".0".utf8)[...] ? text.dropLast(2) : text[...])
            return
        }
        let exponent = Int(String(decoding: text[(mark + 1)...], as: UTF8.self)) ?? 0
        append(mantissa: text[..<mark], exponent: exponent, to: &output)
    }

    /// - Parameter mantissa: an optional minus and digits, with a point behind the first if there are more.
    private static func append(mantissa: ArraySlice<UInt8>, exponent: Int, to output: inout [UInt8]) {
        if mantissa.first == UInt8(ascii: "-") { output.append(UInt8(ascii: "-")) }
        let digits = trimmed(mantissa.filter(\.isDigit))
        let zero = UInt8(ascii: "0")
        if exponent < 0 {
            output.append(contentsOf: "0.".utf8)
            output.append(contentsOf: repeatElement(zero, count: -exponent - 1))
            output.append(contentsOf: digits)
            return
        }
        output.append(contentsOf: digits.prefix(exponent + 1))
        output.append(contentsOf: repeatElement(zero, count: max(0, exponent + 1 - digits.count)))
        if digits.count > exponent + 1 {
            output.append(UInt8(ascii: "."))
            output.append(contentsOf: digits.dropFirst(exponent + 1))
        }
    }

    /// Without the zero of a mantissa such as `1.0`.
    private static func trimmed(_ digits: [UInt8]) -> ArraySlice<UInt8> {
        var digits = digits[...]
        while digits.count > 1, digits.last == UInt8(ascii: "0") { digits.removeLast() }
        return digits
    }
}
