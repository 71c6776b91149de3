#include "fake_ca_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ra_cms.h"
#include "ra_csr.h"
#include "ra_der.h"
#include "ra_pem.h"
#include "ra_schedule.h"
#include "ra_time.h"
#include "world_vectors.h"

bool fake_ca_busy;

void fake_ca_must(bool truth, const char *what)
{
    if (!truth) {
        (void)fprintf(stderr, "fake CA: %s\n", what);
        abort();
    }
}

static const struct world_blob *find_blob(const char *name)
{
    const struct world_blob *b = world_blobs;
    while (b->name != NULL && strcmp(b->name, name) != 0) {
        b++;
    }
    fake_ca_must(b->name != NULL, name);
    return b;
}

/* A certificate as the crypto/ in this program sees it: with openssl's signature, or where that
 * one does not fit (fast_crypto), with another by the same issuer over the same content. */
static struct resigned {
    const char *name, *issuer_key;
    struct world_blob blob;
    uint8_t der[FAKE_CA_CERT_MAX];
} resigned[] = {{.name = "issuing.cert", .issuer_key = "root.key"},
                {.name = "scep.cert", .issuer_key = "issuing.key"},
                {.name = "issuing_ends.cert", .issuer_key = "root.key"},
                {.name = "issuing2.cert", .issuer_key = "root.key"},
                {.name = "scep2.cert", .issuer_key = "issuing2.key"},
                {.name = "issuing3.cert", .issuer_key = "root2.key"},
                {.name = "scep3.cert", .issuer_key = "issuing3.key"},
                {.name = "root2.cert", .issuer_key = "root2.key"},
                {.name = "root_by_root2.cert", .issuer_key = "root2.key"},
                {.name = "root2_by_root.cert", .issuer_key = "root.key"},
                {.name = "root2_by_false.cert", .issuer_key = "stranger.key"}};

static const struct world_blob *resign(struct resigned *r)
{
    uint8_t digest[RA_HASH_SIZE_MAX], sig[RA_SIGNATURE_MAX + 1];
    const struct world_blob *issuer_key = find_blob(r->issuer_key);
    size_t sig_size = 0;
    struct ra_cert cert;
    struct ra_key issuer;
    struct ra_der_put w;
    if (r->blob.p != NULL) {
        return &r->blob;
    }
    struct world_blob found = *find_blob(r->name);
    fake_ca_must(ra_cert_parse(&cert, found.p, found.size) == RA_OK, found.name);
    fake_ca_must(ra_key_from_der(&issuer, issuer_key->p, issuer_key->size) == RA_OK,
                 issuer_key->name);
    fake_ca_must(ra_hash(cert.sig_hash, cert.tbs.p, cert.tbs.size, digest) == RA_OK, "a hash");
    if (ra_key_verify(&issuer, cert.sig_hash, digest, cert.sig.p, cert.sig.size) != RA_OK) {
        fake_ca_must(ra_key_sign(&issuer, NULL, cert.sig_hash, digest, sig + 1, sizeof sig - 1,
                                 &sig_size) == RA_OK,
                     "the issuer's signature");
        sig[0] = 0;
        ra_der_put_init(&w, r->der, sizeof r->der);
        ra_der_put_value(&w, RA_DER_BITS, sig, sig_size + 1);
        ra_der_put_algorithm(&w, RA_OID_ECDSA_SHA256, false);
        ra_der_put_raw(&w, cert.tbs);
        ra_der_put_wrap(&w, RA_DER_SEQUENCE, 0);
        fake_ca_must(w.err == RA_OK, "a certificate is too large");
        found.p = ra_der_put_span(&w).p;
        found.size = ra_der_put_span(&w).size;
    }
    r->blob = found;
    return &r->blob;
}

const struct world_blob *world_blob(const char *name)
{
    for (size_t i = 0; i < sizeof resigned / sizeof resigned[0]; i++) {
        if (strcmp(name, resigned[i].name) == 0) {
            return resign(&resigned[i]);
        }
    }
    return find_blob(name);
}

/* --- authorities --------------------------------------------------------------------------- */

const struct fake_authority_files *fake_ca_files(enum fake_authority by)
{
    static const struct fake_authority_files files[FAKE_AUTHORITIES] = {
        {"root.cert", "issuing.cert", "issuing.key", "scep.cert", "scep.key"},
        {"root.cert", "issuing_ends.cert", "issuing.key", "scep.cert", "scep.key"},
        {"root.cert", "issuing2.cert", "issuing2.key", "scep2.cert", "scep2.key"},
        {"root2.cert", "issuing3.cert", "issuing3.key", "scep3.cert", "scep2.key"},
    };
    return &files[by];
}

const char *fake_ca_root(enum fake_authority by)
{
    return fake_ca_files(by)->root;
}

const struct world_blob *fake_ca_top(const struct fake_ca *ca, enum fake_authority by)
{
    bool first = by != FAKE_AUTHORITY_NEW_ROOT;
    return world_blob(ca->root_again && first ? "root_again.cert" : fake_ca_root(by));
}

const char *fake_ca_issuing(enum fake_authority by)
{
    return fake_ca_files(by)->issuing;
}

const struct ra_key *fake_ca_key(const char *name)
{
    static struct {
        const char *name;
        struct ra_key key;
    } read[9]; /* the last stays free */
    const unsigned last = sizeof read / sizeof read[0] - 1;
    unsigned i = 0;
    while (i < last && read[i].name != NULL && strcmp(read[i].name, name) != 0) {
        i++;
    }
    fake_ca_must(i < last, "too many keys");
    if (read[i].name == NULL) {
        const struct world_blob *b = find_blob(name);
        fake_ca_must(ra_key_from_der(&read[i].key, b->p, b->size) == RA_OK, name);
        read[i].name = b->name;
    }
    return &read[i].key;
}

