/* The SCEP server of fake_ca.h [RFC 8894]. Its own crypto is the program's: that the firmware's
 * messages are right, other programs say (tests/e2e/scep_real.py). */
#include <stdio.h>
#include <string.h>

#include "fake_ca_internal.h"
#include "ra_cms.h"
#include "ra_csr.h"
#include "ra_envelope.h"
#include "ra_pem.h"
#include "ra_scep_message.h"
#include "world_vectors.h"

#define MESSAGE_MAX 8192u
#define TWIN_MAX 1536u

struct question {
    uint8_t type;
    char transaction[48];
    uint8_t nonce[RA_SCEP_NONCE_SIZE];
    struct ra_cert signer;
    struct ra_span content; /* decrypted */
};

struct answer {
    enum ra_scep_status status;
    uint8_t fail_info;
    uint32_t hresult;
    const struct fake_ca_request *issued;
};

static void parse(const char *name, struct ra_cert *cert)
{
    const struct world_blob *b = world_blob(name);
    fake_ca_must(ra_cert_parse(cert, b->p, b->size) == RA_OK, name);
}

/* --- questions ------------------------------------------------------------------------------- */

/* The contents of a string attribute; a short one. */
static struct ra_span attribute(const struct ra_cms_signed *s, enum ra_oid oid)
{
    struct ra_span value = {NULL, 0};
    if (ra_cms_signed_attr(s, ra_oid_value(oid), &value) != RA_OK || value.size < 3 ||
        value.p[1] != value.size - 2) {
        return (struct ra_span){NULL, 0};
    }
    return (struct ra_span){value.p + 2, value.size - 2};
}

/* Whether it was encrypted to who spoke for the CA before its key or root was replaced. */
static bool for_former(const struct fake_ca *ca, uint8_t *content, size_t size)
{
    struct ra_envelope envelope;
    struct ra_cert former;
    for (unsigned by = 0; by < (unsigned)ca->authority; by++) {
        parse(fake_ca_files((enum fake_authority)by)->scep, &former);
        if (ra_envelope_parse(&envelope, content, size, size, &former) == RA_OK) {
            return true;
        }
    }
    return false;
}

/* NULL, or what is wrong with the pkiMessage in der[0 .. size-1]. */
static const char *take_apart(struct fake_ca *ca, uint8_t *der, size_t size, struct question *q)
{
    struct ra_cms_signed cms;
    struct ra_envelope envelope;
    struct ra_cert own;
    struct ra_key key;
    if (ra_cms_signed_parse(&cms, der, size, MESSAGE_MAX) != RA_OK || cms.signers != 1) {
        return "not a CMS message of one signer";
    }
    if (ra_cert_parse(&q->signer, cms.certs.p, cms.certs.size) != RA_OK ||
        !ra_cms_signed_by(&cms, &q->signer) ||
        ra_key_from_spki(&key, q->signer.spki.p, q->signer.spki.size) != RA_OK ||
        ra_cms_signed_verify(&cms, &key) != RA_OK) {
        return "the signature of the message";
    }
    struct ra_span type = attribute(&cms, RA_OID_SCEP_MESSAGE_TYPE);
    struct ra_span transaction = attribute(&cms, RA_OID_SCEP_TRANSACTION_ID);
    struct ra_span nonce = attribute(&cms, RA_OID_SCEP_SENDER_NONCE);
    if (type.size != 2 || transaction.size == 0 || transaction.size >= sizeof q->transaction ||
        nonce.size != sizeof q->nonce) {
        return "the attributes of the message";
    }
    q->type = (uint8_t)(10 * (type.p[0] - '0') + type.p[1] - '0');
    memcpy(q->transaction, transaction.p, transaction.size);
    memcpy(q->nonce, nonce.p, nonce.size);
    const struct fake_authority_files *files = fake_ca_files(ca->authority);
    parse(files->scep, &own);
    uint8_t *content = der + (cms.content.p - der);
    ra_err e = ra_envelope_parse(&envelope, content, cms.content.size, cms.content.size, &own);
    if (e == RA_E_CMS_RECIPIENT && for_former(ca, content, cms.content.size)) {
        return FAKE_SCEP_FORMER;
    }
    if (e != RA_OK || ra_envelope_open(&envelope, fake_ca_key(files->scep_key), fake_ca_random(ca),
                                       &q->content) != RA_OK) {
        return "what is encrypted";
    }
    return NULL;
}

