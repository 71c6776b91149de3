/* What wolfSSL says and asks in the middle of a handshake, put into its mouth: every error it has
 * for the server's doings, calls that fail, requests for the client's signature. What no server
 * brings about, or only one that is broken in a very particular way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "crypto_vectors.h"
#include "fault.h"
#include "pki_vectors.h"
#include "ra_crypto_internal.h"
#include "ra_tls.h"

#include <wolfssl/error-ssl.h>
#include <wolfssl/ssl.h>
#include <wolfssl/wolfcrypt/rsa.h>

/* clang-format off: CMake reads these lines */
FAULT(int, -1, wolfSSL_Init, (void), ())
FAULT(int, -1, wolfSSL_CTX_SetMinVersion, (void *c, int v), (c, v))
FAULT(void *, NULL, wolfSSL_new, (void *c), (c))
FAULT(int, -1, wolfSSL_UseMaxFragment, (void *s, int n), (s, n))
FAULT(int, -1, wolfSSL_UseSNI, (void *s, int type, const void *p, int n), (s, type, p, n))
FAULT(int, -1, AllocDer, (void *d, uint32_t n, int type, void *heap), (d, n, type, heap))
FAULT(int, -1, wc_RsaPad_ex,
      (const void *in, uint32_t n, void *block, uint32_t size, uint8_t value, void *rng, int type,
       int hash, int mgf, void *label, uint32_t label_n, int salt, int bits, void *heap),
      (in, n, block, size, value, rng, type, hash, mgf, label, label_n, salt, bits, heap))
/* What these return is chosen. */
FAULT_OWN(int, wolfSSL_connect, (void *s))
FAULT_OWN(int, wolfSSL_read, (void *s, void *to, int n))
FAULT_OWN(int, wolfSSL_write, (void *s, const void *from, int n))
FAULT_OWN(int, wolfSSL_get_error, (void *s, int rc))
FAULT_OWN(int, wolfSSL_version, (const void *s))
FAULT_OWN(int, wolfSSL_export_keying_material,
          (void *s, void *to, size_t n, const char *label, size_t label_n, const void *context,
           size_t context_n, int use))
/* And what is given to these is kept. */
FAULT_OWN(void, wolfSSL_CTX_set_verify, (void *c, int mode, VerifyCallback call))
FAULT_OWN(void, wolfSSL_CTX_SetIOSend, (void *c, CallbackIOSend call))
FAULT_OWN(void, wolfSSL_CTX_SetEccSignCb, (void *c, CallbackEccSign call))
FAULT_OWN(void, wolfSSL_CTX_SetRsaSignCb, (void *c, CallbackRsaSign call))
FAULT_OWN(void, wolfSSL_CTX_SetRsaPssSignCb, (void *c, CallbackRsaPssSign call))
/* clang-format on */

static int said = WOLFSSL_ERROR_WANT_READ; /* 0: connected */
static int version;
static int read_bytes, wrote;
static bool exports;
static VerifyCallback verify;
static CallbackIOSend io_send;
static CallbackEccSign ecc_sign;
static CallbackRsaSign rsa_sign;
static CallbackRsaPssSign pss_sign;

int __wrap_wolfSSL_connect(void *s)
{
    (void)s;
    return said == 0 ? WOLFSSL_SUCCESS : WOLFSSL_FATAL_ERROR;
}

int __wrap_wolfSSL_read(void *s, void *to, int n)
{
    (void)s;
    memset(to, 0x61, (size_t)n);
    return read_bytes;
}

int __wrap_wolfSSL_write(void *s, const void *from, int n)
{
    (void)s, (void)from, (void)n;
    return wrote;
}

int __wrap_wolfSSL_get_error(void *s, int rc)
{
    (void)s, (void)rc;
    return said;
}

int __wrap_wolfSSL_version(const void *s)
{
    (void)s;
    return version;
}

int __wrap_wolfSSL_export_keying_material(void *s, void *to, size_t n, const char *label,
                                          size_t label_n, const void *context, size_t context_n,
                                          int use)
{
    (void)s, (void)label, (void)label_n, (void)context, (void)context_n, (void)use;
    memset(to, 0x42, n);
    return exports ? WOLFSSL_SUCCESS : WOLFSSL_FAILURE;
}

void __wrap_wolfSSL_CTX_set_verify(void *c, int mode, VerifyCallback call)
{
    verify = call;
    __real_wolfSSL_CTX_set_verify(c, mode, call);
}

void __wrap_wolfSSL_CTX_SetIOSend(void *c, CallbackIOSend call)
{
    io_send = call;
    __real_wolfSSL_CTX_SetIOSend(c, call);
}

