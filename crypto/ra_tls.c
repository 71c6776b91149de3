#include "ra_tls.h"

#include <string.h>

#include "ra_crypto_internal.h"

#include <wolfssl/error-ssl.h>
#include <wolfssl/internal.h>
#include <wolfssl/ssl.h>
#include <wolfssl/wolfcrypt/rsa.h>

enum state { IDLE, HANDSHAKE, JUDGE, OPEN, CLOSED, FAILED };

#define HEADER 5u       /* of a record: type, version, length */
#define PREFIX 3u       /* of a certificate in `peer`: its length */
#define DIGEST_INFO 19u /* bytes in front of the digest in PKCS #1's DigestInfo, SHA-2 */

_Static_assert(RA_TLS_OUT >= RA_TLS_WRITE_MAX + 64, "a record of ours fits");

static WOLFSSL *ssl_of(const struct ra_tls *t)
{
    return t->ssl;
}

/* --- alerts and errors -------------------------------------------------------------- */

static const struct {
    uint8_t alert;
    ra_err error;
    const char *name;
} alerts[] = {
    {unexpected_message, RA_E_ALERT_UNEXPECTED, "unexpected_message"},
    {bad_record_mac, RA_E_ALERT_MAC, "bad_record_mac"},
    {record_overflow, RA_E_ALERT_OVERFLOW, "record_overflow"},
    {handshake_failure, RA_E_ALERT_HANDSHAKE, "handshake_failure"},
    {bad_certificate, RA_E_ALERT_BAD_CERT, "bad_certificate"},
    {unsupported_certificate, RA_E_ALERT_CERT_TYPE, "unsupported_certificate"},
    {certificate_revoked, RA_E_ALERT_REVOKED, "certificate_revoked"},
    {certificate_expired, RA_E_ALERT_EXPIRED, "certificate_expired"},
    {certificate_unknown, RA_E_ALERT_CERT_UNKNOWN, "certificate_unknown"},
    {illegal_parameter, RA_E_ALERT_PARAMETER, "illegal_parameter"},
    {unknown_ca, RA_E_ALERT_UNKNOWN_CA, "unknown_ca"},
    {access_denied, RA_E_ALERT_ACCESS, "access_denied"},
    {decode_error, RA_E_ALERT_DECODE, "decode_error"},
    {decrypt_error, RA_E_ALERT_DECRYPT, "decrypt_error"},
    {protocol_version, RA_E_ALERT_VERSION, "protocol_version"},
    {insufficient_security, RA_E_ALERT_SECURITY, "insufficient_security"},
    {internal_error, RA_E_ALERT_INTERNAL, "internal_error"},
    {inappropriate_fallback, RA_E_ALERT_FALLBACK, "inappropriate_fallback"},
    {user_canceled, RA_E_ALERT_CANCELED, "user_canceled"},
    {no_renegotiation, RA_E_ALERT_RENEGOTIATION, "no_renegotiation"},
    {missing_extension, RA_E_ALERT_MISSING, "missing_extension"},
    {unsupported_extension, RA_E_ALERT_EXTENSION, "unsupported_extension"},
    {unrecognized_name, RA_E_ALERT_NAME, "unrecognized_name"},
    {bad_certificate_status_response, RA_E_ALERT_STATUS, "bad_certificate_status_response"},
    {unknown_psk_identity, RA_E_ALERT_PSK, "unknown_psk_identity"},
    {certificate_required, RA_E_ALERT_CERT_REQUIRED, "certificate_required"},
    {no_application_protocol, RA_E_ALERT_APPLICATION, "no_application_protocol"},
};

const char *ra_tls_alert_name(uint8_t alert)
{
    for (size_t i = 0; i < sizeof alerts / sizeof alerts[0]; i++) {
        if (alerts[i].alert == alert) {
            return alerts[i].name;
        }
    }
    return "alert";
}

ra_err ra_tls_alert_error(uint8_t alert)
{
    for (size_t i = 0; i < sizeof alerts / sizeof alerts[0]; i++) {
        if (alerts[i].alert == alert) {
            return alerts[i].error;
        }
    }
    return RA_E_ALERT_OTHER;
}