/* The signer is of one role, and what it asks for is of another, which is to be renewed. */
static bool renews_another(const struct fake_ca *ca, enum ra_role role, struct ra_cert *old)
{
    const struct fake_ca_request *r = fake_ca_newest(ca, role);
    return r != NULL && fake_ca_old(r, old);
}

static const char *judge(const struct fake_ca *ca, const struct question *q, int64_t now,
                         struct ra_csr *csr, struct ra_cert *old, enum ra_role *role)
{
    struct ra_key key;
    struct ra_span value;
    char template_name[64];
    if (ra_csr_parse(csr, q->content) != RA_OK || ra_csr_verify(csr, &key) != RA_OK) {
        return "the new key's signature";
    }
    if (fake_ca_find(ca, q->signer.der.p, q->signer.der.size) == NULL) {
        memset(old, 0, sizeof *old);
        old->subject = csr->subject;
        *role = fake_ca_role_of(csr);
        if (q->type != RA_SCEP_PKCS_REQ || !ra_span_equal(q->signer.spki, csr->spki)) {
            return "the message is signed by a stranger";
        }
        if (ca->scep.challenge == NULL ||
            ra_csr_attribute(csr, RA_OID_CHALLENGE_PASSWORD, &value) != RA_OK ||
            value.size != strlen(ca->scep.challenge) + 2 ||
            memcmp(value.p + 2, ca->scep.challenge, value.size - 2) != 0) {
            return "the challenge password";
        }
        return NULL;
    }
    *old = q->signer;
    if (now >= old->not_after) {
        return "the certificate to renew has expired";
    }
    if (!ra_span_equal(csr->subject, old->subject)) {
        return "the subject";
    }
    if (ca->scep.no_renewal && q->type == RA_SCEP_RENEWAL_REQ) {
        return FAKE_SCEP_NOT_OFFERED;
    }
    ra_cert_template_name(old, template_name, sizeof template_name);
    for (unsigned i = 0; i < RA_ROLES; i++) {
        if (strcmp(template_name, ra_role_template((enum ra_role)i)) == 0) {
            *role = fake_ca_role_of(csr);
            return *role == i || renews_another(ca, *role, old) ? NULL : "the role";
        }
    }
    return "the template";
}

/* --- answers --------------------------------------------------------------------------------- */

static void end_attribute(struct ra_der_put *w, enum ra_oid oid, size_t mark)
{
    ra_der_put_wrap(w, RA_DER_SET, mark);
    ra_der_put_oid(w, oid);
    ra_der_put_wrap(w, RA_DER_SEQUENCE, mark);
}

static void text_attribute(struct ra_der_put *w, enum ra_oid oid, const char *text)
{
    size_t mark = ra_der_put_size(w);
    ra_der_put_text(w, RA_DER_PRINTABLE, text);
    end_attribute(w, oid, mark);
}

