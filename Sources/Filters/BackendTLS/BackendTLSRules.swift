internal import Synchronization

/// What routes ask for of TLS towards their backends, each wish with a small number, so that an exchange carries all of
/// them in one word: two exchanges whose words are equal may share connections.
public final class BackendTLSRules: Sendable {
    /// A wish of one filter.
    public enum Wish: Hashable, Sendable {
        /// A file with the authorities whose certificates are taken, instead of the system's.
        case authorities(path: String)
        /// The name that is asked for and that the certificate must be for, instead of the backend's host.
        case serverName(String)
        /// Files with the certificate that is shown to backends that ask, and its key.
        case certificate(path: String, keyPath: String)

        /// The place of its number in the word, in bits.
        fileprivate var shift: UInt64 {
            switch self {
            case .authorities: 0
            case .serverName: BackendTLSRules.bitsPerWish
            case .certificate: 2 * BackendTLSRules.bitsPerWish
            }
        }
    }

    fileprivate static let bitsPerWish: UInt64 = 21
    private static let mask: UInt64 = 1 << bitsPerWish - 1

    private struct State {
        var numbers: [Wish: UInt64] = [:]
        var wishes: [Wish] = []
    }

    private let state = Mutex(State())
    /// Says what is wrong with a wish, such as a file that holds no certificate; nil if it can be fulfilled.
    private let refusal: @Sendable (Wish) -> String?

    public init(refusal: @escaping @Sendable (Wish) -> String? = { _ in nil }) { self.refusal = refusal }

    /// The wish as bits of an exchange's word, with the mask of the bits it replaces.
    public func bits(of wish: Wish) throws(FilterArgumentError) -> (bits: UInt64, mask: UInt64) {
        if let reason = refusal(wish) { throw FilterArgumentError(reason) }
        let number = state.withLock { state in
            if let number = state.numbers[wish] { return number }
            state.wishes.append(wish)
            state.numbers[wish] = UInt64(state.wishes.count)
            return UInt64(state.wishes.count)
        }
        guard number <= BackendTLSRules.mask else { throw FilterArgumentError("too many different wishes for TLS to backends") }
        return (number << wish.shift, BackendTLSRules.mask << wish.shift)
    }

    /// What the bits of a word stand for.
    public func wishes(in word: UInt64) -> [Wish] {
        [0, BackendTLSRules.bitsPerWish, 2 * BackendTLSRules.bitsPerWish].compactMap { shift in
            let number = Int(word >> shift & BackendTLSRules.mask)
            return number == 0 ? nil : state.withLock { $0.wishes[number - 1] }
        }
    }
}