static int noise(void *dev, uint8_t *out, uint32_t size)
{
    uint32_t *x = dev;
    for (uint32_t i = 0; i < size; i++) {
        *x ^= *x << 13;
        *x ^= *x >> 17;
        *x ^= *x << 5;
        out[i] = (uint8_t)(*x >> 11);
    }
    return (int)size;
}

/* Seeded anew each time: the generator of wolfSSL cannot be copied with the CA. */
struct ra_random *fake_ca_random(struct fake_ca *ca)
{
    static uint32_t state;
    static const struct hal_entropy source = {noise, &state};
    static struct ra_random random;
    state = 2463534242u + ++ca->drawn;
    fake_ca_must(ra_random_init(&random, &source) == RA_OK, "a source of noise");
    ra_err e;
    do {
        e = ra_random_seed(&random);
    } while (e == RA_AGAIN);
    fake_ca_must(e == RA_OK, "random numbers");
    return &random;
}

/* --- certificates -------------------------------------------------------------------------- */

/* What was written since `mark` becomes the value of an extension. */
static void extension(struct ra_der_put *w, size_t mark, enum ra_oid oid, bool critical)
{
    static const uint8_t yes = 0xff;
    ra_der_put_wrap(w, RA_DER_OCTETS, mark);
    if (critical) {
        ra_der_put_value(w, RA_DER_BOOLEAN, &yes, 1);
    }
    ra_der_put_oid(w, oid);
    ra_der_put_wrap(w, RA_DER_SEQUENCE, mark);
}

static void put_extensions(struct ra_der_put *w, enum ra_role role, struct ra_span spki_bits,
                           struct ra_span issuer_skid, bool is_ca)
{
    static const uint8_t usage[RA_ROLES][2] = {{7, 0x80}, {5, 0x20}, {5, 0xa0}};
    static const uint8_t yes = 0xff;
    const char *template_name = ra_role_template(role);
    uint8_t bmp[64];
    uint8_t digest[RA_HASH_SIZE_MAX];
    size_t all = ra_der_put_size(w);

    size_t mark = ra_der_put_size(w);
    ra_der_put_value(w, RA_DER_CONTEXT(0), issuer_skid.p, issuer_skid.size);
    ra_der_put_wrap(w, RA_DER_SEQUENCE, mark);
    extension(w, mark, RA_OID_AUTHORITY_KEY_ID, false);

    mark = ra_der_put_size(w);
    fake_ca_must(ra_hash(RA_HASH_SHA1, spki_bits.p, spki_bits.size, digest) == RA_OK, "SHA-1");
    ra_der_put_value(w, RA_DER_OCTETS, digest, 20);
    extension(w, mark, RA_OID_SUBJECT_KEY_ID, false);

    if (is_ca) {
        mark = ra_der_put_size(w);
        ra_der_put_value(w, RA_DER_BOOLEAN, &yes, 1);
        ra_der_put_wrap(w, RA_DER_SEQUENCE, mark);
        extension(w, mark, RA_OID_BASIC_CONSTRAINTS, true);
    }
    size_t n = strlen(template_name);
    if (n != 0) {
        mark = ra_der_put_size(w);
        ra_der_put_oid(w, RA_OID_MS_REQUEST_AGENT);
        ra_der_put_wrap(w, RA_DER_SEQUENCE, mark);
        extension(w, mark, RA_OID_EXTENDED_KEY_USAGE, false);

        mark = ra_der_put_size(w);
        for (size_t i = 0; i < n; i++) {
            bmp[2 * i] = 0;
            bmp[2 * i + 1] = (uint8_t)template_name[i];
        }
        ra_der_put_value(w, RA_DER_BMP, bmp, 2 * n);
        extension(w, mark, RA_OID_MS_TEMPLATE_NAME, false);
    }

    mark = ra_der_put_size(w);
    ra_der_put_value(w, RA_DER_BITS, usage[role], 2);
    extension(w, mark, RA_OID_KEY_USAGE, true);

    ra_der_put_wrap(w, RA_DER_SEQUENCE, all);
    ra_der_put_wrap(w, RA_DER_CONTEXT_CONSTRUCTED(3), all);
}

static void put_time(struct ra_der_put *w, int64_t t)
{
    char text[40];
    struct ra_date d;
    ra_time_to_date(t, &d);
    fake_ca_must(d.year < 2050, "dates after 2049 are not issued");
    (void)snprintf(text, sizeof text, "%02u%02u%02u%02u%02u%02uZ", (unsigned)(d.year % 100),
                   (unsigned)d.month, (unsigned)d.day, (unsigned)d.hour, (unsigned)d.minute,
                   (unsigned)d.second);
    ra_der_put_text(w, RA_DER_UTC_TIME, text);
}

static void put_subject(struct ra_der_put *w, const char *common_name)
{
    static const uint8_t cn[] = {0x55, 0x04, 0x03};
    size_t mark = ra_der_put_size(w);
    ra_der_put_text(w, RA_DER_PRINTABLE, common_name);
    ra_der_put_value(w, RA_DER_OID, cn, sizeof cn);
    ra_der_put_wrap(w, RA_DER_SEQUENCE, mark);
    ra_der_put_wrap(w, RA_DER_SET, mark);
    ra_der_put_wrap(w, RA_DER_SEQUENCE, mark);
}

