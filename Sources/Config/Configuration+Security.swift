// Encryption, and who may pass.
extension Configuration {
    /// Certificates of the listeners and towards upstreams.
    public struct TLS: Sendable, Equatable {
        /// Paired by position with `key`.
        public var cert: [String] = []
        public var key: [String] = []
        public var minVersion = TLSVersion.tls12
        public var clientAuth = TLSClientAuth.noClientCert
        public var clientCA = ""
        /// Paired by position with `cert`; may be shorter.
        public var ocsp: [String] = []
        public var keyLogFile = ""
        public var excludeInsecureCipherSuites = false
        public var enableKTLS = true
        /// Paired by position with `clientKey`.
        public var clientCert: [String] = []
        public var clientKey: [String] = []
        public var clientCertRefreshInterval = Duration.zero
        public var enableMTLS = false
        public var mtlsAuthnCA = ""
        public var mtlsAuthnAppendCA = false
        public init() {}
    }

    /// What the authentication filters share.
    public struct Auth: Sendable, Equatable {
        public var webhookTimeout = Duration.seconds(2)
        public var credentialsPaths: [String] = []
        public var credentialsUpdateInterval = Duration.seconds(600)
        public var oidcSecretsFile = ""
        /// From the environment only; the secret likewise.
        public var oidcClientID = ""
        public var oidcClientSecret = ""
        public var oidcCookieValidity = Duration.seconds(3600)
        public var oidcDistributedClaimsTimeout = Duration.seconds(2)
        public var oidcCookieRemoveSubdomains = 1
        public init() {}
    }

    public struct OAuth2: Sendable, Equatable {
        public var enableGrantFlow = false
        public var authURL = ""
        public var tokenURL = ""
        public var revokeTokenURL = ""
        public var tokeninfoURL = ""
        public var secretFile = ""
        public var clientID = ""
        public var clientSecret = ""
        public var clientIDFile = ""
        public var clientSecretFile = ""
        public var callbackPath = ""
        public var tokeninfoTimeout = Duration.seconds(2)
        public var tokeninfoCacheSize = 0
        public var tokeninfoCacheTTL = Duration.zero
        public var tokenintrospectTimeout = Duration.seconds(2)
        /// Added to the query of the authorization URL.
        public var authURLParameters: [RecordField] = []
        public var accessTokenHeaderName = ""
        public var tokeninfoSubjectKey = "uid"
        public var grantTokeninfoKeys: [String] = []
        public var tokenCookieName = "oauth2-grant"
        public var tokenCookieRemoveSubdomains = 1
        public var grantInsecure = false
        public init() {}
    }

    public struct OpenPolicyAgent: Sendable, Equatable {
        public var enabled = false
        public var customControlLoop = false
        public var preloading = false
        public var asyncDecisionLogging = false
        public var controlLoopInterval = Duration.seconds(60)
        public var controlLoopMaxJitter = Duration.seconds(1)
        public var dataPreprocessingOptimization = false
        public var printTracing = false
        public var configTemplate = ""
        public var envoyMetadata = ""
        public var cleanerInterval = Duration.seconds(10)
        public var startupTimeout = Duration.seconds(30)
        public var maxRequestBodySize = 1 << 20
        public var requestBodyBufferSize = 8192
        public var maxMemoryBodyParsing = 100 << 20
        public init() {}
    }

    public struct Scripting: Sendable, Equatable {
        public var enableLua = false
        public var luaModules: [String] = []
        public var luaSources: [LuaSource] = []
        public init() {}
    }
}
