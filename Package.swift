// swift-tools-version: 6.2
import PackageDescription

// Release builds drop exclusivity checks (18 % of the instructions of a request; tests keep them) and may
// look through module borders, without which a public function that touches a C shim stays a call.
let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableExperimentalFeature("Lifetimes"),
    .unsafeFlags(["-enforce-exclusivity=unchecked", "-cross-module-optimization"], .when(configuration: .release)),
]

/// One line per module; the dependency list is the architecture.
func module(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: settings)
}

func system(_ name: String, _ packages: [String]) -> Target {
    .systemLibrary(name: name, path: "Sources/C/\(name)", providers: [.apt(packages)])
}

let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

let modules: [Target] = [
    // Foreign interfaces.
    .target(name: "CLinux", path: "Sources/C/CLinux"),
    .target(name: "CScan", path: "Sources/C/CScan"),
    .target(name: "CRE2", path: "Sources/C/CRE2", linkerSettings: [.linkedLibrary("re2")]),
    system("COpenSSL", ["libssl-dev"]),
    system("CCares", ["libc-ares-dev"]),
    system("CCompression", ["zlib1g-dev", "libbrotli-dev", "libzstd-dev"]),
    system("CYAML", ["libyaml-dev"]),
    system("CNGHTTP2", ["libnghttp2-dev"]),

    // Words everybody shares.
    module("Bytes"),
    module("Eskip"),
    module("YAML", ["CYAML"]),
    module("Crypto", ["Bytes", "COpenSSL"]),
    module("Regexp", ["Bytes", "CRE2"]),
    module("Telemetry", ["Bytes", "CLinux", logging]),

    // Data path, in the order a request meets them.
    module("Net", ["Bytes", "CLinux", "CCares"]),
    module("TLS", ["Net", "Bytes", "Crypto", "COpenSSL"]),
    module("HTTP", ["Bytes", "CNGHTTP2", "CScan"]),
    module("Downstream", ["TLS", "Net", "HTTP", "Bytes", "Crypto"]),
    module("Filters", ["HTTP", "Eskip", "Telemetry", "Bytes", "Crypto", "Regexp", "CCompression"]),
    module("Routing", ["Filters", "HTTP", "Eskip", "Bytes", "Crypto", "Regexp", "CLinux"]),
    module("Upstream", ["TLS", "Net", "HTTP", "Bytes"]),
    module("Proxy", ["Downstream", "Upstream", "Routing", "Filters", "HTTP", "Eskip", "Net", "Telemetry", "Bytes", "Crypto"]),

    // Control path and edges.
    module("DataClients", ["Routing", "Upstream", "HTTP", "Net", "Eskip", "Regexp", "Telemetry", "Bytes", "CLinux", logging]),
    module("Admin", ["Downstream", "Routing", "HTTP", "Net", "Eskip", "Telemetry", "Bytes"]),
    module("Config", ["Eskip", "YAML", "Regexp", "Net", "Bytes"]),
    .executableTarget(
        name: "fairway",
        dependencies: [
            "Config", "Admin", "DataClients", "Proxy", "Downstream", "Upstream", "Routing", "Filters", "HTTP", "TLS", "Net",
            "Eskip", "Telemetry", "Bytes", "Crypto", "CLinux", argumentParser, logging,
        ],
        swiftSettings: settings),
    // The routing table by itself; Benchmarks/Load/routes.py runs it.
    .executableTarget(
        name: "Table", dependencies: ["DataClients", "Routing", "Filters", "HTTP", "Eskip", "Bytes", logging], path: "Benchmarks/Table", swiftSettings: settings),
]

let testTargets: [Target] = [
    .target(name: "TestSupport", dependencies: ["CLinux", "CNGHTTP2", "COpenSSL"], path: "Tests/TestSupport", swiftSettings: settings),
    tests("BytesTests", ["Bytes", "TestSupport"]),
    tests("EskipTests", ["Eskip"]),
    tests("YAMLTests", ["YAML"]),
    tests("CryptoTests", ["Crypto", "Bytes", "TestSupport"]),
    tests("RegexpTests", ["Regexp"]),
    tests("TelemetryTests", ["Telemetry", "TestSupport", "Bytes", "CLinux", logging]),
    tests("NetTests", ["Net", "Bytes", "TestSupport"]),
    tests("TLSTests", ["TLS", "Net", "Bytes", "CLinux", "COpenSSL", "TestSupport"]),
    tests("DownstreamTests", ["Downstream", "HTTP", "Net", "Bytes", "CLinux"]),
    tests("HTTPTests", ["HTTP", "Bytes", "TestSupport", "CScan"]),
    tests("FiltersTests", ["Filters", "HTTP", "Eskip", "Regexp", "Bytes", "Crypto", "TestSupport"]),
    tests("RoutingTests", ["Routing", "Filters", "HTTP", "Eskip", "Regexp", "Bytes"]),
    tests("DataClientsTests", ["DataClients", "Routing", "Filters", "HTTP", "Net", "Eskip", "Telemetry", "Bytes", "CLinux", "TestSupport", logging]),
    tests("AdminTests", ["Admin", "Bytes", "Routing", "Eskip", "Telemetry", "Net", "TestSupport"]),
    tests("ConfigTests", ["Config", "TestSupport", "YAML", "Net", "Bytes"]),
    tests("EndToEndTests", ["TestSupport"]),
    tests("PropertyTests", ["TestSupport", "Eskip", "HTTP", "Routing", "Filters", "Bytes", "Regexp"]),
    tests("SimulationTests", ["Proxy", "Upstream", "Downstream", "Routing", "Filters", "Eskip", "Net", "Telemetry", "Bytes", "TestSupport", logging]),
    tests("TidyTests", ["TestSupport", "Bytes"]),
]

let package = Package(
    name: "fairway",
    products: [
        .executable(name: "fairway", targets: ["fairway"]),
    ] + ["Bytes", "Eskip", "HTTP"].map { .library(name: $0, targets: [$0]) },
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    ],
    targets: modules + testTargets,
    swiftLanguageModes: [.v6])