/* The contents of the SPKI's BIT STRING without the unused-bits byte. */
static struct ra_span bits_of(struct ra_span spki)
{
    struct ra_der d;
    ra_der_init(&d, spki);
    const uint8_t *outer = ra_der_enter(&d, RA_DER_SEQUENCE);
    (void)ra_der_any(&d);
    struct ra_span bits = ra_der_bits(&d);
    ra_der_leave(&d, outer);
    fake_ca_must(ra_der_finish(&d) == RA_OK, "the public key");
    return bits;
}

static void parse_blob(const char *name, struct ra_cert *cert)
{
    const struct world_blob *b = world_blob(name);
    fake_ca_must(ra_cert_parse(cert, b->p, b->size) == RA_OK, name);
}

struct wanted {
    enum ra_role role;
    struct ra_span spki;
    struct ra_span subject; /* empty: the usual one */
    int64_t not_before, not_after;
    bool is_ca, by_stranger, bad_signature;
};

/* Writes the certificate to r->cert. */
static void issue(const struct fake_ca *ca, struct fake_ca_request *r, const struct wanted *v)
{
    uint8_t buf[FAKE_CA_CERT_MAX];
    uint8_t digest[RA_HASH_SIZE_MAX], sig[RA_SIGNATURE_MAX + 1];
    size_t sig_size = 0;
    struct ra_cert issuer;
    struct ra_der_put w;
    const uint8_t serial[] = {0x1a,
                              (uint8_t)v->role,
                              0,
                              0,
                              0,
                              0x2d,
                              (uint8_t)(r->id >> 24),
                              (uint8_t)(r->id >> 16),
                              (uint8_t)(r->id >> 8),
                              (uint8_t)r->id};

    const struct fake_authority_files *files = fake_ca_files(ca->authority);
    parse_blob(v->by_stranger ? "stranger.cert" : files->issuing, &issuer);
    ra_der_put_init(&w, buf, sizeof buf);
    put_extensions(&w, v->role, bits_of(v->spki), issuer.skid, v->is_ca);
    ra_der_put_raw(&w, v->spki);
    if (v->subject.size != 0) {
        ra_der_put_raw(&w, v->subject);
    } else {
        put_subject(&w, "RA01-MSCEP-RA");
    }
    size_t mark = ra_der_put_size(&w);
    put_time(&w, v->not_after);
    put_time(&w, v->not_before);
    ra_der_put_wrap(&w, RA_DER_SEQUENCE, mark);
    ra_der_put_raw(&w, issuer.subject);
    ra_der_put_algorithm(&w, RA_OID_ECDSA_SHA256, false);
    ra_der_put_value(&w, RA_DER_INTEGER, serial, sizeof serial);
    mark = ra_der_put_size(&w);
    ra_der_put_u32(&w, 2);
    ra_der_put_wrap(&w, RA_DER_CONTEXT_CONSTRUCTED(0), mark);
    ra_der_put_wrap(&w, RA_DER_SEQUENCE, 0);
    fake_ca_must(w.err == RA_OK, "a certificate is too large");

    struct ra_span tbs = ra_der_put_span(&w);
    fake_ca_must(ra_hash(RA_HASH_SHA256, tbs.p, tbs.size, digest) == RA_OK, "SHA-256");
    fake_ca_must(ra_key_sign(fake_ca_key(v->by_stranger ? "stranger.key" : files->issuing_key),
                             NULL, RA_HASH_SHA256, digest, sig + 1, sizeof sig - 1,
                             &sig_size) == RA_OK,
                 "the CA's signature");
    sig[0] = 0;
    sig[sig_size] ^= v->bad_signature ? 1 : 0;

    uint8_t whole[FAKE_CA_CERT_MAX];
    ra_der_put_init(&w, whole, sizeof whole);
    ra_der_put_value(&w, RA_DER_BITS, sig, sig_size + 1);
    ra_der_put_algorithm(&w, RA_OID_ECDSA_SHA256, false);
    ra_der_put_raw(&w, tbs);
    ra_der_put_wrap(&w, RA_DER_SEQUENCE, 0);
    fake_ca_must(w.err == RA_OK, "a certificate is too large");
    struct ra_span der = ra_der_put_span(&w);
    memcpy(r->cert, der.p, der.size);
    r->cert_size = (uint16_t)der.size;
    r->state = FAKE_CA_ISSUED;
    r->by = ca->authority;
}

/* --- requests ------------------------------------------------------------------------------ */

/* A free place, or the oldest of a kind that there is too much of: not issued, issued and not in
 * use as far as anybody said, in use. */
static struct fake_ca_request *place(struct fake_ca *ca)
{
    struct fake_ca_request *oldest[3] = {NULL, NULL, NULL};
    unsigned count[3] = {0, 0, 0};
    for (unsigned i = 0; i < FAKE_CA_REQUESTS; i++) {
        struct fake_ca_request *r = &ca->request[i];
        unsigned kind = r->state != FAKE_CA_ISSUED ? 0 : r->kept == 0 ? 1 : 2;
        if (r->id == 0) {
            return r;
        }
        count[kind]++;
        const struct fake_ca_request *o = oldest[kind];
        if (o == NULL || r->kept < o->kept || (r->kept == o->kept && r->id < o->id)) {
            oldest[kind] = r;
        }
    }
    unsigned kind = count[0] > FAKE_CA_REQUESTS / 4u ? 0 : count[1] > FAKE_CA_REQUESTS / 4u ? 1 : 2;
    return oldest[kind];
}

