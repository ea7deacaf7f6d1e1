// What stands around the proxy: the cluster it serves, the peers it shares counters with.
extension Configuration {
    public struct Kubernetes: Sendable, Equatable {
        public var enabled = false
        public var inCluster = false
        /// Empty means `http://localhost:8001` outside a cluster.
        public var url = ""
        public var tokenFile = ""
        public var namespace = ""
        public var pathMode = KubernetesPathMode.kubernetesIngress
        /// Regular expressions, unanchored; empty means `skipper`.
        public var ingressClass = ""
        public var routegroupClass = ""
        public var healthcheck = true
        /// As text, for the predicate `Source`.
        public var whitelistedHealthcheckCIDR: [String] = []
        public var httpsRedirect = true
        public var httpsRedirectCode = 308
        public var disableCatchallRoutes = false
        public var enableEndpointslices = false
        public var enableTLS = false
        public var topologyZone = ""
        public var forceService = false
        public var statusFromService = ""
        public var defaultLBAlgorithm = LBAlgorithm.roundRobin
        public var backendTrafficAlgorithm = BackendTrafficAlgorithm.trafficPredicate
        public var applicationAnnotationLabel = ""
        public var annotationPredicates: [AnnotationRule] = []
        public var annotationFiltersAppend: [AnnotationRule] = []
        public var eastWest = EastWest()
        public var enableExternalNames = false
        public var externalNamePreserveHost = false
        public var onlyAllowedExternalNames = false
        /// Regular expressions.
        public var allowedExternalName: [String] = []
        public var redisServiceNamespace = ""
        public var redisServiceName = ""
        public var redisServicePort = 6379
        public var valkeyServiceNamespace = ""
        public var valkeyServiceName = ""
        public var valkeyServicePort = 6379
        public var validationWebhook = ValidationWebhook()
        public init() {}
    }

    public struct EastWest: Sendable, Equatable {
        public var enabled = false
        public var domain = ""
        public var rangeDomains: [String] = []
        public var rangePredicates = ""
        public var rangeAnnotationPredicates: [AnnotationRule] = []
        public var rangeAnnotationFiltersAppend: [AnnotationRule] = []
        public init() {}
    }

    public struct ValidationWebhook: Sendable, Equatable {
        public var enabled = false
        public var address = ListenAddress(host: "", port: 9000)
        public var certFile = ""
        public var keyFile = ""
        public var enableAdvancedValidation = false
        public init() {}
    }

    /// Counters shared between instances: Valkey before Redis before peers of their own (SWIM).
    public struct Swarm: Sendable, Equatable {
        public var enabled = false
        public var redis = Redis()
        public var valkey = Valkey()
        public var namespace = "kube-system"
        public var labelSelectorKey = "application"
        public var labelSelectorValue = "skipper-ingress"
        public var port = 9990
        public var maxMsgBuffer = 4 << 20
        public var leaveTimeout = Duration.seconds(5)
        public var staticSelf = ""
        public var staticOther: [String] = []
        public init() {}
    }

    public struct Redis: Sendable, Equatable {
        public var urls: [String] = []
        /// From the file or the environment only, so that it stands in no list of processes.
        public var username = ""
        public var password = ""
        public var hashAlgorithm = RedisHashAlgorithm.none
        public var dialTimeout = Duration.milliseconds(25)
        public var readTimeout = Duration.milliseconds(25)
        public var writeTimeout = Duration.milliseconds(25)
        public var poolTimeout = Duration.milliseconds(25)
        public var minConns = 100
        public var maxConns = 100
        public var remote = ""
        public var updateInterval = Duration.seconds(10)
        public var heartbeatFrequency = Duration.milliseconds(500)
        public init() {}
    }

    public struct Valkey: Sendable, Equatable {
        public var urls: [String] = []
        /// From the file or the environment only, as the password.
        public var username = ""
        public var password = ""
        public var remote = ""
        public var connLifetime = Duration.seconds(60)
        public var connTimeout = Duration.milliseconds(25)
        public var dialTimeout = Duration.milliseconds(25)
        public var keepalive = Duration.seconds(1)
        public var updateInterval = Duration.seconds(10)
        public init() {}
    }

    public struct Etcd: Sendable, Equatable {
        public var urls: [String] = []
        public var prefix = "/skipper"
        public var timeout = Duration.seconds(1)
        public var insecure = false
        public var oauthToken = ""
        public var username = ""
        public var password = ""
        public init() {}
    }
}