/* What wolfSSL's error number means to an operator. */
static ra_err translate(int error)
{
    switch (error) {
    case SOCKET_PEER_CLOSED_E:
    case SOCKET_ERROR_E:
        return RA_E_TLS_TRUNCATED;
    case VERSION_ERROR:
        return RA_E_TLS_VERSION;
    case MATCH_SUITE_ERROR:
    case UNSUPPORTED_SUITE:
    case ECC_CURVETYPE_ERROR:
    case ECC_CURVE_ERROR:
    case ECC_SHARED_ERROR:
    case BAD_KEY_SHARE_DATA:
    case INVALID_PARAMETER:
        return RA_E_TLS_SUITE;
    case VERIFY_FINISHED_ERROR:
    case VERIFY_MAC_ERROR:
    case DECRYPT_ERROR:
    case AES_GCM_AUTH_E:
        return RA_E_TLS_MAC;
    case VERIFY_SIGN_ERROR:
    case VERIFY_CERT_ERROR:
    case SIG_VERIFY_E:
    case RSA_PAD_E:
    case BAD_PADDING_E:
    case RSA_BUFFER_E:
    case ECC_BAD_ARG_E:
        return RA_E_TLS_SIGNATURE;
    case NO_PEER_CERT:
    case NO_PEER_VERIFY:
    case NO_PEER_KEY:
        return RA_E_TLS_NO_CERT;
    case MAX_CHAIN_ERROR:
    case HANDSHAKE_SIZE_ERROR:
        return RA_E_TLS_CHAIN_SIZE;
    case PEER_KEY_ERROR:
        return RA_E_TLS_WEAK;
    default:
        return RA_E_TLS_PROTOCOL;
    }
}

/* An alert of ours, written while the handshake could not send, goes out now. */
static void flush(struct ra_tls *t)
{
    t->may_send = true;
    (void)SendBuffered(ssl_of(t));
}

static void fail(struct ra_tls *t, ra_err e)
{
    flush(t);
    t->error = e;
    t->state = FAILED;
}

static void fail_wolfssl(struct ra_tls *t, int error)
{
    WOLFSSL_ALERT_HISTORY history;
    (void)wolfSSL_get_alert_history(ssl_of(t), &history);
    if (t->arena.failed) {
        fail(t, RA_E_TLS_MEMORY);
    } else if (t->error != RA_OK) {
        fail(t, t->error);
    } else if (history.last_rx.level == alert_fatal) {
        fail(t, ra_tls_alert_error((uint8_t)history.last_rx.code));
    } else {
        fail(t, translate(error));
    }
}

/* --- bytes, as wolfSSL asks for them --------------------------------------------------- */

/* At most one record a step; `header` tells where it ends. */
static void count_record(struct ra_tls *t, const uint8_t *p, size_t n)
{
    while (n > 0) {
        if (t->record_left > 0) {
            size_t part = n < t->record_left ? n : t->record_left;
            t->record_left -= part;
            p += part;
            n -= part;
            t->record_over = t->record_left == 0;
        } else {
            t->header[t->header_have++] = *p++;
            n--;
            if (t->header_have == HEADER) {
                t->header_have = 0;
                t->record_left = (size_t)t->header[3] << 8 | t->header[4];
            }
        }
    }
}

static int take_in(WOLFSSL *ssl, char *to, int size, void *ctx)
{
    struct ra_tls *t = ctx;
    size_t n = t->in_size - t->in_at;
    (void)ssl;
    if (t->state == JUDGE || t->record_over) {
        return WOLFSSL_CBIO_ERR_WANT_READ;
    }
    if (n == 0) {
        t->starved = true;
        return t->closed_in ? WOLFSSL_CBIO_ERR_CONN_CLOSE : WOLFSSL_CBIO_ERR_WANT_READ;
    }
    n = n < (size_t)size ? n : (size_t)size;
    memcpy(to, t->in + t->in_at, n);
    count_record(t, t->in + t->in_at, n);
    t->in_at += n;
    return (int)n;
}

