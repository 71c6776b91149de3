/* ra_tls.h - a TLS 1.3 and 1.2 client [RFC 8446, 5246]: bytes in, bytes out.
 *
 * No I/O, no clock, no waiting: the caller asks what the engine wants, takes or gives bytes,
 * steps, and asks again. firmware/http/ra_secure.h drives it between HTTP and TCP and judges the
 * server's certificates; use that unless you have a reason not to.
 *
 *     ra_tls_start(&t, &config, arena, sizeof arena);
 *     for (;;) {
 *         unsigned want = ra_tls_wants(&t);
 *         SEND:    ra_tls_out / ra_tls_out_taken      bytes for the peer
 *         RECEIVE: ra_tls_in / ra_tls_in_given        bytes from the peer; ra_tls_in_closed
 *         STEP:    ra_tls_step
 *         JUDGE:   look at ra_tls_peer_cert, then ra_tls_accept or ra_tls_refuse
 *         OPEN:    ra_tls_read and ra_tls_write
 *         CLOSED, FAILED: nothing more will come; ra_tls_error
 *     }
 *     ra_tls_end(&t);
 *
 * Certificates: wolfSSL checks that the server holds the key of the first certificate; nothing
 *        else is checked here. The handshake stops at the server's certificates until the caller
 *        has judged them: not a byte of ours goes out before that.
 * Offered: TLS 1.3 AES-128/256-GCM, TLS 1.2 ECDHE with AES-128/256-GCM; P-256 and P-384; RSA
 *        (PKCS #1 in 1.2, PSS) and ECDSA with SHA-256 to SHA-512; extended master secret; SNI
 *        when `host` is a name; max_fragment_length 2048, and records up to 16 KiB from a peer
 *        that does not agree. No renegotiation, no compression, no resumption, no tickets, no
 *        early data.
 * Memory: wolfSSL allocates from `arena` only (ra_arena.h), and never more: RA_E_TLS_MEMORY then.
 *        It holds the session's keys, never a key of ours; ra_tls_end zeroes it. Measured on a
 *        Cortex-M3: see docs/measurements.md.
 * Time:  one step takes in one record at most, or makes one message. Where a server packs
 *        several handshake messages into one record, the step does the work of all of them, up to
 *        the server's certificates or to the first answer of ours. At most: one verification, one
 *        key agreement and one key pair (TLS 1.2 without a client certificate), or one private
 *        operation of the client's key. Figures: docs/measurements.md.
 * State: caller-owned, not to be moved. wolfSSL's random numbers come from config.random, which
 *        must be seeded and stay. A power cut leaves nothing.
 * Errors: RA_E_TLS_*: one sentence for each alert the peer sends, and for what we send.
 */
#ifndef RA_TLS_H
#define RA_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ra_arena.h"
#include "ra_error.h"
#include "ra_key.h"
#include "ra_limits.h"
#include "ra_random.h"

#define RA_TLS_IN 1024        /* bytes taken from the peer at once */
#define RA_TLS_OUT 2560       /* bytes for the peer at once, with a client's certificate more */
#define RA_TLS_WRITE_MAX 1024 /* bytes of application data in one record of ours */
#define RA_TLS_READ_MAX 16384 /* bytes of application data read at once */
#define RA_TLS_BINDING_MAX 32

enum ra_tls_want {
    RA_TLS_WANT_SEND = 1,
    RA_TLS_WANT_RECEIVE = 2,
    RA_TLS_WANT_STEP = 4,
    RA_TLS_WANT_JUDGE = 8,
    RA_TLS_OPEN = 16,   /* the handshake is over                                           */
    RA_TLS_CLOSED = 32, /* the peer has ended the stream with close_notify                 */
    RA_TLS_FAILED = 64  /* see ra_tls_error; SEND may still be set: our alert              */
};

struct ra_tls_config {
    struct ra_random *random; /* seeded                                                    */
    const char *host;         /* SNI; NULL: none (an address)                              */
    /* The client's certificate and its issuers in DER, one after the other, copied by the start;
     * size 0: none, and a server that asks for one gets an empty list. */
    const uint8_t *client_certs;
    size_t client_size;
    /* Its private key: looked at from ra_tls_accept until OPEN or FAILED only. */
    const struct ra_key *client_key;
};

