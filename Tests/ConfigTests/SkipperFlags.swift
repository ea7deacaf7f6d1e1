/// Skipper's flags at revision 527238d1: name, type and default; `list` is also any structure.
let skipperFlags: [(name: String, type: String, standard: String)] = """
    config-file string
    address string :9090
    insecure-address string
    enable-tcp-queue bool false
    expected-bytes-per-request int 51200
    max-tcp-listener-concurrency int 0
    max-tcp-listener-queue int 0
    enable-copy-stream-pool bool false
    ignore-trailing-slash bool false
    insecure bool false
    proxy-preserve-host bool false
    dev-mode bool false
    support-listener string :9911
    debug-listener string
    tls-cert string
    tls-key string
    status-checks list
    version bool false
    max-loopbacks int 9
    default-http-status int 404
    plugindir string
    lb-healthcheck-interval duration 0
    reverse-source-predicate bool false
    remove-hop-headers bool false
    rfc-patch-path bool false
    max-audit-body int 1024
    max-matcher-buffer-size int 2097152
    enable-breakers bool false
    breaker list
    enable-ratelimits bool false
    ratelimits list
    enable-route-fifo-metrics bool false
    enable-route-lifo-metrics bool false
    metrics-flavour list codahale
    disable-metrics-compression bool false
    enable-prometheus-native-histograms bool false
    prometheus-native-histogram-bucket-factor float 1.1
    filter-plugin list
    predicate-plugin list
    dataclient-plugin list
    multi-plugin list
    compress-encodings list gzip,deflate,br,zstd
    enable-prometheus-metrics bool false
    opentracing string noop
    opentracing-initial-span string ingress
    opentracing-excluded-proxy-tags string
    opentracing-disable-filter-spans bool false
    opentracing-log-filter-lifecycle-events bool true
    opentracing-log-stream-events bool true
    opentracing-client-trace-by-tag bool false
    opentracing-backend-name-tag bool false
    metrics-listener string :9911
    metrics-prefix string skipper.
    enable-profile bool false
    block-profile-rate int 0
    mutex-profile-fraction int 0
    memory-profile-rate int 0
    enable-prometheus-start-label bool false
    debug-gc-metrics bool false
    runtime-metrics bool true
    serve-route-metrics bool false
    serve-route-counter bool false
    serve-host-metrics bool false
    serve-host-counter bool false
    serve-method-metric bool true
    serve-status-code-metric bool true
    backend-host-metrics bool false
    backend-zone-metrics bool false
    proxy-request-metrics bool false
    proxy-response-metrics bool false
    all-filters-metrics bool false
    combined-response-metrics bool false
    route-response-metrics bool false
    route-backend-error-counters bool false
    route-stream-error-counters bool false
    route-backend-metrics bool false
    route-creation-metrics bool false
    metrics-exp-decay-sample bool false
    histogram-metric-buckets string
    response-size-buckets string
    request-size-buckets string
    disable-metrics-compat bool false
    application-log string
    application-log-level string INFO
    application-log-prefix string [APP]
    application-log-json-enabled bool false
    access-log string
    access-log-disabled bool false
    access-log-json-enabled bool false
    access-log-strip-query bool false
    suppress-route-update-logs bool false
    open-telemetry list
    etcd-urls string
    etcd-prefix string /skipper
    etcd-timeout duration 1s
    etcd-insecure bool false
    etcd-oauth-token string
    etcd-username string
    etcd-password string
    routes-file string
    routes-urls list
    inline-routes string
    forward-backend-url string
    source-poll-timeout int 3000
    default-filters-append list
    default-filters-prepend list
    disabled-filters list
    edit-route list
    clone-route list
    wait-first-route-load bool false
    ensure-dataclients list
    forwarded-headers list
    forwarded-headers-exclude-cidrs list
    normalize-host bool false
    validate-query bool true
    validate-query-log bool true
    max-content-length int 0
    refuse-payload list
    kubernetes bool false
    kubernetes-in-cluster bool false
    kubernetes-url string
    kubernetes-token-file string
    kubernetes-healthcheck bool true
    kubernetes-https-redirect bool true
    kubernetes-https-redirect-code int 308
    kubernetes-disable-catchall-routes bool false
    kubernetes-ingress-class string
    kubernetes-routegroup-class string
    whitelisted-healthcheck-cidr string
    kubernetes-path-mode string kubernetes-ingress
    kubernetes-namespace string
    enable-kubernetes-endpointslices bool false
    kubernetes-topology-zone string
    enable-kubernetes-east-west bool false
    kubernetes-east-west-domain string
    kubernetes-east-west-range-domains list
    kubernetes-east-west-range-predicates string
    kubernetes-annotation-predicates list
    kubernetes-annotation-filters-append list
    kubernetes-application-annotation-label string
    kubernetes-east-west-range-annotation-predicates list
    kubernetes-east-west-range-annotation-filters-append list
    enable-kubernetes-external-names bool false
    kubernetes-external-name-preserve-host bool false
    kubernetes-only-allowed-external-names bool false
    kubernetes-allowed-external-name list
    kubernetes-redis-service-namespace string
    kubernetes-redis-service-name string
    kubernetes-redis-service-port int 6379
    kubernetes-valkey-service-namespace string
    kubernetes-valkey-service-name string
    kubernetes-valkey-service-port int 6379
    kubernetes-backend-traffic-algorithm string traffic-predicate
    kubernetes-default-lb-algorithm string roundRobin
    kubernetes-force-service bool false
    kubernetes-status-from-service string
    enable-oauth2-grant-flow bool false
    oauth2-auth-url string
    oauth2-token-url string
    oauth2-revoke-token-url string
    oauth2-tokeninfo-url string
    oauth2-secret-file string
    oauth2-client-id string
    oauth2-client-secret string
    oauth2-client-id-file string
    oauth2-client-secret-file string
    oauth2-callback-path string
    oauth2-tokeninfo-timeout duration 2s
    oauth2-tokeninfo-cache-size int 0
    oauth2-tokeninfo-cache-ttl duration 0
    oauth2-tokenintrospect-timeout duration 2s
    oauth2-auth-url-parameters list
    oauth2-access-token-header-name string
    oauth2-tokeninfo-subject-key string uid
    oauth2-grant-tokeninfo-keys list
    oauth2-token-cookie-name string oauth2-grant
    oauth2-token-cookie-remove-subdomains int 1
    oauth2-grant-insecure bool false
    webhook-timeout duration 2s
    validation-webhook-enabled bool false
    validation-webhook-address string :9000
    validation-webhook-cert-file string
    validation-webhook-key-file string
    enable-advanced-validation bool false
    oidc-secrets-file string
    oidc-cookie-validity duration 1h
    oidc-distributed-claims-timeout duration 2s
    oidc-cookie-remove-subdomains int 1
    credentials-paths list
    credentials-update-interval duration 10m
    enable-open-policy-agent bool false
    enable-open-policy-agent-custom-control-loop bool false
    enable-open-policy-agent-preloading bool false
    enable-open-policy-agent-async-decision-logging bool false
    open-policy-agent-control-loop-interval duration 60s
    open-policy-agent-control-loop-max-jitter duration 1s
    enable-open-policy-agent-data-preprocessing-optimization bool false
    enable-open-policy-agent-print-tracing bool false
    open-policy-agent-config-template string
    open-policy-agent-envoy-metadata string
    open-policy-agent-cleaner-interval duration 10s
    open-policy-agent-startup-timeout duration 30s
    open-policy-agent-max-request-body-size int 1048576
    open-policy-agent-request-body-buffer-size int 8192
    open-policy-agent-max-memory-body-parsing int 104857600
    client-tls-key string
    client-tls-cert string
    client-tls-cert-refresh-interval duration 0
    mtls-authn-ca string
    mtls-authn-append-ca bool false
    enable-mtls bool false
    tls-min-version string 1.2
    tls-client-auth enum
    tls-key-log-file string
    exclude-insecure-cipher-suites bool false
    enable-api-usage-monitoring bool false
    api-usage-monitoring-realm-keys string
    api-usage-monitoring-client-keys string sub
    api-usage-monitoring-default-client-tracking-pattern string
    api-usage-monitoring-realms-tracking-pattern string services
    route-server-filters list
    default-filters-dir string
    wait-for-healthcheck-interval duration 45s
    idle-conns-num int 64
    close-idle-conns-period duration 20s
    backend-flush-interval duration 20ms
    experimental-upgrade bool false
    experimental-upgrade-audit bool false
    enable-h2c-server bool false
    read-timeout-server duration 5m
    read-header-timeout-server duration 60s
    write-timeout-server duration 60s
    idle-timeout-server duration 60s
    keepalive-server duration 0
    keepalive-requests-server int 0
    max-header-bytes int 1048576
    enable-connection-metrics bool false
    timeout-backend duration 60s
    upgrade-dial-timeout duration 0
    keepalive-backend duration 30s
    enable-dualstack-backend bool true
    tls-timeout-backend duration 60s
    response-header-timeout-backend duration 60s
    expect-continue-timeout-backend duration 30s
    max-idle-connection-backend int 0
    disable-http-keepalives bool false
    kubernetes-enable-tls bool false
    enable-swarm bool false
    swarm-redis-urls list
    swarm-redis-hash-algorithm string
    swarm-redis-dial-timeout duration 25ms
    swarm-redis-read-timeout duration 25ms
    swarm-redis-write-timeout duration 25ms
    swarm-redis-pool-timeout duration 25ms
    swarm-redis-min-conns int 100
    swarm-redis-max-conns int 100
    swarm-redis-remote string
    swarm-redis-update-interval duration 10s
    swarm-redis-heartbeat-frequency duration 500ms
    swarm-valkey-urls list
    swarm-valkey-remote string
    swarm-valkey-conn-lifetime duration 1m
    swarm-valkey-conn-timeout duration 25ms
    swarm-valkey-dial-timeout duration 25ms
    swarm-valkey-keepalive duration 1s
    swarm-valkey-update-interval duration 10s
    swarm-namespace string kube-system
    swarm-label-selector-key string application
    swarm-label-selector-value string skipper-ingress
    swarm-port int 9990
    swarm-max-msg-buffer int 4194304
    swarm-leave-timeout duration 5s
    swarm-static-self string
    swarm-static-other string
    cluster-ratelimit-max-group-shards int 1
    enable-lua bool false
    lua-modules list
    lua-sources list
    passive-health-check list
    enable-proxy-protocol bool false
    proxy-allow-cidrs list
    proxy-deny-cidrs list
    proxy-skip-cidrs list
    """.split(separator: "\n").map { line in
        let words = line.split(separator: " ", maxSplits: 2).map(String.init)
        return (words[0], words[1], words.count > 2 ? words[2] : "")
    }