/* wolfSSL 5.7.2 does not go on rightly with a Certificate message that was interrupted: the pieces
 * of a chain get mixed up (1.3), an empty one is made again and again (1.2). So there is always
 * room for all of it. */
static bool sends_certificate(const WOLFSSL *ssl)
{
    return ssl->options.connectState ==
           (ssl->options.tls1_3 ? FIRST_REPLY_SECOND : FIRST_REPLY_DONE);
}

static int hand_out(WOLFSSL *ssl, char *from, int size, void *ctx)
{
    struct ra_tls *t = ctx;
    size_t n = t->out_cap - t->out_size;
    bool certificate = t->state != FAILED && sends_certificate(ssl);
    if (!t->may_send && !certificate) {
        return WOLFSSL_CBIO_ERR_WANT_WRITE;
    }
    if (n == 0) {
        t->stuffed = true;
        return WOLFSSL_CBIO_ERR_WANT_WRITE;
    }
    n = n < (size_t)size ? n : (size_t)size;
    memcpy(t->out + t->out_size, from, n);
    t->out_size += n;
    /* What wolfSSL makes next is the next step's. */
    t->may_send = t->may_send && (n < (size_t)size || t->state != HANDSHAKE);
    return (int)n;
}

uint8_t *ra_tls_in(struct ra_tls *t, size_t *room)
{
    if (t->in_at > 0) {
        memmove(t->in, t->in + t->in_at, t->in_size - t->in_at);
        t->in_size -= t->in_at;
        t->in_at = 0;
    }
    *room = sizeof t->in - t->in_size;
    return t->in + t->in_size;
}

void ra_tls_in_given(struct ra_tls *t, size_t size)
{
    t->in_size += size;
    t->starved = t->starved && size == 0;
}

void ra_tls_in_closed(struct ra_tls *t)
{
    t->closed_in = true;
    t->starved = false;
}

const uint8_t *ra_tls_out(struct ra_tls *t, size_t *size)
{
    *size = t->out_size - t->out_at;
    return t->out + t->out_at;
}

void ra_tls_out_taken(struct ra_tls *t, size_t size)
{
    t->out_at += size;
    if (t->out_at == t->out_size) {
        t->out_at = 0;
        t->out_size = 0;
        t->stuffed = false;
    }
}

unsigned ra_tls_wants(const struct ra_tls *t)
{
    unsigned want = t->out_size > t->out_at ? RA_TLS_WANT_SEND : 0u;
    bool room = t->in_at > 0 || t->in_size < sizeof t->in;
    switch (t->state) {
    case HANDSHAKE:
        want |= room && !t->closed_in ? RA_TLS_WANT_RECEIVE : 0u;
        return want | (t->starved || t->stuffed ? 0u : RA_TLS_WANT_STEP);
    case JUDGE:
        return want | RA_TLS_WANT_JUDGE;
    case OPEN:
        return want | RA_TLS_OPEN | (room && !t->closed_in ? RA_TLS_WANT_RECEIVE : 0u);
    case CLOSED:
        return want | RA_TLS_CLOSED;
    case FAILED:
        return want | RA_TLS_FAILED;
    default:
        return 0;
    }
}

/* --- the client's signature ------------------------------------------------------------ */

static enum ra_hash_alg hash_of(size_t digest)
{
    return digest == 32   ? RA_HASH_SHA256
           : digest == 48 ? RA_HASH_SHA384
           : digest == 64 ? RA_HASH_SHA512
                          : RA_HASH_NONE;
}

static int sign(struct ra_tls *t, const uint8_t *digest, size_t size, uint8_t *out,
                word32 *out_size)
{
    size_t made = 0;
    ra_err e = RA_E_CRYPTO_INTERNAL;
    if (hash_of(size) != RA_HASH_NONE) {
        e = ra_key_sign(t->config.client_key, t->config.random, hash_of(size), digest, out,
                        *out_size, &made);
    }
    *out_size = (word32)made;
    t->error = e;
    return e == RA_OK ? 0 : WOLFSSL_FATAL_ERROR;
}

