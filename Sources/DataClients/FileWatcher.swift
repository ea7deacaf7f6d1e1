internal import CLinux
internal import Glibc
internal import Net

/// Tells of changes to files by inotify, without looking at them.
///
/// Directories are watched, not files: a file that is replaced is another one afterwards. If symbolic links lead to a file,
/// the directory of each link is watched too, so that the swap of one (`..data` of a mounted ConfigMap, `current` of a
/// release) is seen. What inotify cannot see, such as changes on another machine, is for looks at intervals.
final class FileWatcher {
    enum Event {
        /// Another file, complete, has come to this path.
        case replaced
        /// Somebody who wrote to the file closed it.
        case written
        /// The file is being created, written to, or its permissions changed.
        case writing
        case removed
    }

    /// One path that somebody wants to hear of.
    final class Watch {
        let path: String
        fileprivate let handler: (Event) -> Void
        fileprivate var directories: Set<Int32> = []
        /// Some directory cannot be watched; said once.
        fileprivate var isIncomplete = false

        fileprivate init(_ path: String, _ handler: @escaping (Event) -> Void) {
            self.path = path
            self.handler = handler
        }
    }

    private struct Entry {
        let name: String
        let watch: Watch
    }

    private let loop: UnsafeMutablePointer<EventLoop>
    private let descriptor: FileDescriptor
    private let source: UnsafeMutablePointer<WatcherSource>
    /// Called with what the operator should know.
    private let warn: (String) -> Void
    /// What to look out for, by inotify's number of the directory.
    private var directories: [Int32: [Entry]] = [:]
    private var buffer = [UInt8](repeating: 0, count: 16 * 1024)

    init(_ loop: UnsafeMutablePointer<EventLoop>, warn: @escaping (String) -> Void) throws(SystemError) {
        let number = clinux_inotify()
        guard number >= 0 else { throw SystemError(-number) }
        self.loop = loop
        self.warn = warn
        descriptor = FileDescriptor(owning: number)
        source = .allocate(capacity: 1)
        source.initialize(to: WatcherSource(self))
        loop.pointee.watch(number, source, for: .readable)
    }

    deinit {
        loop.pointee.remove(descriptor.number)
        source.deallocate()
    }

    /// - Parameter handler: called on the loop; the caller reads the file itself.
    func watch(_ path: String, _ handler: @escaping (Event) -> Void) -> Watch {
        let watch = Watch(path, handler)
        renew(watch)
        return watch
    }

    func unwatch(_ watch: Watch) { setDirectories(of: watch, []) }

    /// Follows the path anew: links and directories may have changed.
    func renew(_ watch: Watch) {
        var places = WatchedPlace.places(of: watch.path)
        for _ in 0..<3 {
            setDirectories(of: watch, places.compactMap { place in add(place, for: watch).map { ($0, place.name) } })
            // What came to be before its directory was watched is not told.
            let now = WatchedPlace.places(of: watch.path)
            if now == places { return }
            places = now
        }
    }

    private func add(_ place: WatchedPlace, for watch: Watch) -> Int32? {
        let number = inotify_add_watch(descriptor.number, place.directory, FileWatcher.mask)
        if number >= 0 { return number }
        warnOnce(watch, place.directory, errno)
        return nil
    }

    private func warnOnce(_ watch: Watch, _ directory: String, _ number: Int32) {
        // A directory that is not there yet is nothing to warn of: it is looked for at each interval.
        guard !watch.isIncomplete, number != ENOENT, number != ENOTDIR else { return }
        watch.isIncomplete = true
        warn("\(watch.path): changes are looked for at intervals only, since \(directory) cannot be watched: \(SystemError(number))")
    }

    private func setDirectories(of watch: Watch, _ places: [(number: Int32, name: String)]) {
        for number in watch.directories { directories[number]?.removeAll { $0.watch === watch } }
        for place in places { directories[place.number, default: []].append(Entry(name: place.name, watch: watch)) }
        let former = watch.directories
        watch.directories = Set(places.map(\.number))
        for number in former where directories[number]?.isEmpty == true {
            directories[number] = nil
            _ = inotify_rm_watch(descriptor.number, number)
        }
    }

    private static let mask = UInt32(
        IN_CLOSE_WRITE | IN_MODIFY | IN_ATTRIB | IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF)
        | UInt32(IN_ONLYDIR)
}

// MARK: - Events

/// What the loop calls when inotify has something to say.
private struct WatcherSource {
    let source: EventSource
    let watcher: Unmanaged<FileWatcher>

    init(_ watcher: FileWatcher) {
        self.watcher = .passUnretained(watcher)
        source = EventSource { pointer, _ in
            pointer.assumingMemoryBound(to: WatcherSource.self).pointee.watcher.takeUnretainedValue().ready()
        }
    }
}

extension FileWatcher {
    fileprivate func ready() {
        let count = clinux_read(descriptor.number, &buffer, buffer.count)
        guard count > 0 else { return }
        var offset = 0
        while offset < count {
            let (event, name) = FileWatcher.event(at: offset, in: buffer)
            handle(event, name)
            offset += MemoryLayout<inotify_event>.size + Int(event.len)
        }
    }

    private static func event(at offset: Int, in buffer: [UInt8]) -> (inotify_event, String) {
        buffer.withUnsafeBytes { bytes in
            let event = bytes.loadUnaligned(fromByteOffset: offset, as: inotify_event.self)
            let start = offset + MemoryLayout<inotify_event>.size
            let name = bytes[start..<start + Int(event.len)].prefix { $0 != 0 }
            return (event, String(decoding: name, as: UTF8.self))
        }
    }

    private func handle(_ event: inotify_event, _ name: String) {
        if event.mask & UInt32(IN_Q_OVERFLOW) != 0 {
            for watch in allWatches { changed(watch, .written) }
        } else if event.mask & UInt32(IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED) != 0 {
            let entries = directories[event.wd] ?? []
            if event.mask & UInt32(IN_IGNORED) != 0 { directories[event.wd] = nil }
            for entry in entries { changed(entry.watch, .removed) }
        } else {
            for entry in directories[event.wd] ?? [] where entry.name == name { told(event.mask, entry.watch) }
        }
    }

    private func told(_ mask: UInt32, _ watch: Watch) {
        let isLinkOrDirectory = mask & UInt32(IN_ISDIR) != 0 || WatchedPlace.isLink(watch.path)
        switch mask {
        case _ where mask & UInt32(IN_MOVED_TO) != 0: changed(watch, .replaced)
        case _ where mask & UInt32(IN_CREATE) != 0: changed(watch, isLinkOrDirectory ? .replaced : .writing)
        case _ where mask & UInt32(IN_MOVED_FROM | IN_DELETE) != 0: changed(watch, .removed)
        case _ where mask & UInt32(IN_CLOSE_WRITE) != 0: watch.handler(.written)
        default: watch.handler(.writing)
        }
    }

    /// The path may lead elsewhere now.
    private func changed(_ watch: Watch, _ event: Event) {
        renew(watch)
        watch.handler(event)
    }

    private var allWatches: [Watch] {
        var seen: Set<ObjectIdentifier> = []
        return directories.values.joined().map(\.watch).filter { seen.insert(ObjectIdentifier($0)).inserted }
    }
}
