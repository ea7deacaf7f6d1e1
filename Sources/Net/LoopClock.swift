import CLinux

/// Where a loop takes the time from.
public enum LoopClock {
    case system
    /// Nanoseconds that somebody moves on; the loop never waits for them.
    case manual(UnsafePointer<UInt64>)

    var now: UInt64 {
        switch self {
        case .system: clinux_now_nanoseconds()
        case .manual(let time): time.pointee
        }
    }

    var wallTime: UInt64 {
        switch self {
        case .system: clinux_wall_nanoseconds()
        case .manual(let time): LoopClock.manualStart + time.pointee
        }
    }

    var mayWait: Bool {
        if case .manual = self { return false }
        return true
    }

    /// 2026-01-01, when manual time begins.
    private static var manualStart: UInt64 { 1_767_225_600_000_000_000 }
}
