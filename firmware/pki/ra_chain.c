#include "ra_chain.h"

#include <string.h>

ra_err ra_chain_start(struct ra_chain *c, const struct ra_cert *leaf, const struct ra_span *pool,
                      size_t pool_n, const struct ra_span *anchors, size_t anchors_n, int64_t now)
{
    memset(c, 0, sizeof *c);
    c->leaf = leaf;
    c->pool = pool;
    c->pool_n = pool_n;
    c->anchors = anchors;
    c->anchors_n = anchors_n;
    c->now = now;
    c->child = *leaf;
    c->failed = leaf->der;
    if (pool_n > RA_CHAIN_CERTS_MAX) {
        c->err = RA_E_CMS_TOO_MANY;
    } else if (anchors_n > RA_ANCHORS_MAX) {
        c->err = RA_E_LIMIT;
    } else if (anchors_n == 0) {
        c->err = RA_E_NO_ANCHOR;
    }
    c->done = c->err != RA_OK;
    return c->err;
}

void ra_chain_at_least(struct ra_chain *c)
{
    c->at_least = true;
}

/* Keep the reason that came furthest; of several at one level the last. "No issuer" is
 * said only when nothing better is known. */
static void note(struct ra_chain *c, ra_err err, struct ra_span der)
{
    bool seen = c->failed_level != 0;
    if (!seen || c->length + 1 > c->failed_level ||
        (c->length + 1 == c->failed_level && err != RA_E_CHAIN_ISSUER)) {
        c->failed_level = (uint8_t)(c->length + 1);
        c->failed = der;
        c->err = err;
    }
}

/* What a certificate must be like whoever signed it. */
static ra_err check_child(const struct ra_cert *child)
{
    if (child->unknown_critical) {
        return RA_E_CHAIN_CRITICAL;
    }
    if (child->sig_hash == RA_HASH_NONE || child->sig_hash == RA_HASH_SHA1) {
        return RA_E_GATE_WEAK;
    }
    return RA_OK;
}

/* CA certificates between the leaf and the candidate that count for path lengths. */
static uint32_t issuers_below(const struct ra_chain *c)
{
    uint32_t n = 0;
    for (size_t i = 0; i < c->length; i++) {
        struct ra_cert cert;
        if (ra_cert_parse(&cert, c->pool[c->path[i]].p, c->pool[c->path[i]].size) == RA_OK &&
            !ra_cert_self_issued(&cert)) {
            n++;
        }
    }
    return n;
}

static ra_err check_issuer(const struct ra_chain *c, const struct ra_cert *issuer, bool is_anchor)
{
    if (issuer->unknown_critical) {
        return RA_E_CHAIN_CRITICAL;
    }
    if (!issuer->is_ca && !(is_anchor && issuer->version < 3)) {
        return RA_E_CHAIN_CA;
    }
    if (issuer->has_key_usage && (issuer->key_usage & RA_KU_KEY_CERT_SIGN) == 0) {
        return RA_E_CHAIN_CA;
    }
    if ((c->now < issuer->not_before && !c->at_least) || c->now > issuer->not_after) {
        return RA_E_CHAIN_DATE;
    }
    if (issuer->has_path_len && issuers_below(c) > issuer->path_len) {
        return RA_E_CHAIN_PATH;
    }
    return RA_OK;
}

static ra_err check_signature(const struct ra_cert *child, const struct ra_cert *issuer,
                              struct ra_key *work)
{
    uint8_t digest[RA_HASH_SIZE_MAX];
    ra_err err = ra_key_from_spki(work, issuer->spki.p, issuer->spki.size);
    if (err != RA_OK) {
        return RA_E_GATE_WEAK;
    }
    if ((ra_key_is_rsa(work->alg) != 0) != child->sig_rsa) {
        return RA_E_CHAIN_SIGNATURE;
    }
    err = ra_hash(child->sig_hash, child->tbs.p, child->tbs.size, digest);
    if (err == RA_OK) {
        err = ra_key_verify(work, child->sig_hash, digest, child->sig.p, child->sig.size);
    }
    return err == RA_E_SIGNATURE ? RA_E_CHAIN_SIGNATURE : err;
}

