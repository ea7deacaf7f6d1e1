#pragma once
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

// What is a macro in OpenSSL's headers, under its name in small letters.
static inline void copenssl_set_connection_mode(SSL *ssl, long mode) { SSL_set_mode(ssl, mode); }
static inline void copenssl_set_mode(SSL_CTX *context, long mode) { SSL_CTX_set_mode(context, mode); }
/// Renegotiation lets a client make us work, and mixes identities; our order of ciphers counts, but a client without AES in
/// hardware gets what it asks for.
static inline void copenssl_set_server_options(SSL_CTX *context) {
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
}
/// Has keys for sending offered to the kernel, by the controls below, which OpenSSL keeps in an internal header. 0 if OpenSSL
/// was built without.
#if defined(OPENSSL_NO_KTLS) || !defined(SSL_OP_ENABLE_KTLS)
static inline int copenssl_has_ktls(void) { return 0; }
static inline void copenssl_enable_ktls(SSL_CTX *context) { (void)context; }
#else
static inline int copenssl_has_ktls(void) { return 1; }
static inline void copenssl_enable_ktls(SSL_CTX *context) { SSL_CTX_set_options(context, SSL_OP_ENABLE_KTLS); }
#endif
/// What OpenSSL asks a BIO besides BIO_CTRL_GET_KTLS_SEND: whether its socket encrypts from here on (not 0 for what is sent, and
/// the kernel's structure), and that the next bytes are a record of a type other than application data.
enum { COPENSSL_CTRL_SET_KTLS = 72, COPENSSL_CTRL_SET_RECORD_TYPE = 74 };
static inline int copenssl_set_min_version(SSL_CTX *context, int version) {
    return (int)SSL_CTX_set_min_proto_version(context, version);
}
static inline void copenssl_set_session_cache_mode(SSL_CTX *context, long mode) {
    SSL_CTX_set_session_cache_mode(context, mode);
}
static inline int copenssl_set_groups(SSL_CTX *context, const char *names) {
    return (int)SSL_CTX_set1_groups_list(context, names);
}
static inline int copenssl_add_chain_certificate(SSL_CTX *context, X509 *certificate) {
    return (int)SSL_CTX_add1_chain_cert(context, certificate);
}
static inline int copenssl_add_chain_certificate_to(SSL *ssl, X509 *certificate) {
    return (int)SSL_add1_chain_cert(ssl, certificate);
}
static inline int copenssl_count_names(const STACK_OF(X509_NAME) *names) { return sk_X509_NAME_num(names); }
static inline int copenssl_contains_name(const STACK_OF(X509_NAME) *names, const X509_NAME *name) {
    for (int i = 0; i < sk_X509_NAME_num(names); i++)
        if (X509_NAME_cmp(sk_X509_NAME_value(names, i), name) == 0) return 1;
    return 0;
}
static inline void copenssl_set_servername_callback(SSL_CTX *context, int (*callback)(SSL *, int *, void *), void *argument) {
    SSL_CTX_set_tlsext_servername_callback(context, callback);
    SSL_CTX_set_tlsext_servername_arg(context, argument);
}
static inline void copenssl_set_ticket_callback(
    SSL_CTX *context, int (*callback)(SSL *, unsigned char *, unsigned char *, EVP_CIPHER_CTX *, EVP_MAC_CTX *, int)) {
    SSL_CTX_set_tlsext_ticket_key_evp_cb(context, callback);
}
static inline void copenssl_set_status_callback(SSL_CTX *context, int (*callback)(SSL *, void *), void *argument) {
    SSL_CTX_set_tlsext_status_cb(context, callback);
    SSL_CTX_set_tlsext_status_arg(context, argument);
}
/// The answer belongs to the connection from here on, and must come from OPENSSL_malloc.
static inline void copenssl_set_status_response(SSL *ssl, unsigned char *bytes, long count) {
    SSL_set_tlsext_status_ocsp_resp(ssl, bytes, count);
}
static inline int copenssl_set_host_name(SSL *ssl, const char *name) { return (int)SSL_set_tlsext_host_name(ssl, name); }
static inline int copenssl_ctx_set_ex_data(SSL_CTX *context, void *value) { return SSL_CTX_set_ex_data(context, 0, value); }
static inline void *copenssl_ctx_get_ex_data(SSL_CTX *context) { return SSL_CTX_get_ex_data(context, 0); }
static inline void copenssl_set_retry_read(BIO *bio) { BIO_set_retry_read(bio); }
static inline void copenssl_clear_retry(BIO *bio) { BIO_clear_retry_flags(bio); }
static inline int copenssl_error_reason(unsigned long code) { return ERR_GET_REASON(code); }
static inline int copenssl_name_count(const GENERAL_NAMES *names) { return sk_GENERAL_NAME_num(names); }
/// The bytes of a DNS name among the alternative names; NULL for one of another kind.
static inline const unsigned char *copenssl_dns_name(const GENERAL_NAMES *names, int index, int *count) {
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, index);
    if (name->type != GEN_DNS) return NULL;
    *count = ASN1_STRING_length(name->d.dNSName);
    return ASN1_STRING_get0_data(name->d.dNSName);
}
static inline void copenssl_free(void *memory) { OPENSSL_free(memory); }
static inline void *copenssl_copy(const void *bytes, size_t count) { return OPENSSL_memdup(bytes, count); }
/// Of an EVP_MAC context: HMAC-SHA-256 under this key.
static inline int copenssl_mac_init(EVP_MAC_CTX *mac, unsigned char *key, size_t count) {
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string("key", key, count), OSSL_PARAM_construct_utf8_string("digest", "SHA256", 0),
        OSSL_PARAM_construct_end()};
    return EVP_MAC_CTX_set_params(mac, parameters);
}
/// A callback for keys under a passphrase that gives none, instead of asking whoever sits before the terminal.
static inline int copenssl_no_passphrase(char *buffer, int size, int writing, void *argument) {
    (void)buffer, (void)size, (void)writing, (void)argument;
    return -1;
}
static inline EVP_PKEY *copenssl_read_key(BIO *bio) { return PEM_read_bio_PrivateKey(bio, NULL, copenssl_no_passphrase, NULL); }
static inline X509 *copenssl_read_certificate(BIO *bio) { return PEM_read_bio_X509_AUX(bio, NULL, copenssl_no_passphrase, NULL); }
/// An alternative name's bytes and kind: GEN_DNS, GEN_URI, GEN_IPADD; NULL for other kinds.
static inline const unsigned char *copenssl_alternative_name(const GENERAL_NAMES *names, int index, int *kind, int *count) {
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, index);
    *kind = name->type;
    if (name->type != GEN_DNS && name->type != GEN_URI && name->type != GEN_IPADD) return NULL;
    *count = ASN1_STRING_length(name->d.ia5);
    return ASN1_STRING_get0_data(name->d.ia5);
}
/// Verifies a client's certificate, the first one, with the help of the others. Returns an X509_V_ code.
static inline int copenssl_verify_client(X509_STORE *store, X509 *const *certificates, int count) {
    STACK_OF(X509) *others = sk_X509_new_null();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    int result = X509_V_ERR_OUT_OF_MEM;
    for (int i = 1; others && i < count; i++) sk_X509_push(others, certificates[i]);
    if (others && context && X509_STORE_CTX_init(context, store, certificates[0], others) == 1 &&
        X509_STORE_CTX_set_default(context, "ssl_client") == 1) {
        int verified = X509_verify_cert(context);
        result = X509_STORE_CTX_get_error(context);
        if (verified != 1 && result == X509_V_OK) result = X509_V_ERR_UNSPECIFIED;
    }
    X509_STORE_CTX_free(context);
    sk_X509_free(others);
    return result;
}
static inline int copenssl_count_certificates(const STACK_OF(X509) *certificates) { return certificates ? sk_X509_num(certificates) : 0; }
static inline X509 *copenssl_certificate_at(const STACK_OF(X509) *certificates, int index) { return sk_X509_value(certificates, index); }
/// Sessions that are given to clients keep what `make` adds to them.
static inline void copenssl_set_ticket_maker(SSL_CTX *context, int (*make)(SSL *, void *)) {
    SSL_CTX_set_session_ticket_cb(context, make, NULL, NULL);
}
