#include "ra_gates.h"

#include "ra_schedule.h"

static ra_err check_usage(enum ra_role role, const struct ra_cert *cert)
{
    uint16_t wanted = role == RA_ROLE_AGENT ? RA_KU_DIGITAL_SIGNATURE : RA_KU_KEY_ENCIPHERMENT;
    if (role == RA_ROLE_DEVICE) {
        return RA_OK;
    }
    if (!cert->has_key_usage || cert->key_usage != wanted) {
        return RA_E_GATE_USAGE;
    }
    return cert->eku_request_agent && cert->eku_count == 1 ? RA_OK : RA_E_GATE_EKU;
}

static ra_err check_strength(enum ra_role role, const struct ra_cert *cert, struct ra_key *work)
{
    if (ra_key_from_spki(work, cert->spki.p, cert->spki.size) != RA_OK) {
        return RA_E_GATE_WEAK;
    }
    if (role == RA_ROLE_ENCRYPTION && !ra_key_is_rsa(work->alg)) {
        return RA_E_ENCRYPTION_EC;
    }
    if (cert->sig_hash == RA_HASH_NONE || cert->sig_hash == RA_HASH_SHA1) {
        return RA_E_GATE_WEAK;
    }
    return RA_OK;
}

ra_err ra_gates_role(enum ra_role role, const struct ra_cert *cert, struct ra_key *work)
{
    if (cert->is_ca) {
        return RA_E_GATE_IS_CA;
    }
    ra_err e = check_usage(role, cert);
    return e == RA_OK ? check_strength(role, cert, work) : e;
}

static bool has_purpose(struct ra_span purposes, struct ra_span wanted)
{
    struct ra_der d;
    bool found = false;
    ra_der_init(&d, purposes);
    (void)ra_der_enter(&d, RA_DER_SEQUENCE);
    while (!found && ra_der_more(&d)) {
        found = ra_span_equal(ra_der_any(&d), wanted);
    }
    return found;
}

/* The same extended key usages in any order. */
static bool same_purposes(const struct ra_cert *a, const struct ra_cert *b)
{
    struct ra_der d;
    bool same = a->eku_count == b->eku_count && (a->eku.size == 0) == (b->eku.size == 0);
    ra_der_init(&d, a->eku);
    if (same && a->eku.size != 0) {
        (void)ra_der_enter(&d, RA_DER_SEQUENCE);
        while (same && ra_der_more(&d)) {
            same = has_purpose(b->eku, ra_der_any(&d));
        }
    }
    return same;
}

static ra_err check_like_old(const struct ra_gates_input *in, const struct ra_cert *leaf)
{
    if (!ra_span_equal(leaf->san, in->old->san)) {
        return RA_E_GATE_SAN;
    }
    if (!ra_cert_template_equal(leaf, in->old)) {
        return RA_E_GATE_TEMPLATE;
    }
    if (leaf->has_key_usage != in->old->has_key_usage || leaf->key_usage != in->old->key_usage) {
        return RA_E_GATE_USAGE;
    }
    return same_purposes(leaf, in->old) ? RA_OK : RA_E_GATE_EKU;
}

static ra_err check_time(const struct ra_gates_input *in, const struct ra_cert *leaf)
{
    int64_t least = (int64_t)in->config->minimum_life_days * RA_DAY;
    if (in->old != NULL && in->now > ra_schedule_split(in->config, in->old->not_after)) {
        least = 0; /* a short one is better than none */
    }
    if (leaf->not_after <= in->now) {
        return RA_E_GATE_EXPIRED;
    }
    if (in->old != NULL && leaf->not_after <= in->old->not_after) {
        return RA_E_GATE_NOT_LONGER;
    }
    if (leaf->not_after - (leaf->not_before > in->now ? leaf->not_before : in->now) < least) {
        return RA_E_GATE_LIFETIME;
    }
    /* More than a day ahead is no skew but a mistake of the CA's or ours. */
    if (leaf->not_before > in->now + RA_DAY) {
        return RA_E_GATE_NOT_YET;
    }
    return RA_OK;
}

ra_err ra_gates_check(const struct ra_gates_input *in, struct ra_cert *leaf)
{
    ra_err e = RA_E_GATE_KEY;
    for (size_t i = 0; i < in->cert_count; i++) {
        if (in->old != NULL && ra_span_equal(in->certs[i], in->old->der)) {
            e = RA_E_GATE_SAME;
            continue;
        }
        if (ra_cert_parse(leaf, in->certs[i].p, in->certs[i].size) == RA_OK &&
            ra_span_equal(leaf->spki, in->key)) {
            e = RA_OK;
            break;
        }
    }
    if (e == RA_OK && in->old != NULL && ra_span_equal(leaf->serial, in->old->serial) &&
        ra_span_equal(leaf->issuer, in->old->issuer)) {
        e = RA_E_GATE_SAME;
    }
    if (e == RA_OK) {
        e = ra_gates_role(in->role, leaf, in->work);
    }
    if (e == RA_OK && !ra_name_equal(leaf->subject, in->subject)) {
        e = RA_E_GATE_SUBJECT;
    }
    if (e == RA_OK && in->old != NULL) {
        e = check_like_old(in, leaf);
    }
    if (e == RA_OK) {
        e = check_time(in, leaf);
    }
    return e;
}