static void put_attributes(struct ra_der_put *w, const struct fake_ca *ca, const struct question *q,
                           const struct answer *a)
{
    enum fake_scep_fault fault = ca->scep.fault;
    uint8_t nonce[RA_SCEP_NONCE_SIZE];
    char number[16];
    text_attribute(w, RA_OID_SCEP_MESSAGE_TYPE, fault == FAKE_SCEP_TYPE ? "19" : "3");
    text_attribute(w, RA_OID_SCEP_TRANSACTION_ID,
                   fault == FAKE_SCEP_TRANSACTION ? "another" : q->transaction);
    (void)snprintf(number, sizeof number, "%u", (unsigned)a->status);
    text_attribute(w, RA_OID_SCEP_STATUS, number);
    if (a->status == RA_SCEP_FAILURE) {
        (void)snprintf(number, sizeof number, "%u", (unsigned)a->fail_info);
        text_attribute(w, RA_OID_SCEP_FAIL_INFO, number);
        if (a->hresult != 0) {
            (void)snprintf(number, sizeof number, "%d", (int)a->hresult);
            text_attribute(w, RA_OID_MS_SCEP_ERROR, number);
        }
    }
    memcpy(nonce, q->nonce, sizeof nonce);
    nonce[3] ^= fault == FAKE_SCEP_NONCE ? 1 : 0;
    size_t mark = ra_der_put_size(w);
    ra_der_put_value(w, RA_DER_OCTETS, nonce, sizeof nonce);
    end_attribute(w, RA_OID_SCEP_RECIPIENT_NONCE, mark);
    mark = ra_der_put_size(w);
    ra_der_put_value(w, RA_DER_OCTETS, nonce, sizeof nonce);
    end_attribute(w, RA_OID_SCEP_SENDER_NONCE, mark);
}

/* Into the content of a ContentInfo [RFC 5652 section 3]; its type. */
static struct ra_span open_content(struct ra_der *d, struct ra_span message)
{
    ra_der_init(d, message);
    (void)ra_der_enter(d, RA_DER_SEQUENCE);
    struct ra_span kind = ra_der_any(d);
    (void)ra_der_enter(d, RA_DER_CONTEXT_CONSTRUCTED(0));
    (void)ra_der_enter(d, RA_DER_SEQUENCE);
    return kind;
}

/* Its opposite, with what was put meanwhile as the content. */
static struct ra_span close_content(struct ra_der_put *w, struct ra_span kind)
{
    ra_der_put_wrap(w, RA_DER_SEQUENCE, 0);
    ra_der_put_wrap(w, RA_DER_CONTEXT_CONSTRUCTED(0), 0);
    ra_der_put_raw(w, kind);
    ra_der_put_wrap(w, RA_DER_SEQUENCE, 0);
    fake_ca_must(w->err == RA_OK, "a ContentInfo");
    return ra_der_put_span(w);
}

/* The envelope without its encrypted content. */
static struct ra_span hollow(struct ra_span envelope, uint8_t *buf, size_t cap)
{
    struct ra_der d;
    struct ra_der_put w;
    struct ra_span kind = open_content(&d, envelope);
    struct ra_span version = ra_der_any(&d), recipients = ra_der_any(&d);
    (void)ra_der_enter(&d, RA_DER_SEQUENCE);
    struct ra_span of = ra_der_any(&d), cipher = ra_der_any(&d);
    ra_der_put_init(&w, buf, cap);
    ra_der_put_raw(&w, cipher);
    ra_der_put_raw(&w, of);
    ra_der_put_wrap(&w, RA_DER_SEQUENCE, 0);
    ra_der_put_raw(&w, recipients);
    ra_der_put_raw(&w, version);
    fake_ca_must(d.err == RA_OK, "an envelope without content");
    return close_content(&w, kind);
}

/* The signed message with its signer named twice. */
static struct ra_span signed_twice(struct ra_span message, uint8_t *buf, size_t cap)
{
    struct ra_der d;
    struct ra_der_put w;
    struct ra_span part[4];
    struct ra_span kind = open_content(&d, message);
    for (unsigned i = 0; i < 4; i++) {
        part[i] = ra_der_any(&d); /* version, digests, content, certificates */
    }
    struct ra_span signer = ra_der_read(&d, RA_DER_SET);
    ra_der_put_init(&w, buf, cap);
    ra_der_put_raw(&w, signer);
    ra_der_put_raw(&w, signer);
    ra_der_put_wrap(&w, RA_DER_SET, 0);
    for (unsigned i = 4; i-- > 0;) {
        ra_der_put_raw(&w, part[i]);
    }
    fake_ca_must(d.err == RA_OK, "a message of two signers");
    return close_content(&w, kind);
}

