internal import Synchronization

/// The series of one shard in the order of their first observation; written by its worker, read by anybody at any time.
///
/// Records and words stand in blocks that never move and are never freed before the list, and a record is complete before the count
/// that covers it is published. So readers need no lock.
final class SeriesList: @unchecked Sendable {
    struct Record {
        let key: SeriesKey
        let words: MetricShard.Words
    }

    private static let recordsPerBlock = 256
    private static let wordsPerBlock = 1024

    private let seriesMax: Int
    private let blocks: UnsafeMutablePointer<UnsafeMutablePointer<Record>?>
    private let publishedCount = Atomic<Int>(0)
    private var wordBlocks: [MetricShard.Words] = []
    private var freeWords: MetricShard.Words?
    private var freeWordCount = 0

    init(seriesMax: Int) {
        self.seriesMax = seriesMax
        let blockCount = (seriesMax + Self.recordsPerBlock - 1) / Self.recordsPerBlock
        blocks = .allocate(capacity: blockCount)
        blocks.initialize(repeating: nil, count: blockCount)
    }

    deinit {
        let blockCount = (publishedCount.load(ordering: .relaxed) + Self.recordsPerBlock - 1) / Self.recordsPerBlock
        for block in 0..<blockCount { blocks[block]?.deallocate() }
        blocks.deallocate()
        for block in wordBlocks { block.deallocate() }
    }

    var count: Int { publishedCount.load(ordering: .acquiring) }

    /// The series at `position`, which must be below a count read before.
    subscript(position: Int) -> Record {
        blocks[position / Self.recordsPerBlock]![position % Self.recordsPerBlock]
    }

    /// Adds a series whose words are zero; `nil` when the list is full.
    func append(_ key: SeriesKey, wordCount: Int) -> MetricShard.Words? {
        let position = publishedCount.load(ordering: .relaxed)
        guard position < seriesMax else { return nil }
        let words = takeWords(wordCount)
        let block = position / Self.recordsPerBlock
        if blocks[block] == nil { blocks[block] = .allocate(capacity: Self.recordsPerBlock) }
        (blocks[block]! + position % Self.recordsPerBlock).initialize(to: Record(key: key, words: words))
        publishedCount.store(position + 1, ordering: .releasing)
        return words
    }

    private func takeWords(_ count: Int) -> MetricShard.Words {
        if freeWordCount < count {
            freeWordCount = max(Self.wordsPerBlock, count)
            let block = MetricShard.Words.allocate(capacity: freeWordCount)
            for index in 0..<freeWordCount { (block + index).initialize(to: MetricShard.Word(0)) }
            wordBlocks.append(block)
            freeWords = block
        }
        let words = freeWords!
        freeWords = words + count
        freeWordCount -= count
        return words
    }
}
