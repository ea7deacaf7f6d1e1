internal import COpenSSL

/// A certificate's subject or issuer, and its text by RFC 2253.
struct DistinguishedName {
    private struct Attribute {
        /// Dotted numbers.
        let kind: String
        let value: [UInt8]
        /// Which relative name it belongs to; those with several attributes are rare.
        let set: Int32
    }

    private var attributes: [Attribute] = []

    /// Kinds that have a short name, in the order in which Go puts them.
    private static let known: [(kind: String, name: String)] = [
        ("2.5.4.6", "C"), ("2.5.4.10", "O"), ("2.5.4.11", "OU"), ("2.5.4.7", "L"), ("2.5.4.8", "ST"), ("2.5.4.9", "STREET"),
        ("2.5.4.17", "POSTALCODE"), ("2.5.4.3", "CN"), ("2.5.4.5", "SERIALNUMBER"),
    ]

    init(_ name: OpaquePointer?) {
        for index in 0..<X509_NAME_entry_count(name) {
            guard let entry = X509_NAME_get_entry(name, index) else { continue }
            var kind = [CChar](repeating: 0, count: 128)
            OBJ_obj2txt(&kind, Int32(kind.count), X509_NAME_ENTRY_get_object(entry), 1)
            var bytes: UnsafeMutablePointer<UInt8>?
            let count = ASN1_STRING_to_UTF8(&bytes, X509_NAME_ENTRY_get_data(entry))
            guard count >= 0, let bytes else { continue }
            defer { copenssl_free(bytes) }
            attributes.append(Attribute(
                kind: kind.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }, value: Array(UnsafeBufferPointer(start: bytes, count: Int(count))), set: X509_NAME_ENTRY_set(entry)))
        }
    }

    var commonName: String { attributes.last { $0.kind == "2.5.4.3" }.map { String(decoding: $0.value, as: UTF8.self) } ?? "" }

    /// The last attribute first.
    var textAsWritten: String {
        var names: [[Attribute]] = []
        for attribute in attributes {
            if names.last?.last?.set == attribute.set { names[names.count - 1].append(attribute) } else { names.append([attribute]) }
        }
        return text(names)
    }

    /// Those of a kind together, whatever their order in the certificate; kinds without a short name come last.
    var textInFixedOrder: String {
        let others = attributes.filter { attribute in !DistinguishedName.known.contains { $0.kind == attribute.kind } }.map { [$0] }
        let sets = DistinguishedName.known.map { known in attributes.filter { $0.kind == known.kind } }
        return text(others + sets.filter { !$0.isEmpty })
    }

    private func text(_ names: [[Attribute]]) -> String {
        names.reversed().map { $0.map(text).joined(separator: "+") }.joined(separator: ",")
    }

    private func text(_ attribute: Attribute) -> String {
        let name = DistinguishedName.known.first { $0.kind == attribute.kind }?.name ?? attribute.kind
        return name + "=" + escaped(attribute.value)
    }

    /// RFC 2253 §2.4.
    private func escaped(_ value: [UInt8]) -> String {
        var text: [UInt8] = []
        for (index, byte) in value.enumerated() {
            let isAtEnd = index == 0 || index == value.count - 1
            if ",+\"\\<>;".utf8.contains(byte) || byte == UInt8(ascii: " ") && isAtEnd || byte == UInt8(ascii: "#") && index == 0 {
                text.append(UInt8(ascii: "\\"))
            }
            text.append(byte)
        }
        return String(decoding: text, as: UTF8.self)
    }
}
