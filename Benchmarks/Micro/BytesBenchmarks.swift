import Benchmark
import Bytes

func bytesBenchmarks() {
    Benchmark("Bytes: xxHash64 of 32 bytes") { benchmark in
        let key = BorrowedBytes("shop.example.org/catalogue/shoes")
        for _ in benchmark.scaledIterations { blackHole(XXHash64.hash(key)) }
    }
    Benchmark("Bytes: an address in 1,000 prefixes") { benchmark in
        let prefixes = try! AddressSet((0..<1000).map { "10.\($0 / 250).\($0 % 250).0/24" })
        let inside = AddressPrefix.single("10.3.249.17")
        precondition(prefixes.contains(inside), "measures a miss")
        for _ in benchmark.scaledIterations { blackHole(prefixes.contains(inside)) }
    }
}

extension AddressPrefix {
    fileprivate static func single(_ text: String) -> IPAddress { try! AddressPrefix(text).address }
}