/* Whether the candidate is in the path already, or the leaf. */
static bool is_used(const struct ra_chain *c, struct ra_span der)
{
    bool used = ra_span_equal(der, c->leaf->der);
    for (size_t i = 0; i < c->length; i++) {
        used = used || ra_span_equal(der, c->pool[c->path[i]]);
    }
    return used;
}

static void set_child(struct ra_chain *c)
{
    if (c->length == 0) {
        c->child = *c->leaf;
    } else {
        struct ra_span der = c->pool[c->path[c->length - 1]];
        ra_cert_parse(&c->child, der.p, der.size);
    }
}

/* Try candidates for the issuer of `child` until one needs a signature checked. */
static ra_err search(struct ra_chain *c, struct ra_key *work)
{
    for (;;) {
        struct ra_cert issuer;
        size_t i = c->next[c->length];
        if (i == c->anchors_n + c->pool_n) {
            note(c, RA_E_CHAIN_ISSUER, c->child.der);
            if (c->length == 0) {
                return c->err;
            }
            c->length--;
            set_child(c);
            continue;
        }
        c->next[c->length]++;
        bool is_anchor = i < c->anchors_n;
        struct ra_span der = is_anchor ? c->anchors[i] : c->pool[i - c->anchors_n];
        if (is_used(c, der) || ra_cert_parse(&issuer, der.p, der.size) != RA_OK ||
            !ra_name_equal(issuer.subject, c->child.issuer) ||
            (issuer.skid.size > 0 && c->child.akid.size > 0 &&
             !ra_span_equal(issuer.skid, c->child.akid))) {
            continue;
        }
        ra_err err = check_issuer(c, &issuer, is_anchor);
        if (err == RA_OK && !is_anchor) {
            err = check_child(&issuer);
        }
        if (err != RA_OK) {
            note(c, err, der);
            continue;
        }
        if (c->signatures == RA_CHAIN_SIGNATURES) {
            note(c, RA_E_CHAIN_ISSUER, c->child.der);
            return c->err;
        }
        c->signatures++;
        err = check_signature(&c->child, &issuer, work);
        if (err != RA_OK) {
            note(c, err, err == RA_E_GATE_WEAK ? der : c->child.der);
            return RA_AGAIN;
        }
        if (is_anchor) {
            c->anchor = (uint8_t)i;
            c->failed = (struct ra_span){NULL, 0};
            return RA_OK;
        }
        c->path[c->length++] = (uint8_t)(i - c->anchors_n);
        c->next[c->length] = 0;
        c->child = issuer;
        return RA_AGAIN;
    }
}

ra_err ra_chain_step(struct ra_chain *c, struct ra_key *work)
{
    if (c->done) {
        return c->err;
    }
    ra_err err;
    if (!c->leaf_checked) {
        c->leaf_checked = true;
        err = check_child(c->leaf);
        if (err == RA_OK && ra_key_from_spki(work, c->leaf->spki.p, c->leaf->spki.size) != RA_OK) {
            err = RA_E_GATE_WEAK;
        }
        if (err == RA_OK) {
            err = RA_AGAIN;
        }
    } else {
        err = search(c, work);
    }
    if (err != RA_AGAIN) {
        c->err = err;
        c->done = true;
    }
    return err;
}

ra_err ra_chain_self_signature(const struct ra_cert *c, struct ra_key *work)
{
    return c->sig_hash < RA_HASH_SHA256 ? RA_E_GATE_WEAK : check_signature(c, c, work);
}

bool ra_chain_renews(const struct ra_cert *root, const struct ra_cert *c, int64_t now)
{
    return c->is_ca && ra_cert_self_issued(c) && ra_name_equal(c->subject, root->subject) &&
           ra_span_equal(c->spki, root->spki) && c->not_after > root->not_after &&
           now >= c->not_before && now < c->not_after;
}
