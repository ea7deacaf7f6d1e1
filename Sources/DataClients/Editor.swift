internal import Eskip
internal import Regexp

/// `-edit-route` and the changing half of `-clone-route`: regular expressions over the printed form of each predicate and
/// each filter (eskip.md §8).
struct Editor {
    private struct Edit {
        let regexp: CompiledRegexp
        let template: RegexpTemplate
    }

    private let flag: String
    private var edits: [Edit] = []

    /// - Parameters:
    ///   - flag: whom messages blame.
    ///   - problems: takes what is wrong with the expressions.
    init(_ replacements: [TextReplacement], flag: String, problems: inout [String]) {
        self.flag = flag
        for replacement in replacements {
            do throws(RegexpError) {
                let regexp = try CompiledRegexp.shared(replacement.pattern)
                edits.append(Edit(regexp: regexp, template: RegexpTemplate(replacement.replacement, for: regexp)))
            } catch {
                problems.append("-\(flag): \(error)")
            }
        }
    }

    var isEmpty: Bool { edits.isEmpty }

    /// The calls after all edits, nil if none of them changed.
    ///
    /// - Parameter notes: takes why a changed text was not used.
    func edited(_ calls: some Sequence<Call>, _ part: RoutePart, notes: inout [String]) -> [Call]? {
        var isChanged = false
        let edited = calls.map { call in
            var call = call
            for edit in edits {
                guard let changed = changed(call, part, by: edit, &notes) else { continue }
                call = changed
                isChanged = true
            }
            return call
        }
        return isChanged ? edited : nil
    }

    private func changed(_ call: Call, _ part: RoutePart, by edit: Edit, _ notes: inout [String]) -> Call? {
        var text: [UInt8] = []
        part.print(call, to: &text)
        var replaced: [UInt8] = []
        switch text.withUnsafeBytes({ edit.regexp.appendReplacing(in: $0, with: edit.template, to: &replaced) }) {
        case .unchanged: return nil
        case .tooLong:
            notes.append("-\(flag): \(part.noun) \(call.name) would become too long; left as it is")
            return nil
        case .replaced:
            return replaced == text ? nil : parsed(String(decoding: replaced, as: UTF8.self), call, part, &notes)
        }
    }

    private func parsed(_ text: String, _ original: Call, _ part: RoutePart, _ notes: inout [String]) -> Call? {
        let parsed = part.parse(text)
        if let error = parsed.errors.first {
            notes.append("-\(flag): \(part.noun) \(original.name) would become \"\(text)\", which is none (\(error.message)); left as it is")
            return nil
        }
        if parsed.calls.isEmpty {
            notes.append("-\(flag): \(part.noun) \(original.name) would become nothing; left as it is")
        }
        return parsed.calls.first
    }
}

/// Which list of a route a call stands in: predicates and filters print and parse differently.
enum RoutePart {
    case predicates, filters

    var noun: String { self == .predicates ? "predicate" : "filter" }

    func print(_ call: Call, to output: inout [UInt8]) {
        switch self {
        case .predicates: RoutePrinter.compact.append(predicate: call, to: &output)
        case .filters: RoutePrinter.compact.append(filter: call, to: &output)
        }
    }

    func parse(_ text: String) -> ParsedCalls {
        switch self {
        case .predicates: CallList.parsePredicates(text)
        case .filters: CallList.parseFilters(text)
        }
    }
}
