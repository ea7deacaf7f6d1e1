// swift-tools-version: 6.2
import PackageDescription

// A package of its own, since its targets have libFuzzer's `main` and build with options of their own (README.md).

let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

/// One target per parser: the folder's name is the target's.
func fuzzer(_ name: String, of modules: String...) -> Target {
    .executableTarget(
        name: name, dependencies: modules.map { .product(name: $0, package: "fairway") }, path: name, swiftSettings: settings)
}

let package = Package(
    name: "fuzz",
    // The name is given, or the package breaks in a checkout of another name.
    dependencies: [.package(name: "fairway", path: "../..")],
    targets: [
        fuzzer("EskipFuzz", of: "Eskip"),
        fuzzer("RequestFuzz", of: "HTTP", "Bytes"),
        fuzzer("ResponseFuzz", of: "HTTP", "Bytes"),
        fuzzer("ChunkedFuzz", of: "HTTP", "Bytes"),
        fuzzer("HTTP2Fuzz", of: "HTTP", "Bytes"),
        fuzzer("HTTP2ResponseFuzz", of: "HTTP", "Bytes"),
    ],
    swiftLanguageModes: [.v6])