void __wrap_wolfSSL_CTX_SetEccSignCb(void *c, CallbackEccSign call)
{
    ecc_sign = call;
    __real_wolfSSL_CTX_SetEccSignCb(c, call);
}

void __wrap_wolfSSL_CTX_SetRsaSignCb(void *c, CallbackRsaSign call)
{
    rsa_sign = call;
    __real_wolfSSL_CTX_SetRsaSignCb(c, call);
}

void __wrap_wolfSSL_CTX_SetRsaPssSignCb(void *c, CallbackRsaPssSign call)
{
    pss_sign = call;
    __real_wolfSSL_CTX_SetRsaPssSignCb(c, call);
}

static struct noise noise;
static struct ra_random random_;
static struct ra_tls tls;
static _Alignas(8) uint8_t arena[RA_TLS_ARENA];
static struct ra_tls_config config;
static struct ra_key key;
static uint8_t out[RA_RSA_BITS_MAX / 8];

static int setup(void **state)
{
    (void)state;
    fault_forget();
    said = WOLFSSL_ERROR_WANT_READ;
    version = TLS1_3_VERSION;
    read_bytes = wrote = 0;
    exports = true;
    noise_random(&noise, &random_, 3);
    memset(&tls, 0, sizeof tls);
    config = (struct ra_tls_config){.random = &random_, .host = "ca01.example.net"};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ra_tls_end(&tls);
    return 0;
}

static void start(void)
{
    assert_int_equal(ra_tls_start(&tls, &config, arena, sizeof arena), RA_OK);
    assert_true((ra_tls_wants(&tls) & RA_TLS_WANT_STEP) != 0);
}

/* As if the server's certificate had come and been accepted. */
static void judge(void)
{
    static WOLFSSL_BUFFER_INFO cert = {(unsigned char *)arena, 10};
    static WOLFSSL_X509_STORE_CTX store;
    store.userCtx = &tls;
    store.certs = &cert;
    store.totalCerts = 1;
    assert_int_equal(verify(1, &store), 1);
    assert_int_equal(ra_tls_wants(&tls), RA_TLS_WANT_JUDGE);
    ra_tls_accept(&tls);
}

static void open_connection(void)
{
    start();
    judge();
    said = 0;
    ra_tls_step(&tls);
    assert_true((ra_tls_wants(&tls) & RA_TLS_OPEN) != 0);
    said = WOLFSSL_ERROR_WANT_READ;
}