struct fake_ca_request *fake_ca_new_request(struct fake_ca *ca, enum ra_role role, int64_t now,
                                            struct ra_span spki)
{
    uint32_t id = ++ca->last_id;
    struct fake_ca_request *r = place(ca);
    memset(r, 0, sizeof *r);
    r->id = id;
    r->role = role;
    r->at = now;
    fake_ca_must(spki.size <= sizeof r->spki, "a public key is too large");
    memcpy(r->spki, spki.p, spki.size);
    r->spki_size = (uint16_t)spki.size;
    return r;
}

bool fake_ca_old(const struct fake_ca_request *r, struct ra_cert *out)
{
    static uint8_t copy[FAKE_CA_CERT_MAX];
    memcpy(copy, r->cert, r->cert_size);
    return ra_cert_parse(out, copy, r->cert_size) == RA_OK;
}

const struct fake_ca_request *fake_ca_request(const struct fake_ca *ca, uint32_t id)
{
    for (unsigned i = 0; id != 0 && i < FAKE_CA_REQUESTS; i++) {
        if (ca->request[i].id == id) {
            return &ca->request[i];
        }
    }
    return NULL;
}

void fake_ca_keep(struct fake_ca *ca, uint32_t id)
{
    for (unsigned i = 0; i < FAKE_CA_REQUESTS; i++) {
        if (ca->request[i].id == id) {
            ca->request[i].kept = ++ca->keeps;
        }
    }
}

void fake_ca_forget(struct fake_ca *ca, uint32_t id)
{
    for (unsigned i = 0; i < FAKE_CA_REQUESTS; i++) {
        if (ca->request[i].id == id) {
            memset(&ca->request[i], 0, sizeof ca->request[i]);
        }
    }
}

const struct fake_ca_request *fake_ca_newest(const struct fake_ca *ca, enum ra_role role)
{
    const struct fake_ca_request *newest = NULL;
    for (unsigned i = 0; i < FAKE_CA_REQUESTS; i++) {
        const struct fake_ca_request *r = &ca->request[i];
        if (r->id != 0 && r->role == role && r->state == FAKE_CA_ISSUED &&
            (newest == NULL || r->id > newest->id)) {
            newest = r;
        }
    }
    return newest;
}

const struct fake_ca_request *fake_ca_find(const struct fake_ca *ca, const uint8_t *cert,
                                           size_t size)
{
    for (unsigned i = 0; i < FAKE_CA_REQUESTS; i++) {
        const struct fake_ca_request *r = &ca->request[i];
        if (r->id != 0 && r->state == FAKE_CA_ISSUED && r->as != FAKE_CA_SAME &&
            r->cert_size == size && memcmp(r->cert, cert, size) == 0) {
            return r;
        }
    }
    return NULL;
}

static struct fake_ca_request *waiting(struct fake_ca *ca, enum ra_role role)
{
    struct fake_ca_request *newest = NULL;
    for (unsigned i = 0; i < FAKE_CA_REQUESTS; i++) {
        struct fake_ca_request *r = &ca->request[i];
        if (r->id != 0 && r->role == role && r->state == FAKE_CA_WAITS &&
            (newest == NULL || r->id > newest->id)) {
            newest = r;
        }
    }
    return newest;
}

void fake_ca_issue(struct fake_ca *ca, struct fake_ca_request *r, enum fake_ca_mode mode,
                   int64_t now, const struct ra_cert *old)
{
    struct wanted v = {.role = r->role, .spki = {r->spki, r->spki_size}, .subject = old->subject};
    uint8_t other[320];
    uint8_t name_buf[64];
    r->as = mode;
    v.not_before = now - now % (ca->round_to != 0 ? ca->round_to : 1u) - 600;
    v.not_after = v.not_before + (int64_t)ca->life_days * RA_DAY;
    switch (mode) {
    case FAKE_CA_WRONG_KEY: {
        struct ra_key key;
        size_t size = 0;
        const struct world_blob *b =
            world_blob(r->role == RA_ROLE_AGENT ? "agent_new2.key" : "encryption_new2.key");
        fake_ca_must(ra_key_from_der(&key, b->p, b->size) == RA_OK, b->name);
        fake_ca_must(ra_key_spki(&key, other, sizeof other, &size) == RA_OK, b->name);
        other[size - 1] ^=
            ra_span_equal(v.spki, (struct ra_span){other, size}); /* it may be ours */
        v.spki = (struct ra_span){other, size};
        break;
    }
    case FAKE_CA_WRONG_ROLE:
        v.role = r->role == RA_ROLE_AGENT ? RA_ROLE_ENCRYPTION : RA_ROLE_AGENT;
        break;
    case FAKE_CA_SAME:
        memcpy(r->cert, old->der.p, old->der.size);
        r->cert_size = (uint16_t)old->der.size;
        r->state = FAKE_CA_ISSUED;
        return;
    case FAKE_CA_EXPIRED:
        v.not_before = now - 700 * RA_DAY;
        v.not_after = now - RA_DAY;
        break;
    case FAKE_CA_NOT_YET:
        v.not_before = now + 3 * RA_DAY;
        break;
    case FAKE_CA_SOON:
        v.not_before = now + 2 * RA_HOUR;
        break;
    case FAKE_CA_SHORT:
        v.not_after = now + 60 * RA_DAY;
        break;
    case FAKE_CA_NOT_LONGER:
        v.not_after = old->not_after;
        break;
    case FAKE_CA_OTHER_SUBJECT: {
        struct ra_der_put w;
        ra_der_put_init(&w, name_buf, sizeof name_buf);
        put_subject(&w, "SOMEBODY ELSE");
        v.subject = ra_der_put_span(&w);
        break;
    }
    default:
        v.is_ca = mode == FAKE_CA_IS_CA;
        v.by_stranger = mode == FAKE_CA_UNTRUSTED;
        v.bad_signature = mode == FAKE_CA_BAD_SIGNATURE;
        break;
    }
    issue(ca, r, &v);
}

