import Bytes
import Testing

@testable import Routing

/// What look-ups do by words instead of bytes, against the same done byte by byte.
@Suite struct PathStepsTests {
    @Test func segmentsEndAtTheirSlash() {
        for count in 0..<40 {
            for slash in 0...count {
                var path = [UInt8](repeating: UInt8(ascii: "."), count: count)
                if slash < count { path[slash] = UInt8(ascii: "/") }
                // Behind the end and right before it stands what must not be found.
                let text = [UInt8](repeating: 0xAF, count: 9) + path + [UInt8](repeating: UInt8(ascii: "/"), count: 9)
                text.withUnsafeBytes { bytes in
                    let part = bytes.slice(9, 9 + count)
                    for start in 0...count { #expect(part.endOfSegment(from: start) == (start <= slash ? slash : count), "\(count) \(slash) \(start)") }
                }
            }
        }
    }

    @Test func stepsHaveTheHashesOfTheirSegments() {
        let words = (0..<20).map { String(repeating: "s", count: $0 + 1) }
        for first in words {
            for second in words {
                for end in ["", "/", "/x"] {
                    let path = Array("/\(first)/\(second)\(end)".utf8)
                    // What stands behind the path is none of it.
                    (path + Array("y/z".utf8)).withUnsafeBytes { expectSteps(of: $0.slice(0, path.count)) }
                }
            }
        }
        Array("/a/b/c/d/e/f/g/h/i/j".utf8).withUnsafeBytes { expectSteps(of: $0) }
        Array("/".utf8).withUnsafeBytes { expectSteps(of: $0) }
    }

    private func expectSteps(of path: BorrowedBytes) {
        withUnsafeTemporaryAllocation(of: PathStep.self, capacity: PathStep.countMax) { steps in
            let count = PathStep.read(path, TableHash.root(1), SegmentHash.seed, to: steps)
            var hash = TableHash.root(1)
            var start = 1
            for step in steps[..<count] {
                let end = path.endOfSegment(from: start)
                hash = hash.adding(path.slice(start, end))
                #expect(step.end == end && step.hash.value == hash.value, "\(path.text)")
                start = end + 1
            }
            #expect(count == PathStep.countMax || start >= path.count, "\(path.text)")
        }
    }

    @Test func zerosAreNoEnd() {
        var seen: Set<UInt64> = []
        for count in 0..<20 { [UInt8](repeating: 0, count: count).withUnsafeBytes { #expect(seen.insert(SegmentHash.hash($0)).inserted, "\(count)") } }
    }

    @Test func sameBytesAreTheSame() {
        for count in 0..<40 {
            let left = (0..<count).map { UInt8($0) }
            left.withUnsafeBytes { left in
                for place in 0..<count {
                    var right = Array(left)
                    right[place] ^= 0x80
                    right.withUnsafeBytes { #expect(!left.isSame(as: $0), "\(count) \(place)") }
                }
                Array(left).withUnsafeBytes { #expect(left.isSame(as: $0)) }
                (Array(left) + [0]).withUnsafeBytes { #expect(!left.isSame(as: $0)) }
            }
        }
    }

    /// Names and segments around the lengths at which keys leave their entries, in tables below and above the size that fetches ahead.
    @Test(arguments: [0, RoutingLimits.prefetchedMin]) func keysOfAnyLengthAreFound(others: Int) {
        let lengths = [1, 7, 8, 23, 24, 25, 39, 40, 41, 200]
        var text = (0..<others).map { "o\($0): Host(/^o\($0)[.]example[.]org$/) && PathSubtree(\"/\") -> <shunt>;" }
        for length in lengths {
            let name = String(repeating: "n", count: length)
            text.append("h\(length): Host(/^(\(name)[.]?(:[0-9]+)?)$/) && PathSubtree(\"/\") -> <shunt>;")
            text.append("p\(length): Host(/^\(name)$/) && Path(\"/\(name)/x\") -> <shunt>;")
        }
        let table = RoutingTable.of(text.joined(separator: "\n"))
        for length in lengths {
            let name = String(repeating: "n", count: length)
            for host in [name, name + ".", name + ":8080", name + ".:1"] {
                #expect(table.route(SampleRequest("/", host: host)) == "h\(length)")
            }
            #expect(table.route(SampleRequest("/\(name)/x", host: name)) == "p\(length)")
            #expect(table.route(SampleRequest("/\(name)/x", host: name + ".")) == "h\(length)")
            #expect(table.route(SampleRequest("/a/\(name)n", host: name)) == "h\(length)")
            #expect(table.route(SampleRequest("/\(name)", host: name + "m")) == nil)
        }
    }

    @Test func theRestOfASubtreeIsFoundAtAnyDepth() {
        for depth in 0..<20 {
            let base = (0..<depth).map { "/s\($0)" }.joined()
            let table = RoutingTable.of("r: PathSubtree(\"\(base)/\") -> <shunt>")
            #expect(table.parameters(base + "/x/y%20z") == ["*": "/x/y z"])
            #expect(table.parameters(base + "/") == ["*": "/"])
            if depth > 0 { #expect(table.parameters(base) == ["*": "/"]) }
        }
    }
}
