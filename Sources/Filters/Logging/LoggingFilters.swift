/// Filters that decide what is logged, filters.md §12.
public enum LoggingFilters {
    public static var specs: [FilterSpec] {
        [
            FilterSpec("enableAccessLog", "([status prefix, …])", 0...) { (reader) throws(FilterArgumentError) in
                let prefixes = try reader.statusPrefixes()
                return AccessLogging(prefixes.isEmpty ? .always : .onlyStatuses(prefixes))
            },
            FilterSpec("disableAccessLog", "([status prefix, …])", 0...) { (reader) throws(FilterArgumentError) in
                let prefixes = try reader.statusPrefixes()
                return AccessLogging(prefixes.isEmpty ? .never : .exceptStatuses(prefixes))
            },
            FilterSpec("accessLogDisabled", "(\"true\"|\"false\")", 1) { (reader) throws(FilterArgumentError) in
                AccessLogging(try reader.flag(0) ? .never : .always)
            },
            FilterSpec("maskAccessLogQuery", "(parameter, …)", 1..., MaskAccessLogQuery.init),
            FilterSpec("unverifiedAuditLog", "([claim, …])", 0..., UnverifiedAudit.init),
            FilterSpec("auditLog") { (arguments, environment) throws(FilterArgumentError) in
                _ = try ArgumentReader(arguments, "()", 0)
                return .filter(AuditLog(bodyBytesMax: environment.auditBodyBytesMax))
            },
            FilterSpec("logHeader", "([\"request\"|\"response\", …])", 0..., LogHeader.init),
            FilterSpec("logBody", "(\"request\"|\"response\", limit)", 2, LogBody.init),
        ]
    }
}

extension ArgumentReader {
    /// Leading digits of statuses: 4 for 400…499, 40 for 400…409, 404 for itself.
    fileprivate func statusPrefixes() throws(FilterArgumentError) -> [Int] {
        var prefixes: [Int] = []
        for position in 0..<count { prefixes.append(try integer(position)) }
        return prefixes
    }
}
