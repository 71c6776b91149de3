/* The EST server of fake_ca.h [RFC 7030]; TLS is the world's to pretend (its link has a channel
 * binding for each connection). That the requests are right other programs say
 * (tests/ca/est.py). */
#include <stdio.h>
#include <string.h>

#include "fake_ca_internal.h"
#include "ra_csr.h"
#include "ra_pem.h"
#include "world_vectors.h"

#define BODY_MAX 5632u
#define WELL_KNOWN "/.well-known/est/"

/* Base64 as the fault of the day has it. */
static size_t give(const struct fake_ca *ca, int64_t now, unsigned status, const char *type,
                   struct ra_span der, uint8_t reply[FAKE_CA_REPLY_MAX])
{
    static char text[FAKE_CA_REPLY_MAX - 512];
    enum fake_est_fault fault = ca->est.fault;
    size_t n = ra_base64_read(der, fault == FAKE_EST_UNWRAPPED ? 0 : 76, 0, text, sizeof text - 2);
    if (fault == FAKE_EST_UNWRAPPED) {
        text[n++] = '\n';
        text[n++] = '\0'; /* seen in the field, and counted by Content-Length */
    }
    if (fault == FAKE_EST_CUT) {
        n /= 2;
    }
    if (fault == FAKE_EST_BINARY) {
        return fake_ca_reply(ca, now, status, "", type, der.p, der.size, reply);
    }
    return fake_ca_reply(ca, now, status, "Content-Transfer-Encoding: binary\r\n", type, text, n,
                         reply);
}

static size_t give_certs(const struct fake_ca *ca, int64_t now, const struct ra_span certs[],
                         size_t n, uint8_t reply[FAKE_CA_REPLY_MAX])
{
    static uint8_t buf[BODY_MAX];
    struct ra_span all = {buf, fake_ca_certs(certs, n, buf, sizeof buf)};
    return give(ca, now, 200, "application/pkcs7-mime", all, reply);
}

static struct ra_span blob(const char *name)
{
    const struct world_blob *b = world_blob(name);
    return (struct ra_span){b->p, b->size};
}

static size_t cacerts(const struct fake_ca *ca, int64_t now, uint8_t reply[FAKE_CA_REPLY_MAX])
{
    bool forged = ca->est.fault == FAKE_EST_FORGED;
    const struct world_blob *top = fake_ca_top(ca, ca->authority);
    const struct ra_span certs[] = {blob(fake_ca_issuing(ca->authority)),
                                    {top->p, top->size},
                                    blob("root_by_root2.cert"),
                                    blob(forged ? "root2_by_false.cert" : "root2_by_root.cert"),
                                    blob("root2.cert")};
    static uint8_t buf[BODY_MAX];
    struct ra_span all = {buf, fake_ca_set(ca, certs, ca->est.next_root ? 5 : 2, buf, sizeof buf)};
    return give(ca, now, 200, "application/pkcs7-mime", all, reply);
}

static size_t csrattrs(const struct fake_ca *ca, int64_t now, uint8_t reply[FAKE_CA_REPLY_MAX])
{
    if (ca->est.attrs == NULL) {
        return fake_ca_reply(ca, now, 204, "", "text/plain", "", 0, reply);
    }
    return fake_ca_reply(ca, now, ca->est.attrs[0] == '\0' ? 404 : 200, "", "application/csrattrs",
                         ca->est.attrs, strlen(ca->est.attrs), reply);
}

/* --- enrolment --------------------------------------------------------------------------------- */

/* The challenge password is the binding of the connection that the request came on. */
static bool bound_right(const struct fake_ca *ca, const struct ra_csr *csr)
{
    uint8_t binding[FAKE_EST_BINDING];
    char text[2 * FAKE_EST_BINDING];
    struct ra_span value;
    ra_err e = ra_csr_attribute(csr, RA_OID_CHALLENGE_PASSWORD, &value);
    if (e == RA_E_NOT_FOUND) {
        return !ca->est.demand_binding;
    }
    fake_est_binding(ca, binding);
    size_t n = ra_base64_read((struct ra_span){binding, sizeof binding}, 0, 0, text, sizeof text);
    return e == RA_OK && value.size == n + 2 && value.p[1] == n &&
           memcmp(value.p + 2, text, n) == 0;
}

