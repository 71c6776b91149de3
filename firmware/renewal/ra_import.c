#include <string.h>

#include "ra_internal.h"
#include "ra_pkcs12.h"

/* Where things lie in the request buffer while the import has the worker. */
#define KEY_AT 0u
#define STATE_AT ((RA_PKCS12_KEY_MAX + 15u) / 16u * 16u)
#define ISSUERS_AT (STATE_AT + (sizeof(struct ra_pkcs12) + 31u) / 16u * 16u)

_Static_assert(ISSUERS_AT + RA_CHAIN_MAX <= RA_REQUEST_MAX,
               "a key, its opening and its issuers fit into the request buffer");

enum { NOT_BEGUN, OPENING, STORING };

static struct ra_pkcs12 *state_of(struct ra *ra)
{
    uintptr_t at = (uintptr_t)(ra->request + STATE_AT);
    return (struct ra_pkcs12 *)((at + 15u) / 16u * 16u);
}

/* The certificate of the key, in certs[0]; its issuers behind one another, nearest first. */
static ra_err sort_certificates(struct ra *ra, struct ra_pkcs12 *p, uint8_t *issuers)
{
    uint8_t spki[RA_SPKI_MAX];
    size_t size = 0, leaf = p->cert_count;
    struct ra_cert cert, at;
    ra_err e = ra_key_spki(&ra->key, spki, sizeof spki, &size);
    for (size_t i = 0; e == RA_OK && i < p->cert_count; i++) {
        if (ra_cert_parse(&cert, p->certs[i].p, p->certs[i].size) == RA_OK &&
            ra_span_equal(cert.spki, (struct ra_span){spki, size})) {
            leaf = i;
            break;
        }
    }
    if (e != RA_OK || leaf == p->cert_count) {
        return e != RA_OK ? e : RA_E_GATE_KEY;
    }
    struct ra_span found = p->certs[leaf];
    p->certs[leaf] = p->certs[0];
    p->certs[0] = found;
    ra->scratch_size = 0;
    for (size_t length = 1; length < p->cert_count; length++) {
        size_t next = 1;
        while (next < p->cert_count &&
               (ra_cert_parse(&at, p->certs[next].p, p->certs[next].size) != RA_OK ||
                !ra_name_equal(at.subject, cert.issuer))) {
            next++;
        }
        bool root = next < p->cert_count && ra_cert_self_issued(&at);
        if (next == p->cert_count || (root && length > 1)) {
            break;
        }
        if (at.der.size > RA_CHAIN_MAX - ra->scratch_size) {
            return RA_E_LIMIT;
        }
        memcpy(issuers + ra->scratch_size, at.der.p, at.der.size);
        ra->scratch_size += at.der.size;
        p->certs[next].size = 0; /* each once: two may name each other */
        cert = at;
        if (root) {
            break;
        }
    }
    return RA_OK;
}

static ra_err opening_step(struct ra *ra)
{
    struct ra_pkcs12 *p = state_of(ra);
    uint8_t *key = ra->request + KEY_AT;
    ra_err e = ra_pkcs12_step(p);
    if (e == RA_OK) {
        e = ra_key_from_der(&ra->key, key, p->key_size);
    }
    if (e == RA_OK) {
        e = sort_certificates(ra, p, ra->request + ISSUERS_AT);
    }
    if (e == RA_OK) {
        e = ra_key_to_der(&ra->key, key, RA_KEY_DER_MAX, &p->key_size);
    }
    if (e == RA_OK) {
        ra->import_sub = STORING;
        e = RA_AGAIN;
    }
    if (e != RA_AGAIN || ra->import_sub == STORING) {
        ra_key_wipe(&ra->key);
    }
    return e;
}

void ra_import_stop(struct ra *ra)
{
    ra->import_sub = NOT_BEGUN;
    ra_key_wipe(&ra->key);
    ra_wipe_scratch(ra);
    ra->worker = -1;
}

ra_err ra_import(struct ra *ra, enum ra_role role, uint8_t *buf, size_t size, size_t cap,
                 const char *password)
{
    struct ra_pkcs12 *p = state_of(ra);
    ra_err e = ra_ready(ra);
    if (e != RA_OK) {
        return e;
    }
    if (ra->erase != 0) {
        return RA_E_BUSY;
    }
    if (ra->worker != RA_WORKER_IMPORT) {
        if (ra->worker >= 0) {
            return RA_E_BUSY;
        }
        ra->worker = RA_WORKER_IMPORT;
        ra->import_sub = OPENING;
        ra_pkcs12_init(p, buf, size, cap, password, ra->request + KEY_AT, RA_PKCS12_KEY_MAX);
    }
    ra->provision_ms = ra_clock_ms(&ra->clock);
    e = ra->import_sub == OPENING
            ? opening_step(ra)
            : ra_provision(ra, role, ra->request + KEY_AT, p->key_size, p->certs[0].p,
                           p->certs[0].size, ra->request + ISSUERS_AT, ra->scratch_size);
    if (e != RA_AGAIN) {
        ra_import_stop(ra);
    }
    return e;
}