uint32_t fake_ca_enrol(struct fake_ca *ca, enum ra_role role, const uint8_t *spki, size_t spki_size,
                       int64_t not_before, int64_t not_after)
{
    struct ra_span key = {spki, spki_size};
    struct fake_ca_request *r = fake_ca_new_request(ca, role, not_before, key);
    struct wanted v = {.role = role, .spki = key, .not_before = not_before, .not_after = not_after};
    issue(ca, r, &v);
    memcpy(ca->new_spki[role], spki, spki_size);
    return r->id;
}

/* The certificate that the waiting request is to renew is the newest issued one before it. */
bool fake_ca_approve(struct fake_ca *ca, enum ra_role role, int64_t now)
{
    struct fake_ca_request *r = waiting(ca, role);
    const struct fake_ca_request *before = fake_ca_newest(ca, role);
    struct ra_cert old;
    if (r == NULL || (before == NULL && r->subject_size == 0)) {
        return false;
    }
    memset(&old, 0, sizeof old);
    old.subject = (struct ra_span){r->subject, r->subject_size};
    fake_ca_must(r->subject_size != 0 ||
                     ra_cert_parse(&old, before->cert, before->cert_size) == RA_OK,
                 "its own certificate");
    enum fake_ca_mode mode = ca->mode[role] <= FAKE_CA_ERROR ? FAKE_CA_ISSUE : ca->mode[role];
    fake_ca_issue(ca, r, mode, now, &old);
    return true;
}

bool fake_ca_refuse(struct fake_ca *ca, enum ra_role role)
{
    struct fake_ca_request *r = waiting(ca, role);
    if (r != NULL) {
        r->state = FAKE_CA_DENIED;
    }
    return r != NULL;
}

enum ra_role fake_ca_role_of(const struct ra_csr *csr)
{
    static const uint8_t usage[RA_ROLES][4] = {{3, 2, 7, 0x80}, {3, 2, 5, 0x20}, {3, 2, 5, 0xa0}};
    for (size_t i = 0; i + 4 <= csr->attributes.size; i++) {
        for (unsigned role = 0; role < RA_ROLES; role++) {
            if (memcmp(csr->attributes.p + i, usage[role], 4) == 0) {
                return (enum ra_role)role;
            }
        }
    }
    return RA_ROLE_DEVICE;
}

/* --- judging a renewal ---------------------------------------------------------------------- */

struct renewal {
    struct ra_cert old;
    struct ra_csr csr;
    enum ra_role role;
};

/* NULL, or what is wrong with the message in der[0 .. size-1]. */
static const char *judge(const struct fake_ca *ca, uint8_t *der, size_t size, size_t cap,
                         int64_t now, struct renewal *out)
{
    struct ra_cms_signed cms;
    struct ra_key key;
    struct ra_span value;
    char template_name[64];
    if (ra_csr_parse(&out->csr, (struct ra_span){der, size}) == RA_OK) {
        /* A first enrolment: nothing to compare with. */
        memset(&out->old, 0, sizeof out->old);
        out->old.subject = out->csr.subject;
        out->role = fake_ca_role_of(&out->csr);
        return ra_csr_verify(&out->csr, &key) == RA_OK ? NULL : "the key's signature";
    }
    if (ra_cms_signed_parse(&cms, der, size, cap) != RA_OK || cms.signers != 1) {
        return "not a CMS message of one signer";
    }
    if (ra_cert_parse(&out->old, cms.certs.p, cms.certs.size) != RA_OK) {
        return "the message holds not exactly one certificate";
    }
    if (fake_ca_find(ca, cms.certs.p, cms.certs.size) == NULL) {
        return "the certificate to renew is not ours";
    }
    if (now >= out->old.not_after) {
        return "the certificate to renew has expired";
    }
    if (!ra_cms_signed_by(&cms, &out->old) ||
        ra_key_from_spki(&key, out->old.spki.p, out->old.spki.size) != RA_OK ||
        ra_cms_signed_verify(&cms, &key) != RA_OK) {
        return "the old key's signature";
    }
    if (ra_csr_parse(&out->csr, cms.content) != RA_OK || ra_csr_verify(&out->csr, &key) != RA_OK) {
        return "the new key's signature";
    }
    if (ra_csr_attribute(&out->csr, RA_OID_MS_RENEWAL_CERT, &value) != RA_OK ||
        !ra_span_equal(value, out->old.der)) {
        return "the RENEWAL_CERTIFICATE attribute";
    }
    if (!ra_span_equal(out->csr.subject, out->old.subject)) {
        return "the subject";
    }
    ra_cert_template_name(&out->old, template_name, sizeof template_name);
    for (unsigned i = 0; i < RA_ROLES; i++) {
        if (strcmp(template_name, ra_role_template((enum ra_role)i)) == 0) {
            out->role = (enum ra_role)i;
            return NULL;
        }
    }
    return "the template";
}

/* --- pages ---------------------------------------------------------------------------------- */

struct page {
    char text[1024];
};

#define TOP                                                                                        \
    "<HTML><Head><Title>Certificate Services</Title></Head><Body><Font ID=locPageFont>"            \
    "<TD ID=locMSCertSrv>World Issuing CA 2</TD><P ID=locPageTitle> <B> Words </B>\r\n"