/* The certificates, encrypted to who asks; the content of a CertRep. */
static struct ra_span seal(struct fake_ca *ca, const struct question *q, const struct answer *a,
                           uint8_t *buf, size_t cap)
{
    static uint8_t chain[MESSAGE_MAX], other[MESSAGE_MAX];
    enum fake_scep_fault fault = ca->scep.fault;
    struct ra_span out = {NULL, 0};
    struct ra_cert own, to = q->signer;
    struct ra_key work;
    if (a->issued == NULL || fault == FAKE_SCEP_ABSENT) {
        return out;
    }
    if (fault == FAKE_SCEP_NOT_YET) {
        return (struct ra_span){buf, 0};
    }
    parse(fake_ca_files(ca->authority)->scep, &own);
    struct ra_span leaf = {a->issued->cert, a->issued->cert_size}, content = {chain, 0};
    content.size = ca->scep.alone ? fake_ca_certs(&leaf, 1, chain, sizeof chain)
                                  : fake_ca_chain(ca, a->issued, chain, sizeof chain);
    to = fault == FAKE_SCEP_RECIPIENT ? own : to;
    fake_ca_must(ra_envelope_build(buf, cap, content, &to, &work,
                                   fault == FAKE_SCEP_DES3 ? RA_CIPHER_DES3 : RA_CIPHER_AES_128,
                                   fake_ca_random(ca), &out) == RA_OK,
                 "an envelope");
    if (fault == FAKE_SCEP_CONTENT) {
        buf[(size_t)(out.p - buf) + out.size - 17] ^= 0x40; /* of the padding */
    }
    return fault == FAKE_SCEP_NO_DATA ? hollow(out, other, sizeof other) : out;
}

static size_t cert_rep(struct fake_ca *ca, int64_t now, const struct question *q,
                       const struct answer *a, uint8_t reply[FAKE_CA_REPLY_MAX])
{
    static uint8_t buf[MESSAGE_MAX], text[MESSAGE_MAX];
    uint8_t attributes[512];
    enum fake_scep_fault fault = ca->scep.fault;
    bool stranger = fault == FAKE_SCEP_STRANGER;
    const struct fake_authority_files *files = fake_ca_files(ca->authority);
    const struct ra_key *key = fake_ca_key(stranger ? "stranger.key" : files->scep_key);
    struct ra_cert signer;
    struct ra_der_put w;
    struct ra_span out;
    parse(stranger ? "stranger.cert" : files->scep, &signer);
    ra_der_put_init(&w, attributes, sizeof attributes);
    put_attributes(&w, ca, q, a);
    fake_ca_must(w.err == RA_OK, "the attributes of a reply");
    struct ra_span all = ra_der_put_span(&w);
    struct ra_span content = seal(ca, q, a, buf, sizeof buf);
    fake_ca_must(ra_cms_signed_build(buf, sizeof buf, content, &signer, key, fake_ca_random(ca),
                                     fault == FAKE_SCEP_SHA1 ? RA_HASH_SHA1 : RA_HASH_SHA256, &all,
                                     1, &out) == RA_OK,
                 "a CertRep");
    if (fault == FAKE_SCEP_SIGNED_TWICE) {
        out = signed_twice(out, text, sizeof text);
    }
    if (fault == FAKE_SCEP_SIGNATURE) {
        buf[(size_t)(out.p - buf) + out.size - 9] ^= 0x20;
    }
    if (fault == FAKE_SCEP_BASE64) {
        out = (struct ra_span){text, ra_base64_read(out, 64, 0, (char *)text, sizeof text)};
    }
    return fake_ca_reply(ca, now, 200, "", "application/x-pki-message", out.p, out.size, reply);
}

