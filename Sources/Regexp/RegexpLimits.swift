/// The maxima of regular expressions: a pattern may come from anybody who may write a route.
public enum RegexpLimits {
    /// A Host pattern that lists a thousand names has about 60 KiB.
    public static let patternBytesMax = 128 * 1024

    /// RE2's budget (program and automaton states) for a pattern that fits it, as nearly all do. When traffic makes an
    /// automaton reach it, RE2 drops its states and goes on, in linear time still.
    public static let memoryBytesMax = 1024 * 1024

    /// The budget of a pattern whose program does not fit `memoryBytesMax`, such as `\pL{100}`; RE2's own default.
    public static let largePatternMemoryBytesMax = 8 * 1024 * 1024

    /// The budget of one set, whatever the number of its patterns.
    public static let setMemoryBytesMax = 64 * 1024 * 1024

    /// What a replacement may grow a text to: a template such as `$0$0$0` multiplies what a client sent.
    public static let replacementBytesMax = 1024 * 1024
}