static int sign_ecc(WOLFSSL *ssl, const unsigned char *in, unsigned size, unsigned char *out,
                    word32 *out_size, const unsigned char *key, unsigned key_size, void *ctx)
{
    (void)ssl, (void)key, (void)key_size;
    return sign(ctx, in, size, out, out_size);
}

/* `in` is the DigestInfo of PKCS #1. */
static int sign_rsa(WOLFSSL *ssl, const unsigned char *in, unsigned size, unsigned char *out,
                    word32 *out_size, const unsigned char *key, unsigned key_size, void *ctx)
{
    (void)ssl, (void)key, (void)key_size;
    return size < DIGEST_INFO ? WOLFSSL_FATAL_ERROR
                              : sign(ctx, in + DIGEST_INFO, size - DIGEST_INFO, out, out_size);
}

static int sign_pss(WOLFSSL *ssl, const unsigned char *in, unsigned size, unsigned char *out,
                    unsigned *out_size, int hash, int mgf, const unsigned char *key,
                    unsigned key_size, void *ctx)
{
    struct ra_tls *t = ctx;
    uint8_t block[RA_RSA_BYTES_MAX];
    word32 bytes = (word32)ra_key_block_size(t->config.client_key);
    enum wc_HashType type = size == 32   ? WC_HASH_TYPE_SHA256
                            : size == 48 ? WC_HASH_TYPE_SHA384
                                         : WC_HASH_TYPE_SHA512;
    (void)ssl, (void)hash, (void)key, (void)key_size;
    t->error = RA_E_CRYPTO_INTERNAL;
    if (bytes <= *out_size && bytes <= sizeof block &&
        wc_RsaPad_ex(in, size, block, bytes, RSA_BLOCK_TYPE_1, ra_random_wolfssl(t->config.random),
                     WC_RSA_PSS_PAD, type, mgf, NULL, 0, RSA_PSS_SALT_LEN_DEFAULT, (int)bytes * 8,
                     NULL) == 0) {
        t->error = ra_rsa_private(t->config.client_key, t->config.random, block, out);
        *out_size = bytes;
    }
    return t->error == RA_OK ? 0 : WOLFSSL_FATAL_ERROR;
}

/* ra_key.c has checked the signature with the public key before it let it out. */
static int checked_rsa(WOLFSSL *ssl, unsigned char *sig, unsigned size, unsigned char **out,
                       const unsigned char *key, unsigned key_size, void *ctx)
{
    (void)ssl, (void)sig, (void)size, (void)out, (void)key, (void)key_size, (void)ctx;
    return 0;
}

static int checked_pss(WOLFSSL *ssl, unsigned char *sig, unsigned size, unsigned char **out,
                       int hash, int mgf, const unsigned char *key, unsigned key_size, void *ctx)
{
    (void)hash, (void)mgf;
    return checked_rsa(ssl, sig, size, out, key, key_size, ctx);
}

/* --- the server's certificates ----------------------------------------------------------- */

/* Called for the server's own certificate, before anything that depends on it is believed: keep a
 * copy of all, and stop. */
static int keep_peer(int ok, WOLFSSL_X509_STORE_CTX *store)
{
    struct ra_tls *t = store->userCtx;
    size_t size = 0;
    (void)ok;
    for (int i = 0; i < store->totalCerts; i++) {
        size += PREFIX + store->certs[i].length;
    }
    t->peer = t->peer == NULL ? ra_arena_alloc(&t->arena, size) : NULL;
    if (t->peer == NULL) {
        t->error = RA_E_TLS_PROTOCOL; /* a full arena is seen by the step */
        return 0;
    }
    for (int i = 0; i < store->totalCerts; i++) {
        size_t n = store->certs[i].length;
        uint8_t *p = t->peer + t->peer_size;
        p[0] = (uint8_t)(n >> 16);
        p[1] = (uint8_t)(n >> 8);
        p[2] = (uint8_t)n;
        memcpy(p + PREFIX, store->certs[i].buffer, n);
        t->peer_size += PREFIX + n;
    }
    t->peer_count = (uint8_t)store->totalCerts;
    t->state = JUDGE;
    return 1;
}

