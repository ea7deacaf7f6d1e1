/// A filter that does the same to the request in the request phase, or to the response in the response phase.
class FieldFilter: Filter, @unchecked Sendable {
    let side: MessageSide

    init(_ side: MessageSide) { self.side = side }

    final override func request(_ context: FilterContext) -> FilterAction {
        if side == .request { edit(context) }
        return .next
    }

    final override func response(_ context: FilterContext) -> FilterAction {
        if side == .response { edit(context) }
        return .next
    }

    func edit(_ context: FilterContext) {}
}