/* Each error of the handshake in words an operator can use. */
static void errors_of_the_handshake(void **state)
{
    static const struct {
        int wolfssl;
        ra_err ours;
    } table[] = {
        {SOCKET_PEER_CLOSED_E, RA_E_TLS_TRUNCATED},
        {SOCKET_ERROR_E, RA_E_TLS_TRUNCATED},
        {VERSION_ERROR, RA_E_TLS_VERSION},
        {MATCH_SUITE_ERROR, RA_E_TLS_SUITE},
        {UNSUPPORTED_SUITE, RA_E_TLS_SUITE},
        {ECC_CURVETYPE_ERROR, RA_E_TLS_SUITE},
        {ECC_CURVE_ERROR, RA_E_TLS_SUITE},
        {ECC_SHARED_ERROR, RA_E_TLS_SUITE},
        {BAD_KEY_SHARE_DATA, RA_E_TLS_SUITE},
        {INVALID_PARAMETER, RA_E_TLS_SUITE},
        {VERIFY_FINISHED_ERROR, RA_E_TLS_MAC},
        {VERIFY_MAC_ERROR, RA_E_TLS_MAC},
        {DECRYPT_ERROR, RA_E_TLS_MAC},
        {AES_GCM_AUTH_E, RA_E_TLS_MAC},
        {VERIFY_SIGN_ERROR, RA_E_TLS_SIGNATURE},
        {VERIFY_CERT_ERROR, RA_E_TLS_SIGNATURE},
        {SIG_VERIFY_E, RA_E_TLS_SIGNATURE},
        {RSA_PAD_E, RA_E_TLS_SIGNATURE},
        {BAD_PADDING_E, RA_E_TLS_SIGNATURE},
        {RSA_BUFFER_E, RA_E_TLS_SIGNATURE},
        {ECC_BAD_ARG_E, RA_E_TLS_SIGNATURE},
        {NO_PEER_CERT, RA_E_TLS_NO_CERT},
        {NO_PEER_VERIFY, RA_E_TLS_NO_CERT},
        {NO_PEER_KEY, RA_E_TLS_NO_CERT},
        {MAX_CHAIN_ERROR, RA_E_TLS_CHAIN_SIZE},
        {HANDSHAKE_SIZE_ERROR, RA_E_TLS_CHAIN_SIZE},
        {PEER_KEY_ERROR, RA_E_TLS_WEAK},
        {OUT_OF_ORDER_E, RA_E_TLS_PROTOCOL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        start();
        said = table[i].wolfssl;
        ra_tls_step(&tls);
        assert_int_equal(ra_tls_error(&tls), table[i].ours);
        assert_true((ra_tls_wants(&tls) & RA_TLS_FAILED) != 0);
        assert_int_equal(ra_tls_binding(&tls, out, &(size_t){0}), RA_E_STATE);
        ra_tls_end(&tls);
    }
}

/* Connected, says wolfSSL, and never showed a certificate: nobody is let in unseen. */
static void connected_without_a_certificate(void **state)
{
    (void)state;
    start();
    assert_string_equal(ra_tls_version(&tls), "");
    said = 0;
    ra_tls_step(&tls);
    assert_int_equal(ra_tls_error(&tls), RA_E_TLS_NO_CERT);
    assert_int_equal(ra_tls_write(&tls, out, 4), 0);
    assert_int_equal(ra_tls_read(&tls, out, 4), 0);
}

/* Certificates shown a second time, and more than the arena holds. */
static void certificates_again_or_too_many(void **state)
{
    WOLFSSL_BUFFER_INFO certs[2] = {{arena, 10}, {arena, sizeof arena}};
    WOLFSSL_X509_STORE_CTX store = {.userCtx = &tls, .certs = certs, .totalCerts = 1};
    (void)state;
    start();
    assert_int_equal(verify(1, &store), 1);
    assert_int_equal(verify(1, &store), 0);
    said = VERIFY_CERT_ERROR;
    tls.state = 1; /* in the handshake still: the second time comes within it */
    ra_tls_step(&tls);
    assert_int_equal(ra_tls_error(&tls), RA_E_TLS_PROTOCOL);
    ra_tls_end(&tls);

    said = WOLFSSL_ERROR_WANT_READ;
    start();
    store.totalCerts = 2;
    ra_arena_enter(&tls.arena);
    assert_int_equal(verify(1, &store), 0);
    ra_arena_leave();
    ra_tls_step(&tls);
    assert_int_equal(ra_tls_error(&tls), RA_E_TLS_MEMORY);
    assert_false(ra_tls_peer_cert(&tls, 0, &(const uint8_t *){NULL}, &(size_t){0}));
}

/* No room for what wolfSSL wants to send: nothing to do before the caller has taken some. */
static void a_full_buffer(void **state)
{
    char bytes[600] = {0};
    int sent = 0, n;
    (void)state;
    start();
    ra_tls_step(&tls);
    tls.may_send = true;
    tls.state = 5; /* failed: all there is may go */
    while ((n = io_send(tls.ssl, bytes, sizeof bytes, &tls)) > 0) {
        sent += n;
    }
    tls.state = 1;
    assert_int_equal(n, WOLFSSL_CBIO_ERR_WANT_WRITE);
    assert_int_equal(sent, RA_TLS_OUT);
    assert_int_equal(ra_tls_wants(&tls) & (RA_TLS_WANT_SEND | RA_TLS_WANT_STEP), RA_TLS_WANT_SEND);
    ra_tls_out_taken(&tls, (size_t)sent - 1);
    assert_int_equal(ra_tls_wants(&tls) & RA_TLS_WANT_STEP, 0);
    ra_tls_out_taken(&tls, 1);
    assert_int_equal(ra_tls_wants(&tls) & (RA_TLS_WANT_SEND | RA_TLS_WANT_STEP), RA_TLS_WANT_STEP);
    assert_int_equal(io_send(tls.ssl, bytes, sizeof bytes, &tls), sizeof bytes);
}

/* Each call of the start fails once: an error, nothing left behind. */
static void a_start_that_fails(void **state)
{
    unsigned times = 0;
    ra_err e;
    struct ra_span cert = pki_cert_der("agent");
    (void)state;
    config.client_certs = cert.p;
    config.client_size = cert.size;
    pki_key(&key, "agent");
    config.client_key = &key;
    do {
        fault_armed = true;
        e = ra_tls_start(&tls, &config, arena, sizeof arena);
        if (e != RA_OK) {
            times++;
            assert_int_equal(e, strcmp(fault_name, "wolfSSL_Init") == 0 ? RA_E_CRYPTO_INTERNAL
                                                                        : RA_E_TLS_MEMORY);
            assert_int_equal(ra_tls_wants(&tls), 0);
            for (size_t i = 0; i < sizeof arena; i++) {
                assert_int_equal(arena[i], 0);
            }
        }
    } while (e != RA_OK);
    assert_int_equal(times, 6);
}

/* Without the exporter there is a connection and no binding; with it 32 bytes, and in TLS 1.2 the
 * Finished message. */
static void a_binding_that_is_not_there(void **state)
{
    size_t size = 0;
    (void)state;
    exports = false;
    open_connection();
    assert_string_equal(ra_tls_version(&tls), "TLS 1.3");
    assert_int_equal(ra_tls_binding(&tls, out, &size), RA_E_STATE);
    ra_tls_end(&tls);
    exports = true;
    open_connection();
    assert_int_equal(ra_tls_binding(&tls, out, &size), RA_OK);
    assert_int_equal(size, 32);
    assert_int_equal(out[31], 0x42);
    ra_tls_end(&tls);
    version = TLS1_2_VERSION;
    open_connection();
    assert_string_equal(ra_tls_version(&tls), "TLS 1.2");
}

static void reading_and_writing(void **state)
{
    static uint8_t large[RA_TLS_READ_MAX + 100];
    (void)state;
    open_connection();
    assert_int_equal(ra_tls_read(&tls, out, 0), 0);
    read_bytes = 3;
    assert_int_equal(ra_tls_read(&tls, large, sizeof large), 3);
    assert_int_equal(large[RA_TLS_READ_MAX - 1], 0x61);
    assert_int_equal(large[RA_TLS_READ_MAX], 0);
    read_bytes = -1;
    for (unsigned i = 0; i < 2u; i++) {
        said = i == 0 ? WOLFSSL_ERROR_WANT_READ : WOLFSSL_ERROR_WANT_WRITE;
        assert_int_equal(ra_tls_read(&tls, out, 9), 0);
        assert_true((ra_tls_wants(&tls) & RA_TLS_OPEN) != 0);
    }
    wrote = 5;
    assert_int_equal(ra_tls_write(&tls, out, 0), 0);
    assert_int_equal(ra_tls_write(&tls, out, 5), 5);
    tls.out_size = 1; /* something is to go out still */
    assert_int_equal(ra_tls_write(&tls, out, 5), 0);
    tls.out_size = 0;
    wrote = -1;
    said = DECRYPT_ERROR;
    assert_int_equal(ra_tls_write(&tls, out, 5), 0);
    assert_int_equal(ra_tls_error(&tls), RA_E_TLS_MAC);
    ra_tls_end(&tls);

    said = WOLFSSL_ERROR_WANT_READ;
    open_connection();
    said = WOLFSSL_ERROR_ZERO_RETURN;
    assert_int_equal(ra_tls_read(&tls, out, 9), 0);
    assert_int_equal(ra_tls_wants(&tls), RA_TLS_CLOSED);
    assert_int_equal(ra_tls_error(&tls), RA_OK);
    ra_tls_end(&tls);

    /* Memory that ran out while nothing had come is the reason, and not to wait for more. */
    said = WOLFSSL_ERROR_WANT_READ;
    open_connection();
    tls.arena.failed = true;
    assert_int_equal(ra_tls_read(&tls, out, 9), 0);
    assert_int_equal(ra_tls_error(&tls), RA_E_TLS_MEMORY);
}

/* --- the client's signature ---------------------------------------------------------------- */

/* Starts with a client's key; its certificate is not looked at before a server asks. */
static void with_client(const char *name)
{
    const struct crypto_blob *b = crypto_blob(name, "p8");
    static uint8_t none;
    assert_int_equal(ra_key_from_der(&key, b->p, b->size), RA_OK);
    config.client_key = &key;
    config.client_certs = &none;
    config.client_size = 1;
    rsa_sign = NULL;
    assert_int_equal(ra_tls_start(&tls, &config, arena, sizeof arena), RA_E_CERT_SYNTAX);
    assert_non_null(rsa_sign);
    tls.config = config;
}

static const enum ra_hash_alg hashes[] = {RA_HASH_SHA256, RA_HASH_SHA384, RA_HASH_SHA512};

static void a_signature_by_ecdsa(void **state)
{
    (void)state;
    with_client("p256");
    for (unsigned i = 0; i < 3u; i++) {
        const uint8_t *digest = crypto_digest(hashes[i]);
        word32 size = sizeof out;
        assert_int_equal(
            ecc_sign(NULL, digest, (unsigned)ra_hash_size(hashes[i]), out, &size, NULL, 0, &tls),
            0);
        assert_int_equal(ra_key_verify(&key, hashes[i], digest, out, size), RA_OK);
    }
    /* A digest of no hash we have is not signed, nor is one without room. */
    word32 size = sizeof out;
    assert_int_not_equal(ecc_sign(NULL, out, 20, out, &size, NULL, 0, &tls), 0);
    assert_int_equal(size, 0);
    assert_int_equal(tls.error, RA_E_CRYPTO_INTERNAL);
    size = 10;
    assert_int_not_equal(
        ecc_sign(NULL, crypto_digest(RA_HASH_SHA256), 32, out, &size, NULL, 0, &tls), 0);
    assert_int_equal(tls.error, RA_E_SPACE);
}

/* The reason is what the caller is told, whatever wolfSSL makes of it. */
static void a_signature_that_fails_is_the_reason(void **state)
{
    (void)state;
    start();
    tls.error = RA_E_KEY_PRIVATE;
    said = SIG_VERIFY_E;
    ra_tls_step(&tls);
    assert_int_equal(ra_tls_error(&tls), RA_E_KEY_PRIVATE);
}

/* DigestInfo of SHA-256 [RFC 8017 9.2, note 1] in front of the digest. */
static void a_signature_by_pkcs1(void **state)
{
    static const uint8_t info[19] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                     0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
    uint8_t in[19 + 32];
    word32 size = sizeof out;
    (void)state;
    with_client("rsa2048");
    memcpy(in, info, sizeof info);
    memcpy(in + sizeof info, crypto_digest(RA_HASH_SHA256), 32);
    assert_int_equal(rsa_sign(NULL, in, sizeof in, out, &size, NULL, 0, &tls), 0);
    assert_int_equal(size, 256);
    const struct crypto_blob *s = crypto_blob("rsa2048", "sha256"); /* openssl's: the same bytes */
    assert_memory_equal(out, s->p, 256);
    assert_int_not_equal(rsa_sign(NULL, in, 18, out, &size, NULL, 0, &tls), 0);
}

static void a_signature_by_pss(void **state)
{
    static const int hash[] = {WC_HASH_TYPE_SHA256, WC_HASH_TYPE_SHA384, WC_HASH_TYPE_SHA512};
    static const int mgf[] = {WC_MGF1SHA256, WC_MGF1SHA384, WC_MGF1SHA512};
    uint8_t again[256];
    (void)state;
    with_client("rsa2048");
    for (unsigned i = 0; i < 3u; i++) {
        const uint8_t *digest = crypto_digest(hashes[i]);
        unsigned digest_size = (unsigned)ra_hash_size(hashes[i]), size = sizeof out;
        uint8_t *data = NULL;
        assert_int_equal(
            pss_sign(NULL, digest, digest_size, out, &size, hash[i], mgf[i], NULL, 0, &tls), 0);
        assert_int_equal(size, 256);
        assert_int_equal(ra_rsa_public(&key, out, again), RA_OK);
        int n = wc_RsaUnPad_ex(again, 256, &data, RSA_BLOCK_TYPE_1, WC_RSA_PSS_PAD, hash[i], mgf[i],
                               NULL, 0, RSA_PSS_SALT_LEN_DEFAULT, 2048, NULL);
        assert_true(n > 0);
        assert_int_equal(wc_RsaPSS_CheckPadding(digest, digest_size, data, (word32)n, hash[i]), 0);
    }
    unsigned size = 255; /* no room */
    assert_int_not_equal(pss_sign(NULL, crypto_digest(RA_HASH_SHA256), 32, out, &size, hash[0],
                                  mgf[0], NULL, 0, &tls),
                         0);
    size = 256;
    fault_armed = true;
    assert_int_not_equal(pss_sign(NULL, crypto_digest(RA_HASH_SHA256), 32, out, &size, hash[0],
                                  mgf[0], NULL, 0, &tls),
                         0);
    assert_int_equal(tls.error, RA_E_CRYPTO_INTERNAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(errors_of_the_handshake, setup, teardown),
        cmocka_unit_test_setup_teardown(connected_without_a_certificate, setup, teardown),
        cmocka_unit_test_setup_teardown(certificates_again_or_too_many, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_buffer, setup, teardown),
        cmocka_unit_test_setup_teardown(a_start_that_fails, setup, teardown),
        cmocka_unit_test_setup_teardown(a_binding_that_is_not_there, setup, teardown),
        cmocka_unit_test_setup_teardown(reading_and_writing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_signature_by_ecdsa, setup, teardown),
        cmocka_unit_test_setup_teardown(a_signature_that_fails_is_the_reason, setup, teardown),
        cmocka_unit_test_setup_teardown(a_signature_by_pkcs1, setup, teardown),
        cmocka_unit_test_setup_teardown(a_signature_by_pss, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
