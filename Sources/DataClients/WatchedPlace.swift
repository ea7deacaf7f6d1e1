internal import CLinux
internal import Glibc

/// A name in a directory whose change may lead a path elsewhere.
struct WatchedPlace: Equatable {
    let directory: String
    let name: String

    /// The places of all symbolic links on the way, and of what stands at the end of it. If the way ends early, the place of what is
    /// missing is the last.
    static func places(of path: String) -> [WatchedPlace] {
        var places: [WatchedPlace] = []
        var directory = path.hasPrefix("/") ? "/" : "."
        var rest = components(path)
        var linkCount = 0
        while let name = rest.popFirst() {
            let next = directory == "/" ? "/" + name : directory + "/" + name
            switch target(of: next) {
            case .link(let target):
                places.append(WatchedPlace(directory: directory, name: name))
                linkCount += 1
                // A circle of links leads nowhere; opening the file says so.
                if linkCount > DataClientLimits.symbolicLinksMax { return places }
                if target.hasPrefix("/") { directory = "/" }
                rest = components(target) + rest
            case .noLink where !rest.isEmpty: directory = next
            case .noLink, .missing: return places + [WatchedPlace(directory: directory, name: name)]
            }
        }
        return places
    }

    static func isLink(_ path: String) -> Bool {
        if case .link = target(of: path) { true } else { false }
    }

    private static func components(_ path: String) -> ArraySlice<String> {
        path.split(separator: "/").filter { $0 != "." }.map(String.init)[...]
    }

    private enum Target {
        case link(String)
        case noLink, missing
    }

    private static func target(of path: String) -> Target {
        withUnsafeTemporaryAllocation(byteCount: Int(PATH_MAX), alignment: 1) { buffer in
            let count = readlink(path, buffer.baseAddress!.assumingMemoryBound(to: CChar.self), buffer.count)
            if count >= 0 { return .link(String(decoding: buffer[..<count], as: UTF8.self)) }
            return errno == ENOENT || errno == ENOTDIR ? .missing : .noLink
        }
    }
}
