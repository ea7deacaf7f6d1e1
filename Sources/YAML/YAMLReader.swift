/// Reads YAML texts into trees of `YAMLNode`.
///
/// More is refused than libyaml refuses, because a silent choice would be somebody's outage: a key twice in one
/// mapping, a key that is no scalar, an alias inside the value it names. A merge key (`<<`) adds the entries that
/// the mapping does not have itself.
public enum YAMLReader {
    /// Reads a text that holds one document at most; an empty text is a null.
    public static func document(_ text: some Sequence<UInt8>, limits: YAMLLimits = YAMLLimits()) throws(YAMLError) -> YAMLNode {
        let documents = try documents(text, limits: limits)
        if documents.count > 1 {
            throw YAMLError("a second document begins, one is allowed", at: documents[1].position)
        }
        return documents.first ?? YAMLNode(.scalar(YAMLScalar("", isPlain: true)), at: YAMLPosition(line: 1, column: 1))
    }

    /// Reads every document of a text (`---` between them). The limits hold for all of them together.
    public static func documents(_ text: some Sequence<UInt8>, limits: YAMLLimits = YAMLLimits()) throws(YAMLError) -> [YAMLNode] {
        let bytes = Array(text.prefix(limits.bytesMax + 1))
        guard bytes.count <= limits.bytesMax else {
            throw YAMLError("longer than \(limits.bytesMax) bytes", at: YAMLPosition(line: 1, column: 1))
        }
        let result = bytes.withUnsafeBufferPointer { buffer -> Result<[YAMLNode], YAMLError> in
            do throws(YAMLError) {
                var builder = TreeBuilder(EventReader(buffer), limits: limits)
                return .success(try builder.documents())
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }
}

/// Builds the trees from events by recursive descent, at most `depthMax` calls deep.
private struct TreeBuilder: ~Copyable {
    /// A value that aliases may repeat, with what a repetition costs.
    private struct Anchored {
        var node: YAMLNode
        var nodeCount: Int
        var height: Int
    }

    private var events: EventReader
    private let limits: YAMLLimits
    private var anchors: [String: Anchored] = [:]
    private var nodeCount = 0

    init(_ events: consuming EventReader, limits: YAMLLimits) {
        self.events = events
        self.limits = limits
    }

    mutating func documents() throws(YAMLError) -> [YAMLNode] {
        var documents: [YAMLNode] = []
        while true {
            let event = try events.next()
            switch event.kind {
            case .streamEnd: return documents
            case .documentStart:
                anchors.removeAll()
                documents.append(try node(try events.next(), depth: 0).node)
            default: continue
            }
        }
    }

    /// One value and its height: 0 for a scalar, one more than the highest child otherwise.
    private mutating func node(_ event: YAMLEvent, depth: Int) throws(YAMLError) -> (node: YAMLNode, height: Int) {
        let countBefore = nodeCount
        try count(1, at: event.position)
        let result: (node: YAMLNode, height: Int)
        let anchor: String?
        switch event.kind {
        case .alias(let name): return try repeated(name, at: event.position, depth: depth)
        case .sequenceStart(let name):
            anchor = name
            result = try sequence(from: event.position, depth: depth + 1)
        case .mappingStart(let name):
            anchor = name
            result = try mapping(from: event.position, depth: depth + 1)
        case .scalar(let scalar, let name):
            anchor = name
            result = (YAMLNode(.scalar(scalar), at: event.position), 0)
        default: throw YAMLError("a value is missing", at: event.position)
        }
        if let anchor {
            anchors[anchor] = Anchored(node: result.node, nodeCount: nodeCount - countBefore, height: result.height)
        }
        return result
    }

    private mutating func repeated(
        _ name: String, at position: YAMLPosition, depth: Int
    ) throws(YAMLError) -> (node: YAMLNode, height: Int) {
        guard let anchored = anchors[name] else {
            throw YAMLError("no finished value before this alias has the anchor \"\(name)\"", at: position)
        }
        try count(anchored.nodeCount, at: position)
        try checkDepth(depth + anchored.height, at: position)
        return (anchored.node, anchored.height)
    }

    private mutating func sequence(from start: YAMLPosition, depth: Int) throws(YAMLError) -> (node: YAMLNode, height: Int) {
        try checkDepth(depth, at: start)
        var elements: [YAMLNode] = []
        var height = 1
        while true {
            let event = try events.next()
            if case .sequenceEnd = event.kind { return (YAMLNode(.sequence(elements), at: start), height) }
            let element = try node(event, depth: depth)
            elements.append(element.node)
            height = max(height, element.height + 1)
        }
    }

    private mutating func mapping(from start: YAMLPosition, depth: Int) throws(YAMLError) -> (node: YAMLNode, height: Int) {
        try checkDepth(depth, at: start)
        var entries: [YAMLEntry] = []
        var keys: Set<String> = []
        var merges: [YAMLNode] = []
        var height = 1
        while true {
            let event = try events.next()
            if case .mappingEnd = event.kind { break }
            let key = try key(event, depth: depth)
            let value = try node(try events.next(), depth: depth)
            height = max(height, value.height + 1)
            if key.isPlain && key.text == "<<" {
                merges.append(value.node)
                continue
            }
            guard keys.insert(key.text).inserted else {
                throw YAMLError("the key \"\(key.text)\" stands twice in this mapping", at: event.position)
            }
            entries.append(YAMLEntry(key: key.text, keyPosition: event.position, value: value.node))
        }
        for merge in merges { try add(merge, to: &entries, keys: &keys) }
        return (YAMLNode(.mapping(entries), at: start), height)
    }

    private mutating func key(_ event: YAMLEvent, depth: Int) throws(YAMLError) -> YAMLScalar {
        switch event.kind {
        case .scalar, .alias:
            if let scalar = try node(event, depth: depth).node.scalar { return scalar }
            fallthrough
        default: throw YAMLError("a key must be a scalar", at: event.position)
        }
    }

    /// Adds the entries of `<<: *mapping` or `<<: [*first, *second]`; earlier ones win.
    private func add(_ merge: YAMLNode, to entries: inout [YAMLEntry], keys: inout Set<String>) throws(YAMLError) {
        for mapping in merge.sequence ?? [merge] {
            guard let merged = mapping.mapping else {
                throw YAMLError("a merge key takes a mapping or a sequence of mappings", at: mapping.position)
            }
            for entry in merged where keys.insert(entry.key).inserted { entries.append(entry) }
        }
    }

    private mutating func count(_ added: Int, at position: YAMLPosition) throws(YAMLError) {
        nodeCount += added
        guard nodeCount <= limits.nodesMax else {
            throw YAMLError("more than \(limits.nodesMax) values, aliases replaced", at: position)
        }
    }

    private func checkDepth(_ depth: Int, at position: YAMLPosition) throws(YAMLError) {
        guard depth <= limits.depthMax else {
            throw YAMLError("nested deeper than \(limits.depthMax) levels", at: position)
        }
    }
}