/* --- what is asked ---------------------------------------------------------------------------- */

static struct fake_ca_request *by_transaction(struct fake_ca *ca, const char *transaction)
{
    for (unsigned i = 0; i < FAKE_CA_REQUESTS; i++) {
        struct fake_ca_request *r = &ca->request[i];
        if (r->id != 0 && strcmp(r->transaction, transaction) == 0) {
            return r;
        }
    }
    return NULL;
}

/* GetCert names it by its serial number, of which the last bytes are the id (fake_ca.c). */
static const struct fake_ca_request *by_serial(const struct fake_ca *ca, struct ra_span question)
{
    uint32_t id = 0;
    for (size_t i = question.size < 4 ? question.size : 4; i > 0; i--) {
        id = id << 8 | question.p[question.size - i];
    }
    return fake_ca_request(ca, id);
}

static struct answer state_of(const struct fake_ca_request *r)
{
    if (r == NULL) {
        return (struct answer){RA_SCEP_FAILURE, 4, 0, NULL};
    }
    switch (r->state) {
    case FAKE_CA_ISSUED:
        return (struct answer){RA_SCEP_SUCCESS, 0, 0, r};
    case FAKE_CA_WAITS:
        return (struct answer){RA_SCEP_PENDING, 0, 0, NULL};
    default:
        return (struct answer){RA_SCEP_FAILURE, 2, 0, NULL};
    }
}

/* Whether the question is signed by who signed the request. */
static bool same_signer(const struct fake_ca *ca, const struct question *q,
                        const struct fake_ca_request *r)
{
    uint8_t digest[32];
    fake_ca_must(ra_cert_sha256(q->signer.der, digest) == RA_OK, "a digest");
    return !ca->scep.bind_signer || r == NULL || memcmp(r->signer, digest, sizeof digest) == 0;
}

static struct answer enrol(struct fake_ca *ca, const struct question *q, int64_t now)
{
    struct ra_csr csr;
    struct ra_cert old;
    enum ra_role role = RA_ROLE_DEVICE;
    if (q->type == RA_SCEP_RENEWAL_REQ && ca->scep.refuse_renewal) {
        return (struct answer){RA_SCEP_FAILURE, 2, 0, NULL};
    }
    const char *why = judge(ca, q, now, &csr, &old, &role);
    if (why != NULL) {
        ca->bad++;
        ca->why = why;
        return (struct answer){RA_SCEP_FAILURE, 1, 0, NULL};
    }
    struct fake_ca_request *r = by_transaction(ca, q->transaction);
    if (r != NULL && r->spki_size == csr.spki.size &&
        memcmp(r->spki, csr.spki.p, csr.spki.size) == 0) {
        ca->polls++;
        return same_signer(ca, q, r) ? state_of(r) : (struct answer){RA_SCEP_FAILURE, 1, 0, NULL};
    }
    fake_ca_count(ca, role, now, csr.spki);
    if (ca->mode[role] == FAKE_CA_ERROR) {
        return (struct answer){RA_SCEP_FAILURE, ca->scep.fail_info, ca->hresult, NULL};
    }
    r = fake_ca_new_request(ca, role, now, csr.spki);
    memcpy(r->transaction, q->transaction, sizeof r->transaction);
    fake_ca_must(ra_cert_sha256(q->signer.der, r->signer) == RA_OK, "a digest");
    if (old.der.p == NULL) {
        fake_ca_must(csr.subject.size <= sizeof r->subject, "a subject is too long");
        memcpy(r->subject, csr.subject.p, csr.subject.size);
        r->subject_size = (uint16_t)csr.subject.size;
    }
    if (ca->mode[role] == FAKE_CA_DENY) {
        r->state = FAKE_CA_DENIED;
    } else if (ca->mode[role] != FAKE_CA_PEND) {
        fake_ca_issue(ca, r, ca->mode[role], now, &old);
    }
    return state_of(r);
}

