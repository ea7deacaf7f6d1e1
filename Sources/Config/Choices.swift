// Flags that take one word of a few. The raw value is the word on the command line.

/// The grades of the application log, Skipper's seven.
public enum LogLevel: String, CaseIterable, Sendable {
    case trace = "TRACE", debug = "DEBUG", info = "INFO", warning = "WARN", error = "ERROR", fatal = "FATAL", panic = "PANIC"
}

/// In which format metrics are shown, or whose way they are counted.
public enum MetricsFlavour: String, CaseIterable, Sendable {
    case codahale, prometheus, otel
}

/// Encodings that the filter `compress` may choose.
public enum CompressEncoding: String, CaseIterable, Sendable {
    case gzip, deflate, br, zstd
}

/// What `-ensure-dataclients` may name: a source that must be configured, or the start fails.
public enum RouteSource: String, CaseIterable, Sendable {
    case etcd
    case routesFile = "eskipfile-watch"
    case routesURLs = "eskipfile-remote"
    case inline
    case kubernetes
}

/// A version of TLS, as `-tls-min-version` names it.
public enum TLSVersion: String, CaseIterable, Sendable {
    case tls10 = "1.0", tls11 = "1.1", tls12 = "1.2", tls13 = "1.3"
}

/// Whether clients are asked for certificates, and which are accepted.
public enum TLSClientAuth: String, CaseIterable, Sendable {
    case noClientCert = "NoClientCert"
    case requestClientCert = "RequestClientCert"
    case requireAnyClientCert = "RequireAnyClientCert"
    case verifyClientCertIfGiven = "VerifyClientCertIfGiven"
    case requireAndVerifyClientCert = "RequireAndVerifyClientCert"
}

/// How an Ingress path without a type of its own is read.
public enum KubernetesPathMode: String, CaseIterable, Sendable {
    case kubernetesIngress = "kubernetes-ingress"
    case pathRegexp = "path-regexp"
    case pathPrefix = "path-prefix"
}

/// How weighted backends become predicates.
public enum BackendTrafficAlgorithm: String, CaseIterable, Sendable {
    case trafficPredicate = "traffic-predicate"
    case trafficSegmentPredicate = "traffic-segment-predicate"
}

/// How a member of a load-balanced backend is chosen.
public enum LBAlgorithm: String, CaseIterable, Sendable {
    case roundRobin, random, consistentHash, powerOfRandomNChoices, weightedRoundRobin, leastRequests
}

/// How keys are spread over several Redis instances.
public enum RedisHashAlgorithm: String, CaseIterable, Sendable {
    /// Left to the client.
    case none = ""
    case jump, mpchash, rendezvous, rendezvousVnodes
}

/// Where the source of a script may stand.
public enum LuaSource: String, CaseIterable, Sendable {
    case file, inline, none
}
