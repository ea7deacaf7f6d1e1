/// Filters for content codings.
public enum CompressionFilters {
    public static let specs: [FilterSpec] = [
        FilterSpec("compress") { (arguments, environment) throws(FilterArgumentError) in
            .filter(try CompressFilter(try ArgumentReader(arguments, "([level], [media type…])", 0...), environment))
        },
        FilterSpec("decompress", "(…)", 0...) { _ in DecompressFilter() },
    ]
}
