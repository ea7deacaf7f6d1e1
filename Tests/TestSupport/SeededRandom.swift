/// Numbers that a seed repeats (SplitMix64): a random test prints its seed.
public struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    /// Seeds for one run of a test: new ones each time, named by what fails.
    public static func seeds(_ count: Int) -> [UInt64] { (0..<count).map { _ in UInt64.random(in: 0...UInt64.max) } }

    public init(_ seed: UInt64) { state = seed }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }

    /// 0..<limit.
    public mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(limit)) }

    public mutating func chance(oneIn count: Int) -> Bool { below(count) == 0 }

    public mutating func element<Element>(_ choices: [Element]) -> Element { choices[below(choices.count)] }
}