static void note_signer(struct fake_ca *ca, const struct question *q)
{
    uint8_t digest[32];
    if (!ra_cert_self_issued(&q->signer)) {
        return;
    }
    fake_ca_must(ra_cert_sha256(q->signer.der, digest) == RA_OK, "a digest");
    ca->scep_selves += memcmp(digest, ca->scep_self, sizeof digest) != 0;
    memcpy(ca->scep_self, digest, sizeof digest);
}

static size_t operation(struct fake_ca *ca, int64_t now, uint8_t *der, size_t size,
                        uint8_t reply[FAKE_CA_REPLY_MAX])
{
    struct question q;
    memset(&q, 0, sizeof q);
    const char *why = take_apart(ca, der, size, &q);
    if (why != NULL) {
        ca->bad++;
        ca->why = why;
        return fake_ca_reply(ca, now, 400, "", "text/plain", why, strlen(why), reply);
    }
    struct answer a = {RA_SCEP_FAILURE, 2, 0, NULL};
    ca->scep_type[q.type % 32]++;
    note_signer(ca, &q);
    if (q.type == RA_SCEP_RENEWAL_REQ || q.type == RA_SCEP_PKCS_REQ) {
        a = enrol(ca, &q, now);
    } else if (q.type == RA_SCEP_CERT_POLL) {
        ca->polls++;
        if (ca->scep.fault != FAKE_SCEP_ENDED) {
            const struct fake_ca_request *r = by_transaction(ca, q.transaction);
            a = same_signer(ca, &q, r) ? state_of(r) : (struct answer){RA_SCEP_FAILURE, 1, 0, NULL};
        }
    } else if (q.type == RA_SCEP_GET_CERT) {
        ca->fetches++;
        a = state_of(by_serial(ca, q.content));
    }
    return cert_rep(ca, now, &q, &a, reply);
}

static struct ra_span blob_span(const char *name)
{
    const struct world_blob *b = world_blob(name);
    return (struct ra_span){b->p, b->size};
}

/* Two that a message by `cert` names as well, by issuer and serial number as by key identifier: one
 * that the issuing CA has signed, for another key, and one that it has not. */
static void make_twins(struct fake_ca *ca, struct ra_span cert, struct ra_span out[2],
                       uint8_t buf[2 * TWIN_MAX])
{
    static const uint8_t both[] = {3, 2, 5, 0xa0}; /* digitalSignature, keyEncipherment */
    struct ra_cert c, other;
    const struct fake_authority_files *files = fake_ca_files(ca->authority);
    fake_ca_must(ra_cert_parse(&c, cert.p, cert.size) == RA_OK && cert.size <= TWIN_MAX, "a twin");
    parse(strcmp(files->scep, "scep.cert") == 0 ? "scep2.cert" : "scep.cert", &other);
    uint8_t *tbs = buf + TWIN_MAX - c.tbs.size;
    memcpy(tbs, c.tbs.p, c.tbs.size);
    fake_ca_must(other.spki.size == c.spki.size, "keys of one size");
    memcpy(tbs + (c.spki.p - c.tbs.p), other.spki.p, other.spki.size);
    for (size_t i = 0; i + sizeof both <= c.tbs.size; i++) {
        if (memcmp(tbs + i, both, sizeof both) == 0) {
            tbs[i + 3] = 0x80; /* nobody's to encrypt to */
        }
    }
    fake_ca_must(ra_csr_sign(buf, TWIN_MAX, (struct ra_span){tbs, c.tbs.size},
                             fake_ca_key(files->issuing_key), fake_ca_random(ca), RA_HASH_SHA256,
                             &out[0]) == RA_OK,
                 "a twin's signature");
    memcpy(buf + TWIN_MAX, cert.p, cert.size);
    buf[TWIN_MAX + cert.size - 3] ^= 4;
    out[1] = (struct ra_span){buf + TWIN_MAX, cert.size};
}

