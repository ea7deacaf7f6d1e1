import Bytes
import HTTP
import Testing

@Suite struct HeadersTests {
    /// A value may be taken from the block that grows while it is appended; so may a name.
    @Test(arguments: [1, 100, 2000, 5000])
    func appendsBytesOfItsOwnBlock(count: Int) {
        var headers = Headers()
        let text = String(repeating: "v", count: count)
        text.withBytes { headers.append(FieldName("X-A"), $0) }
        for _ in 0..<8 { headers.append(FieldName("X-B"), headers.first(FieldName("X-A"))!) }
        let index = headers.index(of: FieldName("X-A"))!
        headers.append(nameBytes: headers.name(at: index), headers.value(at: index))
        var values: [String] = []
        headers.forEachValue(FieldName("X-B")) { values.append($0.text); return true }
        headers.forEachValue(FieldName("X-A")) { values.append($0.text); return true }
        #expect(values == Array(repeating: text, count: 10))
    }

    @Test func setKeepsTheFirstPlaceAndRemovesTheRest() {
        var headers = Headers()
        for (name, value) in [("X-A", "1"), ("X-B", "2"), ("x-a", "3")] {
            value.withBytes { headers.append(FieldName(name), $0) }
        }
        headers.set(FieldName("X-A"), BorrowedBytes("new"))
        let fields = headers.indices.filter { headers.isPresent($0) }.map { "\(headers.name(at: $0).text)=\(headers.value(at: $0).text)" }
        #expect(fields == ["X-A=new", "X-B=2"])
    }
}