bool ra_tls_peer_cert(const struct ra_tls *t, unsigned i, const uint8_t **der, size_t *size)
{
    const uint8_t *p = t->peer;
    if (t->state != JUDGE || i >= t->peer_count) {
        return false;
    }
    for (;; i--) {
        *size = (size_t)p[0] << 16 | (size_t)p[1] << 8 | p[2];
        *der = p + PREFIX;
        if (i == 0) {
            return true;
        }
        p += PREFIX + *size;
    }
}

void ra_tls_accept(struct ra_tls *t)
{
    if (t->state == JUDGE) {
        ra_arena_free(&t->arena, t->peer);
        t->state = HANDSHAKE;
        t->judged = true;
        ssl_of(t)->options.certOnly = 0;
    }
}

static int alert_for(ra_err why)
{
    switch (why) {
    case RA_E_TLS_EXPIRED:
    case RA_E_TLS_NOT_YET:
        return certificate_expired;
    case RA_E_TLS_UNTRUSTED:
        return unknown_ca;
    case RA_E_TLS_NAME:
    case RA_E_TLS_USAGE:
        return certificate_unknown;
    case RA_E_TLS_WEAK:
        return insufficient_security;
    case RA_E_TLS_CERT:
        return bad_certificate;
    default:
        return internal_error;
    }
}

void ra_tls_refuse(struct ra_tls *t, ra_err why)
{
    if (t->state == JUDGE) {
        ra_arena_enter(&t->arena);
        ra_arena_free(&t->arena, t->peer);
        t->state = FAILED;
        t->may_send = true;
        (void)SendAlert(ssl_of(t), alert_fatal, alert_for(why));
        t->error = why;
        ra_arena_leave();
    }
}

/* --- the handshake ------------------------------------------------------------------------- */

static ra_err load_client(WOLFSSL *ssl, struct ra_tls *t)
{
    if (t->config.client_size == 0) {
        return RA_OK;
    }
    int rc = wolfSSL_use_certificate_chain_buffer_format(
        ssl, t->config.client_certs, (long)t->config.client_size, WOLFSSL_FILETYPE_ASN1);
    if (rc != WOLFSSL_SUCCESS) {
        return RA_E_CERT_SYNTAX;
    }
    /* wolfSSL 5.7.2 asks the callbacks in TLS 1.3 only where a key is loaded: one without bytes. */
    if (AllocDer(&ssl->buffers.key, 1, PRIVATEKEY_TYPE, NULL) != 0) {
        return RA_E_TLS_MEMORY;
    }
    ssl->buffers.weOwnKey = 1;
    ssl->buffers.key->buffer = NULL;
    ssl->buffers.key->length = 0;
    return RA_OK;
}