static const char *judge(const struct fake_ca *ca, const char *request, size_t size, bool again,
                         int64_t now, struct ra_span der, struct ra_csr *csr, struct ra_cert *old,
                         enum ra_role *role)
{
    struct ra_key key;
    if (ra_csr_parse(csr, der) != RA_OK || ra_csr_verify(csr, &key) != RA_OK) {
        return "the new key's signature";
    }
    if (ca->est.hash != RA_HASH_NONE && csr->sig_hash != ca->est.hash) {
        return "the digest of the request";
    }
    if (!bound_right(ca, csr)) {
        return "the channel binding";
    }
    if (ca->est.authorization != NULL &&
        fake_ca_find_text(request, size, ca->est.authorization) == NULL) {
        return "name and password";
    }
    *role = fake_ca_role_of(csr);
    memset(old, 0, sizeof *old);
    old->subject = csr->subject;
    if (!again) {
        return NULL;
    }
    const char *why = "there is nothing to renew";
    for (unsigned i = 0; i < FAKE_CA_REQUESTS; i++) {
        const struct fake_ca_request *r = &ca->request[i];
        if (r->id == 0 || r->role != *role || r->state != FAKE_CA_ISSUED || !fake_ca_old(r, old)) {
            continue;
        }
        if (!ra_span_equal(csr->subject, old->subject)) {
            continue; /* issued by mistake, and never served */
        }
        if (now >= old->not_after) {
            why = "the certificate to renew has expired";
        } else {
            return NULL;
        }
    }
    return why;
}

/* The request that waits, or has waited, for an answer about this key. */
static struct fake_ca_request *waited(struct fake_ca *ca, struct ra_span spki)
{
    for (unsigned i = 0; i < FAKE_CA_REQUESTS; i++) {
        struct fake_ca_request *r = &ca->request[i];
        if (r->id != 0 && strcmp(r->transaction, "est") == 0 && r->spki_size == spki.size &&
            memcmp(r->spki, spki.p, spki.size) == 0) {
            return r;
        }
    }
    return NULL;
}

static size_t answer(struct fake_ca *ca, int64_t now, struct fake_ca_request *r,
                     uint8_t reply[FAKE_CA_REPLY_MAX])
{
    static const char no[] = "Denied by the\r\nregistrar\x1b[2J";
    char more[80], date[40];
    if (r->state == FAKE_CA_WAITS) {
        fake_ca_date(now + (int64_t)ca->retry_after + ca->clock_error, date);
        if (!ca->est.retry_date) {
            (void)snprintf(date, sizeof date, "%u", (unsigned)ca->retry_after);
        }
        (void)snprintf(more, sizeof more, "Retry-After: %s\r\n", date);
        (void)snprintf(r->transaction, sizeof r->transaction, "est");
        return fake_ca_reply(ca, now, 202, ca->retry_after == 0 ? "" : more, "text/plain", "", 0,
                             reply);
    }
    r->transaction[0] = '\0';
    if (r->state == FAKE_CA_DENIED) {
        return fake_ca_reply(ca, now, 403, "", "text/plain", no, sizeof no - 1, reply);
    }
    bool stranger = ca->mode[r->role] == FAKE_CA_UNTRUSTED;
    const struct ra_span certs[] = {blob(stranger ? "stranger.cert" : fake_ca_issuing(r->by)),
                                    {r->cert, r->cert_size}};
    unsigned first = ca->est.fault == FAKE_EST_EXTRA ? 0 : 1;
    return give_certs(ca, now, certs + first, 2 - first, reply);
}

