import Bytes
import Testing

/// Limits that lean on one another.
@Suite("Limits")
struct LimitTests {
    @Test("what must hold between them", arguments: [
        ("a head at its default limit arrives in one read", Limits.headBytesDefault <= Limits.readBytesMax),
        ("the default is below the ceiling", Limits.headBytesDefault <= Limits.headBytesCeiling),
        ("places in a head are 32 bits wide, however much edits add", Limits.headBytesCeiling <= Int(UInt32.max) / 16),
        ("a response head's places are too", Limits.responseHeadBytesMax <= Int(UInt32.max) / 16),
        ("a name's length is 16 bits wide", Limits.fieldNameBytesMax <= Int(UInt16.max)),
        ("a name fits into the smallest head", Limits.fieldNameBytesMax < Limits.headBytesDefault),
        ("a head of one-byte fields reaches the byte limit only with the default at hand", Limits.fieldCountMax * 5 <= Limits.headBytesDefault),
        ("an ordinary rewritten head fits in front of what was read", Limits.headroomBytes >= 4 * 1024),
        ("the end of a chunk and of the body fits behind it", Limits.tailroomBytes >= "\r\n0\r\n\r\n".utf8.count),
        ("what a slot keeps is less than what it may need", Limits.headBytesKept < Limits.headBytesDefault),
        ("a peer is paused before its partner holds a whole read twice", Limits.outputBytesPaused <= Limits.readBytesMax),
        ("a trailer section is no second head", Limits.trailerBytesMax <= Limits.headBytesDefault),
        ("a chunk's size line arrives in one read", Limits.chunkLineBytesMax < Limits.readBytesMax),
        ("empty lines are no way to send nothing for ever", Limits.leadingEmptyLinesMax < 10),
        ("one turn accepts less than it hears of", Limits.acceptsPerTurn < Limits.eventsPerTurn),
        ("each is more than nothing", [
            Limits.readBytesMax, Limits.headroomBytes, Limits.tailroomBytes, Limits.headBytesDefault, Limits.fieldCountMax, Limits.interimResponsesMax, Limits.chunkLineBytesMax, Limits.pipelinedPerTurn,
        ].allSatisfy { $0 > 0 }),
    ])
    func relation(what: String, holds: Bool) { #expect(holds, "\(what)") }
}