static ra_err set_up(struct ra_tls *t)
{
    WOLFSSL_CTX *ctx = wolfSSL_CTX_new(wolfTLS_client_method());
    t->ctx = ctx;
    t->out_cap = RA_TLS_OUT + t->config.client_size;
    t->out = ra_arena_alloc(&t->arena, t->out_cap);
    if (t->out == NULL || ctx == NULL ||
        wolfSSL_CTX_SetMinVersion(ctx, WOLFSSL_TLSV1_2) != WOLFSSL_SUCCESS) {
        return RA_E_TLS_MEMORY;
    }
    ctx->rng = ra_random_wolfssl(t->config.random);
    wolfSSL_CTX_set_verify(ctx, WOLFSSL_VERIFY_NONE, keep_peer);
    wolfSSL_CTX_SetIORecv(ctx, take_in);
    wolfSSL_CTX_SetIOSend(ctx, hand_out);
    if (t->config.client_size > 0) {
        wolfSSL_CTX_SetEccSignCb(ctx, sign_ecc);
        wolfSSL_CTX_SetRsaSignCb(ctx, sign_rsa);
        wolfSSL_CTX_SetRsaPssSignCb(ctx, sign_pss);
        wolfSSL_CTX_SetRsaSignCheckCb(ctx, checked_rsa);
        wolfSSL_CTX_SetRsaPssSignCheckCb(ctx, checked_pss);
    }
    WOLFSSL *ssl = wolfSSL_new(ctx);
    t->ssl = ssl;
    if (ssl == NULL) {
        return RA_E_TLS_MEMORY;
    }
    wolfSSL_SetIOReadCtx(ssl, t);
    wolfSSL_SetIOWriteCtx(ssl, t);
    wolfSSL_SetCertCbCtx(ssl, t);
    wolfSSL_SetEccSignCtx(ssl, t);
    wolfSSL_SetRsaSignCtx(ssl, t);
    wolfSSL_SetRsaPssSignCtx(ssl, t);
    wolfSSL_KeepArrays(ssl); /* the exporter's secret is in them */
    /* Stop before the first answer of ours, even where the server's whole flight is one record. */
    ssl->options.certOnly = 1;
    const char *host = t->config.host;
    if (wolfSSL_UseMaxFragment(ssl, WOLFSSL_MFL_2_11) != WOLFSSL_SUCCESS ||
        (host != NULL && wolfSSL_UseSNI(ssl, WOLFSSL_SNI_HOST_NAME, host, (word16)strlen(host)) !=
                             WOLFSSL_SUCCESS)) {
        return RA_E_TLS_MEMORY;
    }
    return load_client(ssl, t);
}

static void tear_down(struct ra_tls *t)
{
    ra_arena_enter(&t->arena);
    if (t->ssl != NULL) {
        wolfSSL_free(t->ssl);
    }
    if (t->ctx != NULL) {
        ((WOLFSSL_CTX *)t->ctx)->rng = NULL; /* not wolfSSL's to free */
        wolfSSL_CTX_free(t->ctx);
    }
    (void)wolfSSL_Cleanup();
    ra_arena_leave();
    ra_arena_wipe(&t->arena);
}

ra_err ra_tls_start(struct ra_tls *t, const struct ra_tls_config *config, void *arena, size_t size)
{
    uint8_t byte;
    memset(t, 0, sizeof *t);
    ra_err e = ra_arena_init(&t->arena, arena, size);
    if (e == RA_OK) {
        /* The generator is asked past ra_random_bytes from here on: let that count, and reseed. */
        e = ra_random_bytes(config->random, &byte, sizeof byte);
    }
    if (e != RA_OK) {
        return e;
    }
    t->config = *config;
    ra_arena_enter(&t->arena);
    e = wolfSSL_Init() == WOLFSSL_SUCCESS ? set_up(t) : RA_E_CRYPTO_INTERNAL;
    ra_arena_leave();
    if (e != RA_OK) {
        e = t->arena.failed ? RA_E_TLS_MEMORY : e;
        tear_down(t);
        memset(t, 0, sizeof *t);
        return e;
    }
    t->state = HANDSHAKE;
    return RA_OK;
}

static void note_binding(struct ra_tls *t)
{
    static const char label[] = "EXPORTER-Channel-Binding";
    WOLFSSL *ssl = t->ssl;
    if (wolfSSL_version(ssl) == TLS1_3_VERSION) {
        if (wolfSSL_export_keying_material(ssl, t->binding, 32, label, sizeof label - 1, NULL, 0,
                                           1) == WOLFSSL_SUCCESS) {
            t->binding_size = 32;
        }
    } else {
        t->binding_size = (uint8_t)wolfSSL_get_finished(ssl, t->binding, TLS_FINISHED_SZ);
    }
    wolfSSL_FreeArrays(ssl);
}