#define END "</Font></Body></HTML>\r\n"

static const char *issued_page(struct page *p, uint32_t id)
{
    (void)snprintf(
        p->text, sizeof p->text,
        TOP "<P ID=locInfo>Here.</P><A Href=\"certnew.cer?ReqID=%u&amp;Enc=bin\">Load</A>" END,
        (unsigned)id);
    return p->text;
}

static const char *pending_page(struct page *p, uint32_t id)
{
    (void)snprintf(p->text, sizeof p->text,
                   TOP "<P ID=locInfo>It waits.</P><P ID=locInfoReqID>Your Request Id is %u.</P>"
                       "<P>Within 10 days.</P>" END,
                   (unsigned)id);
    return p->text;
}

static const char *denied_page(struct page *p, uint32_t id)
{
    (void)snprintf(p->text, sizeof p->text,
                   TOP "<P ID=locDenied>Your request was denied.<P>Your Request Id is %u. The "
                       "disposition message is \"Denied by EXAMPLE\\boss\"." END,
                   (unsigned)id);
    return p->text;
}

static const char *error_page(struct page *p, uint32_t hresult)
{
    (void)snprintf(p->text, sizeof p->text,
                   TOP "<DL><DT ID=locDispLabel>Disposition:</DT><DD>1 - (x)</DD>"
                       "<DT ID=locDispMsgLabel>Message:</DT><DD>An error. 0x%08x</DD></DL>" END,
                   (unsigned)hresult);
    return p->text;
}

/* --- HTTP ------------------------------------------------------------------------------------ */

void fake_ca_date(int64_t t, char out[40])
{
    static const char *const days[] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct ra_date d;
    ra_time_to_date(t, &d);
    (void)snprintf(out, 40, "%s, %02u %s %04u %02u:%02u:%02u GMT", days[(t / RA_DAY) % 7],
                   (unsigned)d.day % 100, months[d.month - 1], (unsigned)d.year % 10000,
                   (unsigned)d.hour % 100, (unsigned)d.minute % 100, (unsigned)d.second % 100);
}

size_t fake_ca_reply(const struct fake_ca *ca, int64_t now, unsigned status, const char *more,
                     const char *type, const void *body, size_t size,
                     uint8_t reply[FAKE_CA_REPLY_MAX])
{
    char date[80] = "", text[40];
    fake_ca_date(now + ca->clock_error, text);
    if (!ca->no_date) {
        (void)snprintf(date, sizeof date, "Date: %s\r\n", text);
    }
    int n = snprintf((char *)reply, FAKE_CA_REPLY_MAX,
                     "HTTP/1.1 %u Words\r\n%sContent-Type: %s\r\n%sContent-Length: %u\r\n\r\n",
                     status, date, type, more, (unsigned)size);
    fake_ca_must(n > 0 && (size_t)n + size <= FAKE_CA_REPLY_MAX, "a reply is too large");
    memcpy(reply + n, body, size);
    return (size_t)n + size;
}

static size_t reply_page(const struct fake_ca *ca, int64_t now, const char *page,
                         uint8_t reply[FAKE_CA_REPLY_MAX])
{
    return fake_ca_reply(ca, now, 200, "", "text/html", page, strlen(page), reply);
}

