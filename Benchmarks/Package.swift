// swift-tools-version: 6.1
import PackageDescription

let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

let package = Package(
    name: "benchmarks",
    dependencies: [
        // With its name, or a checkout under another one would not resolve.
        .package(name: "fairway", path: ".."),
        // No traits: its malloc and runtime interposers would be measured too. Load/exact.py counts allocations.
        .package(url: "https://github.com/ordo-one/benchmark", exact: "1.38.1", traits: []),
    ],
    targets: [
        // The plugin sees only targets whose parent folder is called Benchmarks.
        .executableTarget(
            name: "Micro",
            dependencies: [
                .product(name: "Benchmark", package: "benchmark"),
                .product(name: "Bytes", package: "fairway"),
                .product(name: "Eskip", package: "fairway"),
                .product(name: "HTTP", package: "fairway"),
            ],
            path: "Micro",
            swiftSettings: settings,
            plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]),
    ],
    swiftLanguageModes: [.v6])