/* Private to ra_tls.c. */
struct ra_tls {
    struct ra_tls_config config;
    struct ra_arena arena;
    void *ctx, *ssl; /* wolfSSL's */
    uint8_t *peer;   /* the server's certificates, in the arena: 3 bytes of length, DER, ... */
    size_t peer_size;
    size_t in_at, in_size; /* in `in`: next to be read, end      */
    uint8_t *out;          /* in the arena                       */
    size_t out_cap;
    size_t out_at, out_size; /* in `out`: next to be sent, end     */
    size_t record_left;      /* of the record being read           */
    ra_err error;
    uint8_t state;
    uint8_t header_have;
    uint8_t header[5];
    bool closed_in;   /* the peer's bytes have ended            */
    bool starved;     /* nothing to do before bytes come        */
    bool stuffed;     /* nothing to do before bytes have gone   */
    bool record_over; /* this step has had its record           */
    bool may_send;    /* this step may hand over what is made   */
    bool judged;      /* the caller accepted the certificates   */
    uint8_t peer_count;
    uint8_t binding[RA_TLS_BINDING_MAX];
    uint8_t binding_size;
    uint8_t in[RA_TLS_IN];
};

/* Begin a handshake. `arena` is the caller's until ra_tls_end, aligned to 8 bytes. Returns RA_OK;
 * RA_E_ARGUMENT; RA_E_RANDOM_STATE; RA_E_TLS_MEMORY (the arena is too small); RA_E_KEY_ALGORITHM
 * or RA_E_CERT_SYNTAX for the client's certificate. After an error nothing is left to end. */
ra_err ra_tls_start(struct ra_tls *t, const struct ra_tls_config *config, void *arena, size_t size);

/* A set of enum ra_tls_want. */
unsigned ra_tls_wants(const struct ra_tls *t);

/* One slice of the handshake. */
void ra_tls_step(struct ra_tls *t);

/* Bytes for the peer, which stay until they are taken; then say how many were taken. */
const uint8_t *ra_tls_out(struct ra_tls *t, size_t *size);
void ra_tls_out_taken(struct ra_tls *t, size_t size);
/* Room for bytes from the peer, at least 1 while RECEIVE is wanted; then say how many came. */
uint8_t *ra_tls_in(struct ra_tls *t, size_t *room);
void ra_tls_in_given(struct ra_tls *t, size_t size);
/* The peer has closed the connection, and all it sent was given. Without a close_notify before
 * it this is RA_E_TLS_TRUNCATED: somebody may have cut the stream. */
void ra_tls_in_closed(struct ra_tls *t);

/* With JUDGE: the i-th certificate as the server sent them, the server's own first; false when
 * there is none. Valid until accepted or refused. */
bool ra_tls_peer_cert(const struct ra_tls *t, unsigned i, const uint8_t **der, size_t *size);
void ra_tls_accept(struct ra_tls *t);
/* The connection has failed with `why`; the alert that fits it goes out. */
void ra_tls_refuse(struct ra_tls *t, ra_err why);

/* With OPEN: up to `cap` bytes of what the peer said; 0: none now. Takes in at most one record.
 * What came before a close or a failure can still be read after it. */
size_t ra_tls_read(struct ra_tls *t, uint8_t *to, size_t cap);
/* With OPEN: take a copy of up to RA_TLS_WRITE_MAX bytes; 0: not now, something is still to go
 * out. */
size_t ra_tls_write(struct ra_tls *t, const uint8_t *from, size_t size);
/* Make the close_notify. Sending it is a courtesy. */
void ra_tls_close(struct ra_tls *t);

/* Why FAILED; RA_OK otherwise. */
ra_err ra_tls_error(const struct ra_tls *t);
/* "TLS 1.3", "TLS 1.2", "" before it is agreed. Static. */
const char *ra_tls_version(const struct ra_tls *t);
/* With OPEN: the channel binding: tls-unique [RFC 5929] of TLS 1.2, 12 bytes; tls-exporter
 * [RFC 9266] of TLS 1.3, 32 bytes. RA_E_STATE before. */
ra_err ra_tls_binding(const struct ra_tls *t, uint8_t out[RA_TLS_BINDING_MAX], size_t *size);
/* Bytes of the arena that were in use at most since the start. */
size_t ra_tls_peak(const struct ra_tls *t);

/* The alert of that number [RFC 8446 6] as a name, "alert" for one unknown; and the error that
 * tells of receiving it. */
const char *ra_tls_alert_name(uint8_t alert);
ra_err ra_tls_alert_error(uint8_t alert);

/* Let go of everything and zero the arena. In any state, any number of times after a start. */
void ra_tls_end(struct ra_tls *t);

#endif
