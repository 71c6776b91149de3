/* ra_chain.h - from a certificate to a pinned trust anchor [RFC 5280 section 6].
 *
 * An anchor is a certificate the operator pinned. It is trusted for its name and key:
 * its own signature is not verified (so SHA-1 does not matter there), its dates, CA
 * flag and path length are. The pool is what a CA or a peer sent, in any order, with
 * strangers and doubles; nothing in it is trusted because it is there.
 *
 * Checked for each certificate of the path: the issuer's name; AKI against the issuer's
 * SKI when both have one; the issuer is a CA (basicConstraints; a pinned version 1 root
 * is let pass), may sign certificates (when it has a key usage), its path length, its
 * dates against `now`; no unknown critical extension; SHA-256 or better; RSA of 2048
 * bits or P-256 at least, the leaf's key included; the signature. The leaf's own dates
 * are not looked at (the gates do that), and the leaf is never its own anchor.
 * Revocation, policies and name constraints are not evaluated; critical name or policy
 * constraints are refused as unknown.
 *
 *     ra_chain_start(&c, &leaf, pool, n, anchors, m, now);
 *     do err = ra_chain_step(&c, &work); while (err == RA_AGAIN);
 *
 * Each step does at most one public-key operation. The search backtracks and is
 * bounded: at most RA_CHAIN_SIGNATURES of them in all.
 */
#ifndef RA_CHAIN_H
#define RA_CHAIN_H

#include "ra_key.h"
#include "ra_x509.h"

#define RA_CHAIN_SIGNATURES (2 * (RA_CHAIN_CERTS_MAX + RA_ANCHORS_MAX))

struct ra_chain {
    /* result */
    struct ra_span failed;            /* DER of the certificate `err` is about          */
    ra_err err;                       /* the outcome, once ra_chain_step has returned it */
    uint8_t anchor;                   /* index of the anchor reached                    */
    uint8_t length;                   /* pool certificates in the path                  */
    uint8_t path[RA_CHAIN_CERTS_MAX]; /* their indices, the leaf's issuer first         */

    /* private */
    const struct ra_cert *leaf;
    const struct ra_span *pool;
    const struct ra_span *anchors;
    size_t pool_n, anchors_n;
    int64_t now;
    struct ra_cert child;                 /* whose issuer is sought                         */
    uint8_t next[RA_CHAIN_CERTS_MAX + 1]; /* candidate to try next at each level          */
    uint8_t signatures;                   /* verified so far                                */
    uint8_t failed_level;                 /* level of `failed`, the deepest wins            */
    bool leaf_checked, done, at_least;
};

/* Begin. All arguments but `c` must stay in place until the end. pool_n is at most
 * RA_CHAIN_CERTS_MAX (more: RA_E_CMS_TOO_MANY), anchors_n at most RA_ANCHORS_MAX, and
 * not 0 (RA_E_NO_ANCHOR). `now` is taken as it is: do not call with an unknown time. */
ra_err ra_chain_start(struct ra_chain *c, const struct ra_cert *leaf, const struct ra_span *pool,
                      size_t pool_n, const struct ra_span *anchors, size_t anchors_n, int64_t now);
/* After the start: `now` is only known to be past, so that an issuer that begins later is no
 * contradiction; its end is checked all the same. */
void ra_chain_at_least(struct ra_chain *c);
/* RA_AGAIN, RA_OK, RA_E_CHAIN_* or RA_E_GATE_WEAK; after the end the same again. `work`
 * is scratch for one public key, needed during the call only. */
ra_err ra_chain_step(struct ra_chain *c, struct ra_key *work);

/* Whether a certificate is signed by its own key, with SHA-256 or better. RA_OK, RA_E_GATE_WEAK or
 * RA_E_CHAIN_SIGNATURE. One public-key operation; `work` is room for the key. */
ra_err ra_chain_self_signature(const struct ra_cert *c, struct ra_key *work);

/* Whether a certificate is that root's again, for longer: the same name and key, valid now. Its own
 * signature is not looked at. */
bool ra_chain_renews(const struct ra_cert *root, const struct ra_cert *c, int64_t now);

#endif
