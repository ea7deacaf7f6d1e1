import Bytes
import HTTP
public import Regexp

/// `modRequestHeader`, `modResponseHeader`: the field, if it is there, keeps one value, the first with all matches replaced.
final class ModHeader: FieldFilter, @unchecked Sendable {
    private let name: FieldName
    private let pattern: CompiledRegexp
    private let replacement: RegexpTemplate

    init(_ side: MessageSide, _ arguments: ArgumentReader) throws(FilterArgumentError) {
        name = try arguments.fieldName(0)
        pattern = try arguments.regexp(1)
        replacement = RegexpTemplate(try arguments.text(2), for: pattern)
        super.init(side)
    }

    override func edit(_ context: FilterContext) {
        guard let value = context.value(side, name) ?? requestHost(context) else { return }
        context.withScratch { rewritten in
            switch pattern.appendReplacing(in: value, with: replacement, to: &rewritten) {
            case .replaced: rewritten.withUnsafeBytes { context.setValue(side, name, $0) }
            case .unchanged, .tooLong: context.setValue(side, name, value)
            }
        }
    }

    /// Host begins with what the client asked for.
    private func requestHost(_ context: FilterContext) -> BorrowedBytes? {
        side == .request && name.known == .host ? context.request.host : nil
    }
}

/// `dropRequestHeaderRegexp`, `dropResponseHeaderRegexp`: without the values that match.
final class DropHeaderRegexp: FieldFilter, @unchecked Sendable {
    private let name: FieldName
    private let pattern: CompiledRegexp

    init(_ side: MessageSide, _ arguments: ArgumentReader) throws(FilterArgumentError) {
        name = try arguments.fieldName(0)
        pattern = try arguments.regexp(1)
        super.init(side)
    }

    override func edit(_ context: FilterContext) {
        switch side {
        case .request where name.known == .host:
            if let host = context.value(.request, name), pattern.matches(host) { context.removeValues(.request, name) }
        case .request: dropMatches(&context.request.headers)
        case .response: dropMatches(&context.response.headers)
        }
    }

    private func dropMatches(_ headers: inout Headers) {
        var next = headers.index(of: name)
        while let index = next {
            if pattern.matches(headers.value(at: index)) { headers.remove(at: index) }
            next = headers.index(of: name, from: index + 1)
        }
    }
}

extension ArgumentReader {
    /// A regexp in Go's dialect, shared by all routes that use it.
    public func regexp(_ position: Int) throws(FilterArgumentError) -> CompiledRegexp {
        let pattern = try text(position)
        do {
            return try CompiledRegexp.shared(pattern)
        } catch {
            throw refusal(position, "a regexp", because: error.description)
        }
    }
}