static size_t enrol(struct fake_ca *ca, int64_t now, const char *request, size_t size, bool again,
                    uint8_t reply[FAKE_CA_REPLY_MAX])
{
    static uint8_t der[8192];
    static const char bad[] = "the request is malformed, says the server";
    const char *body = fake_ca_find_text(request, size, "\r\n\r\n") + 4;
    size_t n = size - (size_t)(body - request);
    struct ra_csr csr;
    struct ra_cert old;
    enum ra_role role;
    const char *why = NULL;
    fake_ca_must(n > 2 && n <= sizeof der && memcmp(body + n - 2, "\r\n", 2) == 0 &&
                     fake_ca_find_text(body, n, "\r\n") == body + 64,
                 "a body in lines that end");
    fake_ca_must(fake_ca_find_text(request, size, "Content-Type: application/pkcs10\r\n") != NULL,
                 "the type of the body");
    fake_ca_must(ra_base64_decode((const uint8_t *)body, n, der, sizeof der, &n) == RA_OK,
                 "base64");
    if (ca->est.fault == FAKE_EST_400 || ca->est.fault == FAKE_EST_500) {
        return fake_ca_reply(ca, now, ca->est.fault == FAKE_EST_400 ? 400 : 500, "", "text/plain",
                             bad, sizeof bad - 1, reply);
    }
    why = judge(ca, request, size, again, now, (struct ra_span){der, n}, &csr, &old, &role);
    if (why != NULL) {
        ca->bad++;
        ca->why = why;
        return fake_ca_reply(ca, now, 403, "", "text/plain", why, strlen(why), reply);
    }
    ca->est_posts[again ? 1 : 0]++;
    ca->est.authorized = fake_ca_find_text(request, size, "\r\nAuthorization:") != NULL;
    struct fake_ca_request *r = waited(ca, csr.spki);
    if (r != NULL) {
        ca->polls++;
        return answer(ca, now, r, reply);
    }
    fake_ca_count(ca, role, now, csr.spki);
    if (ca->mode[role] == FAKE_CA_ERROR) {
        return fake_ca_reply(ca, now, 500, "", "text/plain", bad, sizeof bad - 1, reply);
    }
    r = fake_ca_new_request(ca, role, now, csr.spki);
    if (ca->mode[role] == FAKE_CA_DENY) {
        r->state = FAKE_CA_DENIED;
    } else if (ca->mode[role] != FAKE_CA_PEND) {
        fake_ca_issue(ca, r, ca->mode[role], now, &old);
    }
    return answer(ca, now, r, reply);
}

void fake_est_binding(const struct fake_ca *ca, uint8_t out[FAKE_EST_BINDING])
{
    for (unsigned i = 0; i < FAKE_EST_BINDING; i++) {
        out[i] = (uint8_t)(0xe7 + 31 * i + ca->connections);
    }
}

size_t fake_est_serve(struct fake_ca *ca, int64_t now, const char *request, size_t size,
                      uint8_t reply[FAKE_CA_REPLY_MAX])
{
    char wanted[64];
    static const char *const operations[] = {"cacerts", "csrattrs", "simpleenroll",
                                             "simplereenroll"};
    unsigned i = 0;
    for (; i < 4; i++) {
        (void)snprintf(wanted, sizeof wanted, "%s " WELL_KNOWN "%s%s%s HTTP/1.1\r\n",
                       i < 2 ? "GET" : "POST", ca->est.label != NULL ? ca->est.label : "",
                       ca->est.label != NULL ? "/" : "", operations[i]);
        if (size > strlen(wanted) && memcmp(request, wanted, strlen(wanted)) == 0) {
            break;
        }
    }
    switch (i) {
    case 0:
        return ca->est.fault == FAKE_EST_NO_CACERTS
                   ? fake_ca_reply(ca, now, 404, "", "text/plain", "", 0, reply)
                   : cacerts(ca, now, reply);
    case 1:
        return csrattrs(ca, now, reply);
    case 2:
    case 3:
        return enrol(ca, now, request, size, i == 3, reply);
    default:
        ca->others++;
        return fake_ca_reply(ca, now, 404, "", "text/plain", "", 0, reply);
    }
}