void ra_tls_step(struct ra_tls *t)
{
    if (t->state != HANDSHAKE) {
        return;
    }
    WOLFSSL *ssl = t->ssl;
    t->record_over = false;
    t->may_send = ssl->buffers.outputBuffer.length > 0;
    ra_arena_enter(&t->arena);
    int rc = wolfSSL_connect(ssl);
    int error = rc == WOLFSSL_SUCCESS ? 0 : wolfSSL_get_error(ssl, rc);
    if (t->arena.failed) {
        fail(t, RA_E_TLS_MEMORY);
    } else if (rc == WOLFSSL_SUCCESS && t->judged) {
        t->state = OPEN;
        note_binding(t);
    } else if (rc == WOLFSSL_SUCCESS) {
        if (t->state != JUDGE) {
            fail(t, RA_E_TLS_NO_CERT);
        }
    } else if (error != WOLFSSL_ERROR_WANT_READ && error != WOLFSSL_ERROR_WANT_WRITE) {
        fail_wolfssl(t, error);
    }
    ra_arena_leave();
}

/* --- application data -------------------------------------------------------------------- */

size_t ra_tls_read(struct ra_tls *t, uint8_t *to, size_t cap)
{
    size_t got = 0;
    if (t->state != OPEN || cap == 0) {
        return 0;
    }
    WOLFSSL *ssl = t->ssl;
    t->record_over = false;
    t->may_send = true; /* an answer to a key update */
    ra_arena_enter(&t->arena);
    int rc = wolfSSL_read(ssl, to, cap > RA_TLS_READ_MAX ? RA_TLS_READ_MAX : (int)cap);
    int error = rc > 0 ? 0 : wolfSSL_get_error(ssl, rc);
    if (rc > 0) {
        got = (size_t)rc;
    } else if (error == WOLFSSL_ERROR_ZERO_RETURN) {
        t->state = CLOSED;
    } else if (t->arena.failed ||
               (error != WOLFSSL_ERROR_WANT_READ && error != WOLFSSL_ERROR_WANT_WRITE)) {
        fail_wolfssl(t, error);
    }
    ra_arena_leave();
    return got;
}

size_t ra_tls_write(struct ra_tls *t, const uint8_t *from, size_t size)
{
    size_t n = size < RA_TLS_WRITE_MAX ? size : RA_TLS_WRITE_MAX;
    WOLFSSL *ssl = t->ssl;
    if (t->state != OPEN || n == 0 || t->out_size > 0 || ssl->buffers.outputBuffer.length > 0) {
        return 0;
    }
    t->may_send = true;
    ra_arena_enter(&t->arena);
    int rc = wolfSSL_write(ssl, from, (int)n);
    if (rc <= 0) {
        fail_wolfssl(t, wolfSSL_get_error(ssl, rc));
    }
    ra_arena_leave();
    return rc > 0 ? (size_t)rc : 0;
}

void ra_tls_close(struct ra_tls *t)
{
    if (t->state == OPEN) {
        t->may_send = true;
        ra_arena_enter(&t->arena);
        (void)SendAlert(ssl_of(t), alert_warning, close_notify);
        ra_arena_leave();
        t->state = CLOSED;
    }
}

/* --- what the caller asks ------------------------------------------------------------------ */

ra_err ra_tls_error(const struct ra_tls *t)
{
    return t->state == FAILED ? t->error : RA_OK;
}

const char *ra_tls_version(const struct ra_tls *t)
{
    if (t->state < JUDGE) {
        return "";
    }
    return wolfSSL_version(t->ssl) == TLS1_3_VERSION ? "TLS 1.3" : "TLS 1.2";
}

ra_err ra_tls_binding(const struct ra_tls *t, uint8_t out[RA_TLS_BINDING_MAX], size_t *size)
{
    if (t->binding_size == 0) {
        return RA_E_STATE;
    }
    memcpy(out, t->binding, t->binding_size);
    *size = t->binding_size;
    return RA_OK;
}

size_t ra_tls_peak(const struct ra_tls *t)
{
    return t->arena.peak;
}

void ra_tls_end(struct ra_tls *t)
{
    if (t->state != IDLE) {
        tear_down(t);
        ra_wipe(t, sizeof *t);
    }
}
