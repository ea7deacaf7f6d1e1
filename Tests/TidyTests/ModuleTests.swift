import Testing

/// SwiftPM lets a module import whatever it reaches; the list in Package.swift is the architecture only if somebody
/// compares.
@Suite("Modules and their borders")
struct ModuleTests {
    private var modules: [PackageText.Target] { SourceTree.targets.filter { $0.kind == .module || $0.kind == .executable } }
    private var foreign: [String] { SourceTree.targets.filter { $0.kind == .foreign }.map(\.name) }

    @Test("Package.swift and the folders were read")
    func read() {
        #expect(modules.count > 10 && foreign.count > 3 && SourceTree.sources.count > 100)
        #expect(modules.contains { $0.name == "fairway" && $0.dependencies.contains("Proxy") })
        let folders = Set(SourceTree.sources.map(\.module))
        #expect(folders == Set(modules.map(\.name)), "each folder is a module, each module has a folder")
    }

    @Test("a module imports what its line in Package.swift names")
    func imports() {
        let known = Set(SourceTree.targets.map(\.name) + ["Logging", "ArgumentParser"])
        for file in SourceTree.sources {
            guard let module = modules.first(where: { $0.name == file.module }) else { continue }
            for name in file.imports where known.contains(name) {
                #expect(module.dependencies.contains(name), "\(file.path) imports \(name), which is not in its module's list")
            }
        }
    }

    @Test("a module names only what it imports")
    func needless() {
        for module in modules {
            let imported = Set(SourceTree.sources.filter { $0.module == module.name }.flatMap(\.imports))
            for name in module.dependencies { #expect(imported.contains(name), "\(module.name) lists \(name) and never imports it") }
        }
    }

    @Test("dependencies point to what stands above in Package.swift")
    func order() {
        var seen: Set<String> = ["Logging", "ArgumentParser"]
        for target in SourceTree.targets {
            for name in target.dependencies where target.kind != .foreign { #expect(seen.contains(name), "\(target.name) uses \(name)") }
            seen.insert(target.name)
        }
    }

    private static let dataPath: Set<String> = [
        "Bytes", "Eskip", "Crypto", "Regexp", "Telemetry", "Net", "TLS", "HTTP", "Downstream", "Filters", "Routing", "Upstream", "Proxy",
    ]

    @Test("no Foundation and no Dispatch where requests pass; full Foundation, with its 45 MB, nowhere")
    func foundation() {
        for file in SourceTree.sources {
            for name in file.imports {
                if Self.dataPath.contains(file.module) { #expect(!["FoundationEssentials", "Dispatch"].contains(name), "\(file.path)") }
                #expect(name != "Foundation", "\(file.path)")
            }
        }
    }

    @Test("the data path knows nothing of where routes come from")
    func dataPath() {
        for module in modules where Self.dataPath.contains(module.name) {
            for name in ["DataClients", "Config", "Admin", "YAML"] { #expect(!module.dependencies.contains(name), "\(module.name)") }
        }
    }

    /// Who may speak with which library: elsewhere it is spoken with through them.
    private static let faces: [String: [String]] = [
        "CLinux": ["Net/", "Telemetry/Logs/", "Telemetry/Metrics/ProcessMetrics.swift", "DataClients/FileWatcher.swift", "DataClients/LoadedDocument.swift", "DataClients/RouteFile.swift", "DataClients/WatchedPlace.swift", "DataClients/RouteUpdater.swift", "DataClients/RouteSet.swift",
            "Routing/CompilingThread.swift", "Routing/Table/PageMemory.swift", "Routing/Table/PagedTable.swift", "fairway/"],
        "CCares": ["Net/ResolverChannel.swift"], "CScan": ["HTTP/HTTP1/FieldParser.swift", "HTTP/Message/HostSyntax.swift", "HTTP/Message/KnownField.swift"], "COpenSSL": ["Crypto/", "TLS/"], "CRE2": ["Regexp/"], "CCompression": ["Filters/Compression/"], "CYAML": ["YAML/"], "CNGHTTP2": ["HTTP/HTTP2/HeaderCompression.swift", "HTTP/HTTP2/HeaderMemory.swift"],
    ]

    @Test("foreign libraries have one face each")
    func faces() {
        for file in SourceTree.sources {
            for name in file.imports where foreign.contains(name) {
                let allowed = Self.faces[name] ?? []
                let place = "\(file.module)/\(file.pathInModule)"
                #expect(allowed.contains { $0.hasSuffix("/") ? place.hasPrefix($0) : place == $0 }, "\(file.path) imports \(name)")
            }
        }
        for name in foreign { #expect(Self.faces[name] != nil, "\(name) has no face") }
    }

    @Test("foreign modules do not leak into interfaces")
    func leaks() {
        for file in SourceTree.sources {
            for line in file.lines where line.hasPrefix("public import ") { #expect(!foreign.contains(String(line.dropFirst(14))), "\(file.path): \(line)") }
        }
    }
}
