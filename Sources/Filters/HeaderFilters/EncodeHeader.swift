import Bytes
import HTTP

/// `encodeRequestHeader`, `encodeResponseHeader`: the first value from UTF-8 to a single-byte encoding; what that cannot
/// say makes the value empty.
final class EncodeHeader: FieldFilter, @unchecked Sendable {
    private let name: FieldName
    private let map: CharacterMap

    init(_ side: MessageSide, _ arguments: ArgumentReader) throws(FilterArgumentError) {
        name = try arguments.fieldName(0)
        guard let map = CharacterMap(named: try arguments.text(1)) else {
            throw arguments.refusal(1, "one of \(CharacterMap.names.joined(separator: ", "))")
        }
        self.map = map
        super.init(side)
    }

    override func edit(_ context: FilterContext) {
        guard let value = context.value(side, name), !value.isEmpty else { return }
        context.withScratch { encoded in
            if !map.encode(value, into: &encoded) { encoded.removeAll(keepingCapacity: true) }
            encoded.withUnsafeBytes { context.setValue(side, name, $0) }
        }
    }
}
