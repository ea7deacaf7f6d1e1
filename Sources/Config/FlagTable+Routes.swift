extension FlagTable {
    static let sources: [Flag] = [
        .strings("routes-file", \.routes.routesFile, "route files in Eskip; changes are noticed at once"),
        .strings("routes-urls", \.routes.routesURLs, "URLs of route documents, asked again every -source-poll-timeout"),
        .string("inline-routes", \.routes.inlineRoutes, "routes in Eskip"),
        .string("forward-backend-url", \.routes.forwardBackendURL, "the upstream of <forward> backends"),
        .milliseconds("source-poll-timeout", \.routes.sourcePollTimeout, "milliseconds between two looks at sources that do not tell of changes"),
        .bool("wait-first-route-load", \.routes.waitFirstRouteLoad, "listen only when every source was loaded"),
        .choices("ensure-dataclients", \.routes.ensureDataclients, "sources that must be configured, or the start fails"),
        .bool("suppress-route-update-logs", \.routes.suppressRouteUpdateLogs, "do not log each changed route"),
        .strings("etcd-urls", \.etcd.urls, "etcd servers that hold routes", .notYet),
        .string("etcd-prefix", \.etcd.prefix, "where routes stand in etcd", .notYet),
        .duration("etcd-timeout", \.etcd.timeout, "for one request to etcd", .notYet),
        .bool("etcd-insecure", \.etcd.insecure, "do not verify the certificate of etcd", .notYet),
        .string("etcd-oauth-token", \.etcd.oauthToken, "bearer token for etcd", .notYet),
        .string("etcd-username", \.etcd.username, "user name for etcd", .notYet),
        .string("etcd-password", \.etcd.password, "password for etcd", .notYet),
        .unused("route-server-filters", .list([]), "filters of the route server's own route",
            .ignored(instead: "-default-filters-append where the routes are served"), accumulates: true),
    ]

    static let routes: [Flag] = [
        .strings("default-filters-prepend", \.routes.defaultFiltersPrepend, "filters in front of every route's own", accumulates: true),
        .strings("default-filters-append", \.routes.defaultFiltersAppend, "filters after every route's own", accumulates: true),
        .string("default-filters-dir", \.routes.defaultFiltersDir, "folder with filters for services, one file each", .notYet),
        .strings("disabled-filters", \.routes.disabledFilters, "filters that routes must not use"),
        .edits("edit-route", \.routes.editRoute, "/regexp/replacement/ applied to the printed predicates and filters of every route"),
        .edits("clone-route", \.routes.cloneRoute, "the same, but the changed route is added to the original as clone_<id>"),
        .bool("ignore-trailing-slash", \.routes.ignoreTrailingSlash, "match paths with and without a slash at their end alike"),
        .bool("rfc-patch-path", \.routes.rfcPatchPath, "keep reserved characters of the path encoded while matching (RFC 3986 §2.2)"),
        .bool("reverse-source-predicate", \.routes.reverseSourcePredicate,
            "the Kubernetes health routes look at the last address of X-Forwarded-For, which an ALB sets", .notYet),
        .int("max-loopbacks", \.routes.maxLoopbacks, "how often <loopback> may route one request again; 0 means 9, -1 never"),
        .int("default-http-status", \.routes.defaultHTTPStatus, "answer to a request that no route matches; 404 if not within 200 to 511"),
        .int("max-audit-body", \.routes.maxAuditBody, in: 0...(.max), "bytes of a body that auditLog logs"),
        .int("max-matcher-buffer-size", \.routes.maxMatcherBufferSize, in: 1...(.max), "bytes that blockContent looks at together",
            .alwaysOn("texts are found in bodies of any size, and nothing is buffered")),
        .choices("compress-encodings", \.routes.compressEncodings, "encodings of compress, the preferred one first"),
    ]

    static let protection: [Flag] = [
        .unused("enable-ratelimits", .bool, default: "false", "allow rate limit filters", .notYet),
        .unused("enable-breakers", .bool, default: "false", "allow circuit breakers", .notYet),
        .records("ratelimits", \.protection.ratelimits, keys: RatelimitSettings.keys,
            "a limit before routing: type=\(RatelimitSettings.Kind.allCases.map(\.rawValue).joined(separator: "|"))", .notYet) {
            RatelimitSettings(&$0)
        },
        .records("breaker", \.protection.breaker, keys: BreakerSettings.keys,
            "a breaker for all hosts, or for one with host=: type=\(BreakerSettings.Kind.allCases.map(\.rawValue).joined(separator: "|"))",
            .notYet) {
            BreakerSettings(&$0)
        },
        .int("cluster-ratelimit-max-group-shards", \.protection.clusterRatelimitMaxGroupShards, in: 1...(.max),
            "parts into which the counters of a group are split", .notYet),
    ]

    static let scripting: [Flag] = [
        .bool("enable-lua", \.scripting.enableLua, "allow the filter lua", .notYet),
        .strings("lua-modules", \.scripting.luaModules, "modules that scripts may use, as module or module.symbol", .notYet),
        .choices("lua-sources", \.scripting.luaSources, "where scripts may stand", .notYet),
        .unused("plugindir", .string, "folder of Go plugins", noPlugins),
        .unused("filter-plugin", .list([]), "a filter as Go plugin", noPlugins, accumulates: true),
        .unused("predicate-plugin", .list([]), "a predicate as Go plugin", noPlugins, accumulates: true),
        .unused("dataclient-plugin", .list([]), "a route source as Go plugin", noPlugins, accumulates: true),
        .unused("multi-plugin", .list([]), "several of them as Go plugin", noPlugins, accumulates: true),
    ]

    private static let noPlugins = FlagStatus.ignored(
        instead: "a built-in filter or the filter lua; Go plugins cannot be loaded. For a route source, -routes-urls")
}