static uint8_t hex_value(char c)
{
    return (uint8_t)(c >= '0' && c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

const char *fake_ca_find_text(const char *p, size_t size, const char *word)
{
    size_t n = strlen(word);
    for (size_t i = 0; i + n <= size; i++) {
        if (memcmp(p + i, word, n) == 0) {
            return p + i;
        }
    }
    return NULL;
}

/* The field of the form, percent-decoded; 0 when it is not there. */
size_t fake_ca_field(const char *p, size_t size, const char *name, uint8_t *out, size_t cap)
{
    const char *at = fake_ca_find_text(p, size, name);
    size_t n = 0;
    if (at == NULL) {
        return 0;
    }
    for (at += strlen(name); at < p + size && *at != '&' && *at != ' ' && n < cap; at++) {
        if (*at == '%' && p + size - at > 2) {
            out[n++] = (uint8_t)(hex_value(at[1]) << 4 | hex_value(at[2]));
            at += 2;
        } else {
            out[n++] = (uint8_t)(*at == '+' ? ' ' : *at);
        }
    }
    return n;
}

void fake_ca_count(struct fake_ca *ca, enum ra_role role, int64_t now, struct ra_span spki)
{
    int64_t day = now / RA_DAY;
    if (day != ca->day) {
        ca->day = day;
        memset(ca->today, 0, sizeof ca->today);
    }
    ca->today[role]++;
    if (ca->today[role] > ca->most_a_day[role]) {
        ca->most_a_day[role] = ca->today[role];
    }
    if (ca->submits[role] < FAKE_CA_TIMES) {
        ca->submit_at[role][ca->submits[role]] = now;
    }
    ca->submits[role]++;
    if (spki.size <= sizeof ca->new_spki[role] &&
        memcmp(ca->new_spki[role], spki.p, spki.size) != 0) {
        memset(ca->new_spki[role], 0, sizeof ca->new_spki[role]);
        memcpy(ca->new_spki[role], spki.p, spki.size);
        ca->keys[role]++;
    }
}

static size_t refuse(struct fake_ca *ca, int64_t now, const char *why,
                     uint8_t reply[FAKE_CA_REPLY_MAX])
{
    struct page page = {""};
    ca->bad++;
    ca->why = why;
    return reply_page(ca, now, error_page(&page, 0x8009200eu), reply);
}

static struct fake_ca_request *take(struct fake_ca *ca, int64_t now, const struct renewal *renewal)
{
    uint8_t digest[RA_HASH_SIZE_MAX];
    fake_ca_count(ca, renewal->role, now, renewal->csr.spki);
    struct fake_ca_request *r = fake_ca_new_request(ca, renewal->role, now, renewal->csr.spki);
    fake_ca_must(ra_hash(RA_HASH_SHA256, renewal->csr.tbs.p, renewal->csr.tbs.size, digest) ==
                     RA_OK,
                 "hash");
    memcpy(r->csr_sha256, digest, sizeof r->csr_sha256);
    return r;
}

uint32_t fake_ca_take(struct fake_ca *ca, int64_t now, const char *pem, size_t size)
{
    static uint8_t der[12288];
    struct renewal renewal;
    const char *why = "not PEM";
    if (ra_pem_to_der((const uint8_t *)pem, size, der, sizeof der, &size) == RA_OK) {
        why = judge(ca, der, size, sizeof der, now, &renewal);
    }
    if (why != NULL) {
        ca->bad++;
        ca->why = why;
        return 0;
    }
    struct fake_ca_request *r = take(ca, now, &renewal);
    if (ca->mode[renewal.role] != FAKE_CA_PEND) {
        fake_ca_issue(ca, r, ca->mode[renewal.role], now, &renewal.old);
    }
    return r->id;
}

static size_t submit(struct fake_ca *ca, int64_t now, const char *form, size_t form_size,
                     uint8_t reply[FAKE_CA_REPLY_MAX])
{
    static uint8_t der[12288];
    struct renewal renewal;
    struct page page = {""};
    uint8_t attributes[128];
    size_t size = fake_ca_field(form, form_size, "CertRequest=", der, sizeof der);
    if (size == 0 || ra_base64_decode(der, size, der, sizeof der, &size) != RA_OK) {
        return refuse(ca, now, "the form", reply);
    }
    const char *why = judge(ca, der, size, sizeof der, now, &renewal);
    if (why != NULL) {
        return refuse(ca, now, why, reply);
    }
    char wanted[80];
    (void)snprintf(wanted, sizeof wanted, "CertificateTemplate:%s\r\n",
                   ra_role_template(renewal.role));
    size_t n = fake_ca_field(form, form_size, "CertAttrib=", attributes, sizeof attributes);
    if (n != strlen(wanted) || memcmp(attributes, wanted, n) != 0) {
        return refuse(ca, now, "the request attributes", reply);
    }
    enum ra_role role = renewal.role;
    if (ca->mode[role] == FAKE_CA_ERROR) {
        fake_ca_count(ca, role, now, renewal.csr.spki);
        return reply_page(ca, now, error_page(&page, ca->hresult), reply);
    }
    struct fake_ca_request *r = take(ca, now, &renewal);
    if (ca->mode[role] == FAKE_CA_DENY) {
        r->state = FAKE_CA_DENIED;
        return reply_page(ca, now, denied_page(&page, r->id), reply);
    }
    if (ca->mode[role] == FAKE_CA_PEND) {
        return reply_page(ca, now, pending_page(&page, r->id), reply);
    }
    fake_ca_issue(ca, r, ca->mode[role], now, &renewal.old);
    return reply_page(ca, now, issued_page(&page, r->id), reply);
}

/* certs-only SignedData [RFC 5652]. */
size_t fake_ca_certs(const struct ra_span certs[], size_t n, uint8_t *out, size_t cap)
{
    struct ra_der_put w;
    ra_der_put_init(&w, out, cap);
    ra_der_put_value(&w, RA_DER_SET, NULL, 0);
    size_t mark = ra_der_put_size(&w);
    for (size_t i = n; i-- > 0;) {
        ra_der_put_raw(&w, certs[i]);
    }
    ra_der_put_wrap(&w, RA_DER_CONTEXT_CONSTRUCTED(0), mark);
    mark = ra_der_put_size(&w);
    ra_der_put_oid(&w, RA_OID_DATA);
    ra_der_put_wrap(&w, RA_DER_SEQUENCE, mark);
    ra_der_put_value(&w, RA_DER_SET, NULL, 0);
    ra_der_put_u32(&w, 1);
    ra_der_put_wrap(&w, RA_DER_SEQUENCE, 0);
    ra_der_put_wrap(&w, RA_DER_CONTEXT_CONSTRUCTED(0), 0);
    ra_der_put_oid(&w, RA_OID_SIGNED_DATA);
    ra_der_put_wrap(&w, RA_DER_SEQUENCE, 0);
    fake_ca_must(w.err == RA_OK, "a list of certificates is too large");
    struct ra_span all = ra_der_put_span(&w);
    memmove(out, all.p, all.size);
    return all.size;
}

size_t fake_ca_set(const struct fake_ca *ca, const struct ra_span certs[], size_t n, uint8_t *out,
                   size_t cap)
{
    const struct world_blob *stranger = world_blob("stranger.cert");
    struct ra_span all[16];
    fake_ca_must(n + ca->strangers <= sizeof all / sizeof all[0], "too many strangers");
    memcpy(all, certs, n * sizeof *certs);
    for (unsigned i = 0; i < ca->strangers; i++) {
        all[n++] = (struct ra_span){stranger->p, stranger->size};
    }
    return fake_ca_certs(all, n, out, cap);
}

size_t fake_ca_chain(const struct fake_ca *ca, const struct fake_ca_request *r, uint8_t *out,
                     size_t cap)
{
    bool stranger = ca->mode[r->role] == FAKE_CA_UNTRUSTED;
    const struct world_blob *top = fake_ca_top(ca, r->by);
    const struct world_blob *issuing =
        world_blob(stranger ? "stranger.cert" : fake_ca_issuing(r->by));
    const struct ra_span certs[] = {
        {r->cert, r->cert_size}, {issuing->p, issuing->size}, {top->p, top->size}};
    return fake_ca_certs(certs, 3, out, cap);
}

static size_t give(struct fake_ca *ca, int64_t now, uint32_t id, bool chain,
                   uint8_t reply[FAKE_CA_REPLY_MAX])
{
    uint8_t body[FAKE_CA_REPLY_MAX - 512];
    struct page page = {""};
    const struct fake_ca_request *r = fake_ca_request(ca, id);
    if (r == NULL) {
        return reply_page(ca, now, error_page(&page, 0x80094004u), reply);
    }
    if (r->state == FAKE_CA_DENIED) {
        return reply_page(ca, now, denied_page(&page, id), reply);
    }
    if (r->state == FAKE_CA_WAITS) {
        return reply_page(ca, now, pending_page(&page, id), reply);
    }
    if (chain) {
        size_t size = fake_ca_chain(ca, r, body, sizeof body);
        return fake_ca_reply(ca, now, 200, "", "application/x-pkcs7-certificates", body, size,
                             reply);
    }
    struct ra_span der = {r->cert, r->cert_size};
    size_t size = ra_pem_read(der, "CERTIFICATE", 0, (char *)body, sizeof body);
    return fake_ca_reply(ca, now, 200, "", "application/pkix-cert", body, size, reply);
}

/* A request line of `head`, a decimal id and `tail`. */
static bool asks_for(const char *request, const char *head, const char *tail, unsigned *id)
{
    char *end;
    if (strncmp(request, head, strlen(head)) != 0) {
        return false;
    }
    *id = (unsigned)strtoul(request + strlen(head), &end, 10);
    return end != request + strlen(head) && strncmp(end, tail, strlen(tail)) == 0;
}

static size_t route(struct fake_ca *ca, int64_t now, const char *request, size_t size,
                    uint8_t reply[FAKE_CA_REPLY_MAX])
{
    static const char nowhere[] = "<html>no such page</html>";
    const char *end = fake_ca_find_text(request, size, "\r\n\r\n");
    unsigned id = 0;
    fake_ca_must(end != NULL &&
                     fake_ca_find_text(request, size, "\r\nHost: ca.example.test\r\n") != NULL,
                 "not a request for this host");
    if (strncmp(request, "GET /scep?", 10) == 0 || strncmp(request, "POST /scep?", 11) == 0) {
        return fake_scep_serve(ca, now, request, size, reply);
    }
    if (fake_ca_find_text(request, 64 < size ? 64 : size, " /.well-known/est/") != NULL) {
        return fake_est_serve(ca, now, request, size, reply);
    }
    if (strncmp(request, "POST /certsrv/certfnsh.asp HTTP/1.1\r\n", 37) == 0) {
        const char *body = end + 4;
        return submit(ca, now, body, size - (size_t)(body - request), reply);
    }
    if (asks_for(request, "GET /certsrv/certnew.cer?ReqID=", "&Enc=b64 HTTP/1.1\r\n", &id)) {
        ca->polls++;
        return give(ca, now, id, false, reply);
    }
    if (asks_for(request, "GET /certsrv/certnew.p7b?ReqID=", "&Enc=bin HTTP/1.1\r\n", &id)) {
        ca->fetches++;
        return give(ca, now, id, true, reply);
    }
    ca->others++;
    return fake_ca_reply(ca, now, 404, "", "text/html", nowhere, sizeof nowhere - 1, reply);
}

size_t fake_ca_serve(struct fake_ca *ca, int64_t now, const char *request, size_t size,
                     uint8_t reply[FAKE_CA_REPLY_MAX])
{
    static const char garbage[] = "\x16\x03\x01 this is another protocol\r\n\r\n";
    static const char page[] = "<html><body>Welcome to the router. 17 devices.</body></html>";
    char more[64];
    size_t n = 0;
    fake_ca_busy = true;
    switch (ca->net) {
    case FAKE_NET_GARBAGE:
        memcpy(reply, garbage, sizeof garbage - 1);
        n = sizeof garbage - 1;
        break;
    case FAKE_NET_PAGE:
        n = reply_page(ca, now, page, reply);
        break;
    case FAKE_NET_401:
        n = fake_ca_reply(ca, now, 401, "WWW-Authenticate: NTLM\r\n", "text/html", page,
                          sizeof page - 1, reply);
        break;
    case FAKE_NET_503:
        (void)snprintf(more, sizeof more, "Retry-After: %u\r\n", (unsigned)ca->retry_after);
        n = fake_ca_reply(ca, now, 503, more, "text/html", page, sizeof page - 1, reply);
        break;
    case FAKE_NET_LOSE_REPLY:
        (void)route(ca, now, request, size, reply);
        break;
    case FAKE_NET_UP:
        n = route(ca, now, request, size, reply);
        break;
    default:
        break;
    }
    fake_ca_busy = false;
    return n;
}

void fake_ca_init(struct fake_ca *ca)
{
    memset(ca, 0, sizeof *ca);
    ca->life_days = 730;
    ca->hresult = 0x80094800u;
    ca->retry_after = 3600;
    ca->why = "";
    ca->scep.fail_info = 1;
}
