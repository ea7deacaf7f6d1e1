/// The maxima of TLS, each with the reason for its value.
enum TLSLimits {
    /// Records taken by one receive: as much as goes in clear by one.
    static let receiveBytesMax = 128 * 1024
    /// Plain bytes encrypted before they are sent: what the socket does not take is kept encrypted.
    static let sendBytesMax = 128 * 1024
    /// Bytes sent by the kernel's TLS before it is asked whether the socket is full: a fraction of the smallest room that
    /// counts as writable.
    static let sentUnaskedMax = 8 * 1024
    /// Encrypted bytes a connection keeps for a peer that does not read while it makes us answer (key updates, alerts).
    static let blockedOutputBytesMax = 512 * 1024
}
