import HTTP

/// `setRequestHeader`, `setResponseHeader`: one value instead of all; nothing if a placeholder has no value.
final class SetHeader: FieldFilter, @unchecked Sendable {
    private let name: FieldName
    private let value: TemplateText

    init(_ side: MessageSide, _ arguments: ArgumentReader) throws(FilterArgumentError) {
        name = try arguments.fieldName(0)
        value = try arguments.template(1)
        super.init(side)
    }

    override func edit(_ context: FilterContext) {
        value.withExpansion(context, side) { value, isResolved in
            if isResolved { context.setValue(side, name, value) }
        }
    }
}

/// `appendRequestHeader`, `appendResponseHeader`: one more value; nothing if a placeholder has no value.
final class AppendHeader: FieldFilter, @unchecked Sendable {
    private let name: FieldName
    private let value: TemplateText

    init(_ side: MessageSide, _ arguments: ArgumentReader) throws(FilterArgumentError) {
        name = try arguments.fieldName(0)
        value = try arguments.template(1)
        super.init(side)
    }

    override func edit(_ context: FilterContext) {
        value.withExpansion(context, side) { value, isResolved in
            if isResolved { context.appendValue(side, name, value) }
        }
    }
}

/// `dropRequestHeader`, `dropResponseHeader`.
final class DropHeader: FieldFilter, @unchecked Sendable {
    private let name: FieldName

    init(_ side: MessageSide, _ arguments: ArgumentReader) throws(FilterArgumentError) {
        name = try arguments.fieldName(0)
        super.init(side)
    }

    override func edit(_ context: FilterContext) { context.removeValues(side, name) }
}
