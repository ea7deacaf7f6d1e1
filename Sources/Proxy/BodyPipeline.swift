import Bytes
import Filters

/// A body's way through its transforms, one after the other. Each holds at most about `stageBytesMax` between itself and
/// the next, whatever a piece of input becomes.
final class BodyPipeline {
    enum Step {
        /// `output` should go out before the next call.
        case output
        /// All input is used up.
        case starving
        /// `output` holds the last bytes.
        case finished
        /// `output` should go out; the next call comes after so many nanoseconds.
        case pause(UInt64)
        case failed(status: UInt16)
    }

    private struct Stage: ~Copyable {
        let transform: any BodyTransform
        var input = ByteBuffer()
        var isInputComplete = false
        var isLastTold = false
        /// The transform has more to give without more input.
        var isFlushed = true
        var isDone = false
    }

    private static let stageBytesMax = 64 * 1024

    private var stages: [StageBox] = []
    var output = ByteBuffer()
    private(set) var isFinished = false

    /// Arrays hold copyable elements only.
    private final class StageBox {
        var stage: Stage
        init(_ transform: any BodyTransform) { stage = Stage(transform: transform) }
    }

    init(_ transforms: [any BodyTransform]) { stages = transforms.map { StageBox($0) } }

    /// Adds input; the caller pauses its source until `advance` is starving again.
    func offer(_ bytes: BorrowedBytes, isLast: Bool) {
        stages[0].stage.input.append(bytes)
        if isLast { stages[0].stage.isInputComplete = true }
    }

    /// Lets input pass to nowhere.
    ///
    /// - Returns: the status of a transform that refuses the body.
    func discard(_ bytes: BorrowedBytes, isLast: Bool) -> UInt16? {
        offer(bytes, isLast: isLast)
        while true {
            switch advance() {
            case .failed(let status): return status
            case .output, .pause: output.removeAll()
            case .starving, .finished:
                output.removeAll()
                return nil
            }
        }
    }

    /// Lets the last stage that can work do so once, repeatedly, until there is output enough or nothing to do.
    func advance() -> Step {
        while true {
            if output.count >= BodyPipeline.stageBytesMax { return .output }
            guard let index = stages.lastIndex(where: { canWork($0) }) else {
                if stages[stages.count - 1].stage.isDone {
                    isFinished = true
                    return .finished
                }
                return .starving
            }
            if let step = work(index) { return step }
        }
    }

    private func canWork(_ box: StageBox) -> Bool {
        if box.stage.isDone { return false }
        return !box.stage.input.isEmpty || !box.stage.isFlushed || box.stage.isInputComplete && !box.stage.isLastTold
    }

    private func work(_ index: Int) -> Step? {
        let box = stages[index]
        let isLastStage = index + 1 == stages.count
        let isLast = box.stage.isInputComplete
        let result: BodyTransformation
        if isLastStage {
            result = box.stage.transform.transform(box.stage.input.readable, isLast: isLast, limit: BodyPipeline.stageBytesMax, into: &output)
        } else {
            result = box.stage.transform.transform(
                box.stage.input.readable, isLast: isLast, limit: BodyPipeline.stageBytesMax, into: &stages[index + 1].stage.input)
        }
        switch result {
        case .consumed(let count, let isFlushed):
            box.stage.input.consume(count)
            box.stage.isFlushed = isFlushed
            settle(index, isLast: isLast)
            return nil
        case .paused(let count, let nanoseconds):
            box.stage.input.consume(count)
            settle(index, isLast: isLast)
            return .pause(nanoseconds)
        case .yielded(let count):
            box.stage.input.consume(count)
            box.stage.isFlushed = false
            settle(index, isLast: isLast)
            return .pause(0)
        case .failed(let status): return .failed(status: status)
        }
    }

    private func settle(_ index: Int, isLast: Bool) {
        let box = stages[index]
        guard isLast, box.stage.input.isEmpty else { return }
        box.stage.isLastTold = true
        guard box.stage.isFlushed else { return }
        box.stage.isDone = true
        if index + 1 < stages.count { stages[index + 1].stage.isInputComplete = true }
    }
}