static size_t certificates(struct fake_ca *ca, int64_t now, uint8_t reply[FAKE_CA_REPLY_MAX])
{
    static uint8_t body[6144], twins[2 * TWIN_MAX];
    enum fake_scep_fault fault = ca->scep.fault;
    const struct fake_authority_files *files = fake_ca_files(ca->authority);
    const struct world_blob *top = fake_ca_top(ca, ca->authority);
    struct ra_span certs[5] = {
        {top->p, top->size}, blob_span(files->issuing), blob_span(files->scep)};
    if (fault == FAKE_SCEP_TWINS) {
        certs[4] = certs[2];
        make_twins(ca, certs[4], certs + 2, twins);
        size_t n = fake_ca_certs(certs, 5, body, sizeof body);
        return fake_ca_reply(ca, now, 200, "", "application/x-x509-ca-ra-cert", body, n, reply);
    }
    if (fault == FAKE_SCEP_NO_SET) {
        return fake_ca_reply(ca, now, 404, "", "text/plain", "", 0, reply);
    }
    unsigned first = fault == FAKE_SCEP_LOOSE_SET ? 2 : 0;
    unsigned last = fault == FAKE_SCEP_EMPTY_SET ? 2 : 3;
    size_t size = fake_ca_set(ca, certs + first, last - first, body, sizeof body);
    return fake_ca_reply(ca, now, 200, "", "application/x-x509-ca-ra-cert", body, size, reply);
}

/* The next root and issuing CA, signed by the present root [RFC 8894 4.7.1], or by who should not. */
static size_t next_certificates(struct fake_ca *ca, int64_t now, uint8_t reply[FAKE_CA_REPLY_MAX])
{
    static uint8_t inner[4096], body[6144], broken[1024];
    enum fake_scep_fault fault = ca->scep.fault;
    bool stranger = fault == FAKE_SCEP_NEXT_STRANGER; /* who takes the root's name */
    bool issuing = fault == FAKE_SCEP_NEXT_ISSUING;
    const struct fake_authority_files *files = fake_ca_files(ca->authority);
    const struct fake_authority_files *next =
        fake_ca_files(fault == FAKE_SCEP_NEXT_PRESENT ? ca->authority : FAKE_AUTHORITY_NEW_ROOT);
    /* Who talks with its clients comes first: it is no CA. */
    struct ra_span certs[] = {blob_span(next->scep), blob_span(next->root),
                              blob_span(next->issuing)};
    size_t count = fault == FAKE_SCEP_NEXT_PRESENT ? 1 : 3;
    struct ra_cert signer;
    struct ra_span out;
    if (fault == FAKE_SCEP_NO_NEXT) {
        return fake_ca_reply(ca, now, 404, "", "text/plain", "", 0, reply);
    }
    if (fault == FAKE_SCEP_NEXT_GARBAGE) {
        return fake_ca_reply(ca, now, 200, "", "text/plain", "?", 1, reply);
    }
    if (fault == FAKE_SCEP_NEXT_NAME) {
        certs[1] = blob_span("stranger.cert");
    } else if (fault == FAKE_SCEP_NEXT_BROKEN) {
        memcpy(broken, certs[1].p, certs[1].size);
        broken[certs[1].size - 3] ^= 4;
        certs[1].p = broken;
    }
    struct ra_span content = {inner, fake_ca_certs(certs, count, inner, sizeof inner)};
    content.size = fault == FAKE_SCEP_NEXT_EMPTY ? 0 : content.size;
    content = fault == FAKE_SCEP_NEXT_ABSENT ? (struct ra_span){NULL, 0} : content;
    parse(issuing ? files->issuing : files->root, &signer);
    const char *key = stranger ? "stranger.key" : issuing ? files->issuing_key : "root.key";
    fake_ca_must(ra_cms_signed_build(
                     body, sizeof body, content, &signer, fake_ca_key(key), fake_ca_random(ca),
                     ca->scep.next_sha1 ? RA_HASH_SHA1 : RA_HASH_SHA256, NULL, 0, &out) == RA_OK,
                 "GetNextCACert");
    if (fault == FAKE_SCEP_NEXT_FORGED) {
        body[(size_t)(out.p - body) + out.size - 9] ^= 0x20;
    }
    ca->scep_next++;
    return fake_ca_reply(ca, now, 200, "", "application/x-x509-next-ca-cert", out.p, out.size,
                         reply);
}

