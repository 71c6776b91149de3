#include "ra_gates.h"

static uint16_t usage_of(enum ra_role role)
{
    return role == RA_ROLE_AGENT ? RA_KU_DIGITAL_SIGNATURE : RA_KU_KEY_ENCIPHERMENT;
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
    if (!cert->has_key_usage || cert->key_usage != usage_of(role)) {
        return RA_E_GATE_USAGE;
    }
    if (!cert->eku_request_agent || cert->eku_count != 1) {
        return RA_E_GATE_EKU;
    }
    return check_strength(role, cert, work);
}

static ra_err check_like_old(const struct ra_gates_input *in, const struct ra_cert *leaf)
{
    if (!ra_name_equal(leaf->subject, in->old->subject)) {
        return RA_E_GATE_SUBJECT;
    }
    if (!ra_span_equal(leaf->san, in->old->san)) {
        return RA_E_GATE_SAN;
    }
    if (!ra_cert_template_equal(leaf, in->old)) {
        return RA_E_GATE_TEMPLATE;
    }
    return RA_OK;
}

static ra_err check_time(const struct ra_gates_input *in, const struct ra_cert *leaf)
{
    int64_t least = (int64_t)in->config->minimum_life_days * RA_DAY;
    if (leaf->not_after <= in->now) {
        return RA_E_GATE_EXPIRED;
    }
    if (leaf->not_after <= in->old->not_after) {
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
    for (size_t i = 0; i < in->cert_count && i < RA_CHAIN_CERTS_MAX; i++) {
        if (ra_span_equal(in->certs[i], in->old->der)) {
            e = RA_E_GATE_SAME;
            continue;
        }
        if (ra_cert_parse(leaf, in->certs[i].p, in->certs[i].size) == RA_OK &&
            ra_span_equal(leaf->spki, in->key)) {
            e = RA_OK;
            break;
        }
    }
    if (e == RA_OK && ra_span_equal(leaf->serial, in->old->serial) &&
        ra_span_equal(leaf->issuer, in->old->issuer)) {
        e = RA_E_GATE_SAME;
    }
    if (e == RA_OK) {
        e = ra_gates_role(in->role, leaf, in->work);
    }
    if (e == RA_OK) {
        e = check_like_old(in, leaf);
    }
    if (e == RA_OK) {
        e = check_time(in, leaf);
    }
    return e;
}
