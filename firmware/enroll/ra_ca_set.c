#include "ra_ca_set.h"

#include <string.h>

#include "ra_cms.h"

ra_err ra_ca_set_read(struct ra_ca_set *s, uint8_t *body, size_t size, size_t body_cap,
                      uint8_t *buf, size_t cap)
{
    size_t count = 0;
    memset(s, 0, sizeof *s);
    ra_err e = ra_cms_certs(body, size, body_cap, s->cert, RA_CA_SET_CERTS, &count);
    if (e != RA_OK && e != RA_E_CMS_TOO_MANY) {
        return e;
    }
    s->why = e;
    for (size_t i = 0; i < count; i++) {
        struct ra_span cert = s->cert[i];
        if (cert.size > cap) {
            s->why = RA_E_LIMIT; /* a smaller one may still have room */
            continue;
        }
        memcpy(buf, cert.p, cert.size);
        s->cert[s->count].p = buf;
        s->cert[s->count++].size = cert.size;
        buf += cert.size;
        cap -= cert.size;
    }
    return s->count == 0 ? s->why : RA_OK;
}

static bool parse(const struct ra_ca_set *s, unsigned index, struct ra_cert *cert)
{
    return ra_cert_parse(cert, s->cert[index].p, s->cert[index].size) == RA_OK;
}

ra_err ra_ca_set_refusal(const struct ra_ca_set *s)
{
    return s->why != RA_OK ? s->why : RA_E_SCEP_UNTRUSTED;
}

static ra_err verdict(struct ra_ca_set *s, unsigned index, bool trusted)
{
    uint8_t bit = (uint8_t)(1u << index);
    s->trying = 0;
    if (trusted) {
        s->trusted = (uint8_t)(s->trusted | bit);
    } else {
        s->refused = (uint8_t)(s->refused | bit);
    }
    return trusted ? RA_OK : ra_ca_set_refusal(s);
}

ra_err ra_ca_set_trust_step(struct ra_ca_set *s, unsigned index, const struct ra_enroll_tools *t)
{
    ra_err e;
    if (((unsigned)s->trusted >> index & 1u) != 0) {
        return RA_OK;
    }
    if (((unsigned)s->refused >> index & 1u) != 0) {
        return ra_ca_set_refusal(s);
    }
    if (s->trying != index + 1u) {
        s->trying = (uint8_t)(index + 1u);
        s->place = 0;
        s->chain.done = true;
        s->chain.err = RA_E_CHAIN_ISSUER;
        if (!parse(s, index, &s->leaf)) {
            return verdict(s, index, false);
        }
    }
    if (!s->chain.done) {
        e = ra_chain_step(&s->chain, t->key);
        if (e == RA_OK) {
            return verdict(s, index, true);
        }
        return RA_AGAIN;
    }
    while (s->place < RA_ANCHORS_MAX) {
        e = t->anchor(t->ctx, s->place, &s->anchor);
        if (e == RA_AGAIN) {
            return e;
        }
        s->place++;
        if (e != RA_OK) {
            /* One that cannot be read may be the one that would do. */
            s->why = e == RA_E_NOT_FOUND ? s->why : e;
            continue;
        }
        if (ra_span_equal(s->anchor, s->cert[index])) {
            return verdict(s, index, t->now >= s->leaf.not_before && t->now < s->leaf.not_after);
        }
        e = ra_chain_start(&s->chain, &s->leaf, s->cert, s->count, &s->anchor, 1, t->now);
        if (e == RA_OK) {
            return RA_AGAIN;
        }
    }
    return verdict(s, index, false);
}

/* --- the next root ------------------------------------------------------------------ */

/* What is being done about `heir`. */
enum rollover { ROLL_KNOWN, ROLL_SELF, ROLL_ANCHOR, ROLL_CHAIN };

/* Another CA certificate for the heir's name and key, by an issuer of that very name: its index,
 * -1: none. By the root under another name every CA below it has one: that makes no root. */
static int new_with_old(const struct ra_ca_set *s, const struct ra_cert *heir)
{
    for (unsigned i = 0; i < s->count; i++) {
        struct ra_cert c;
        if (i != s->heir && parse(s, i, &c) && c.is_ca && ra_cert_self_issued(&c) &&
            ra_name_equal(c.subject, heir->subject) && ra_span_equal(c.spki, heir->spki)) {
            return (int)i;
        }
    }
    return -1;
}

static ra_err next_anchor(struct ra_ca_set *s, const struct ra_enroll_tools *t)
{
    ra_err e = RA_E_NOT_FOUND;
    while (e != RA_OK && s->place < RA_ANCHORS_MAX) {
        e = t->anchor(t->ctx, s->place, &s->anchor);
        if (e == RA_AGAIN) {
            return e;
        }
        s->place++;
    }
    return e;
}

/* One step about `heir`: RA_OK when it is the next root, RA_E_NOT_FOUND when it is not. */
static ra_err try_heir(struct ra_ca_set *s, const struct ra_enroll_tools *t)
{
    struct ra_cert heir;
    ra_err e;
    switch (s->trying) {
    case ROLL_KNOWN:
        e = next_anchor(s, t);
        if (e == RA_AGAIN) {
            return e;
        }
        if (e == RA_OK) {
            return ra_span_equal(s->anchor, s->cert[s->heir]) ? RA_E_NOT_FOUND : RA_AGAIN;
        }
        break;
    case ROLL_SELF: {
        int old = -1;
        if (parse(s, s->heir, &heir) && heir.is_ca && ra_cert_self_issued(&heir) &&
            t->now < heir.not_after) {
            old = new_with_old(s, &heir);
        }
        if (old < 0 || !parse(s, (unsigned)old, &s->leaf) || t->now < s->leaf.not_before ||
            t->now >= s->leaf.not_after || ra_chain_self_signature(&heir, t->key) != RA_OK) {
            return RA_E_NOT_FOUND;
        }
        s->place = 0;
        break;
    }
    case ROLL_ANCHOR:
        e = next_anchor(s, t);
        if (e != RA_OK) {
            return e;
        }
        (void)ra_chain_start(&s->chain, &s->leaf, NULL, 0, &s->anchor, 1, t->now);
        break;
    default:
        e = ra_chain_step(&s->chain, t->key);
        if (e != RA_AGAIN && e != RA_OK) {
            s->trying = ROLL_ANCHOR;
            return RA_AGAIN;
        }
        return e;
    }
    s->trying++;
    return RA_AGAIN;
}

ra_err ra_ca_set_rollover_step(struct ra_ca_set *s, const struct ra_enroll_tools *t,
                               struct ra_span *next)
{
    if (s->heir >= s->count) {
        return RA_E_NOT_FOUND;
    }
    ra_err e = try_heir(s, t);
    if (e == RA_AGAIN) {
        return e;
    }
    *next = s->cert[s->heir++];
    s->trying = ROLL_KNOWN;
    s->place = 0;
    return e == RA_OK ? RA_OK : RA_AGAIN;
}
