import Bytes
import HTTP

/// `copyRequestHeader`, `copyResponseHeader`: the source's first value, unless it is empty, replaces the target's.
final class CopyHeader: FieldFilter, @unchecked Sendable {
    private let source: FieldName
    private let target: FieldName

    init(_ side: MessageSide, _ arguments: ArgumentReader) throws(FilterArgumentError) {
        source = try arguments.fieldName(0)
        target = try arguments.fieldName(1)
        super.init(side)
    }

    override func edit(_ context: FilterContext) {
        guard let value = context.value(side, source), !value.isEmpty else { return }
        context.setValue(side, target, value)
    }
}

/// `setContextRequestHeader`, `setContextResponseHeader`: a value that an earlier filter left in the state bag, such as
/// `auth-user`, becomes the header's.
final class SetContextHeader: FieldFilter, @unchecked Sendable {
    private let name: FieldName
    private let key: String

    init(_ side: MessageSide, _ arguments: ArgumentReader) throws(FilterArgumentError) {
        name = try arguments.fieldName(0)
        key = try arguments.text(1)
        super.init(side)
    }

    override func edit(_ context: FilterContext) {
        context.bag[key]?.withBytes { context.setValue(side, name, $0) }
    }
}

/// `appendContextRequestHeader`, `appendContextResponseHeader`: the same as one value more.
final class AppendContextHeader: FieldFilter, @unchecked Sendable {
    private let name: FieldName
    private let key: String

    init(_ side: MessageSide, _ arguments: ArgumentReader) throws(FilterArgumentError) {
        name = try arguments.fieldName(0)
        key = try arguments.text(1)
        super.init(side)
    }

    override func edit(_ context: FilterContext) {
        context.bag[key]?.withBytes { context.appendValue(side, name, $0) }
    }
}
