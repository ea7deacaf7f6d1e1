import HTTP
import Regexp

/// `modPath`: all matches in the decoded path replaced.
final class ModPath: Filter, @unchecked Sendable {
    private let pattern: CompiledRegexp
    private let replacement: RegexpTemplate

    init(_ arguments: ArgumentReader) throws(FilterArgumentError) {
        pattern = try arguments.regexp(0)
        replacement = RegexpTemplate(try arguments.text(1), for: pattern)
    }

    override func request(_ context: FilterContext) -> FilterAction {
        context.withScratch { path in
            let result = pattern.appendReplacing(in: context.request.decodedPath, with: replacement, to: &path)
            if result == .replaced { path.withUnsafeBytes { context.request.setPath(decoded: $0) } }
        }
        return .next
    }
}