size_t fake_scep_serve(struct fake_ca *ca, int64_t now, const char *request, size_t size,
                       uint8_t reply[FAKE_CA_REPLY_MAX])
{
    static uint8_t der[MESSAGE_MAX];
    static const char garbage[] = "not what you asked for";
    char caps[80];
    const char *line = fake_ca_find_text(request, size, "?operation=") + strlen("?operation=");
    if (strncmp(line, "GetCACaps", 9) == 0 && ca->scep.fault == FAKE_SCEP_NO_CAPS) {
        return 0;
    }
    if (strncmp(line, "GetCACaps", 9) == 0 && ca->scep.caps_status != 0) {
        return fake_ca_reply(ca, now, ca->scep.caps_status, "", "text/plain", garbage,
                             sizeof garbage - 1, reply);
    }
    if (strncmp(line, "GetCACaps", 9) == 0) {
        /* SCEPStandard says POST too [RFC 8894 3.5.2]. */
        (void)snprintf(caps, sizeof caps, "%s%s%sSHA-256\nAES\n",
                       ca->scep.get_only ? "" : "POSTPKIOperation\nSCEPStandard\n",
                       ca->scep.no_renewal ? "" : "Renewal\n",
                       ca->scep.next_root ? "GetNextCACert\n" : "");
        size_t whole = fake_ca_reply(ca, now, 200, "", "text/plain", caps, strlen(caps), reply);
        return ca->scep.fault == FAKE_SCEP_HALF_CAPS ? whole - 4 : whole;
    }
    if (strncmp(line, "GetCACert", 9) == 0) {
        return certificates(ca, now, reply);
    }
    if (strncmp(line, "GetNextCACert", 13) == 0 && ca->scep.next_root) {
        return next_certificates(ca, now, reply);
    }
    if (ca->scep.fault == FAKE_SCEP_500 || ca->scep.message_status != 0) {
        unsigned status = ca->scep.message_status != 0 ? ca->scep.message_status : 500;
        return fake_ca_reply(ca, now, status, "", "text/plain", garbage, sizeof garbage - 1, reply);
    }
    if (ca->scep.fault == FAKE_SCEP_GARBAGE) {
        return fake_ca_reply(ca, now, 200, "", "text/plain", garbage, sizeof garbage - 1, reply);
    }
    if (strncmp(line, "PKIOperation", 12) == 0 && request[0] == 'P') {
        const char *body = fake_ca_find_text(request, size, "\r\n\r\n") + 4;
        size_t n = size - (size_t)(body - request);
        fake_ca_must(n <= sizeof der, "a message is too large");
        memcpy(der, body, n);
        return operation(ca, now, der, n, reply);
    }
    if (strncmp(line, "PKIOperation", 12) == 0 && ca->scep.get_only) {
        size_t n =
            fake_ca_field(line, size - (size_t)(line - request), "&message=", der, sizeof der);
        fake_ca_must(ra_base64_decode(der, n, der, sizeof der, &n) == RA_OK, "a message by GET");
        return operation(ca, now, der, n, reply);
    }
    ca->others++;
    return fake_ca_reply(ca, now, 404, "", "text/plain", garbage, sizeof garbage - 1, reply);
}
