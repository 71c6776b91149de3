#include "ra_server.h"

#include <string.h>

/* GeneralName [RFC 5280 4.2.1.6] */
#define DNS_NAME RA_DER_CONTEXT(2)
#define IP_ADDRESS RA_DER_CONTEXT(7)

static const uint8_t server_auth[] = {0x2b, 6, 1, 5, 5, 7, 3, 1}; /* 1.3.6.1.5.5.7.3.1 */
static const uint8_t any_purpose[] = {0x55, 0x1d, 0x25, 0};       /* 2.5.29.37.0       */

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

/* Without the dot that ends an absolute name. */
static struct ra_span trimmed(struct ra_span name)
{
    if (name.size > 0 && name.p[name.size - 1] == '.') {
        name.size--;
    }
    return name;
}

static bool same(struct ra_span a, struct ra_span b)
{
    if (a.size != b.size) {
        return false;
    }
    for (size_t i = 0; i < a.size; i++) {
        if (lower(a.p[i]) != lower(b.p[i])) {
            return false;
        }
    }
    return true;
}

/* What follows the first dot; empty without one. */
static struct ra_span behind_label(struct ra_span name)
{
    const uint8_t *dot = name.size > 0 ? memchr(name.p, '.', name.size) : NULL;
    size_t label = dot != NULL ? (size_t)(dot - name.p) + 1 : name.size;
    return (struct ra_span){name.p + label, name.size - label};
}

bool ra_server_name_fits(struct ra_span pattern, const char *host)
{
    struct ra_span name = trimmed((struct ra_span){(const uint8_t *)host, strlen(host)});
    pattern = trimmed(pattern);
    if (name.size == 0) {
        return false;
    }
    if (pattern.size > 2 && pattern.p[0] == '*' && pattern.p[1] == '.') {
        struct ra_span rest = behind_label(pattern);
        struct ra_span own = behind_label(name);
        /* Neither an empty first label nor a star over a whole top-level domain. */
        return name.p[0] != '.' && behind_label(rest).size > 0 && same(rest, own);
    }
    return same(pattern, name);
}

/* Four numbers with dots, into `out`; false for anything else. */
static bool address(const char *host, uint8_t out[4])
{
    for (unsigned part = 0; part < 4; part++) {
        unsigned value = 0, digits = 0;
        for (; *host >= '0' && *host <= '9' && digits < 4; digits++) {
            value = value * 10 + (unsigned)(*host++ - '0');
        }
        if (digits == 0 || digits > 3 || value > 255 || *host != (part < 3 ? '.' : '\0')) {
            return false;
        }
        out[part] = (uint8_t)value;
        host++;
    }
    return true;
}

static bool named(const struct ra_cert *cert, const char *host)
{
    uint8_t number[4];
    bool is_address = address(host, number);
    struct ra_span wanted = {number, sizeof number};
    struct ra_der d;
    ra_der_init(&d, cert->san);
    const uint8_t *outer = ra_der_enter(&d, RA_DER_SEQUENCE);
    while (ra_der_more(&d)) {
        uint8_t tag;
        struct ra_span name = ra_der_next(&d, &tag);
        if (is_address ? tag == IP_ADDRESS && ra_span_equal(name, wanted)
                       : tag == DNS_NAME && ra_server_name_fits(name, host)) {
            return true;
        }
    }
    ra_der_leave(&d, outer);
    return false;
}

static bool for_servers(const struct ra_cert *cert)
{
    struct ra_der d;
    if (cert->is_ca || (cert->has_key_usage && (cert->key_usage & RA_KU_DIGITAL_SIGNATURE) == 0)) {
        return false;
    }
    if (cert->eku.size == 0) {
        return true;
    }
    ra_der_init(&d, cert->eku);
    const uint8_t *outer = ra_der_enter(&d, RA_DER_SEQUENCE);
    while (ra_der_more(&d)) {
        struct ra_span purpose = ra_der_read(&d, RA_DER_OID);
        if (ra_span_equal(purpose, (struct ra_span){server_auth, sizeof server_auth}) ||
            ra_span_equal(purpose, (struct ra_span){any_purpose, sizeof any_purpose})) {
            return true;
        }
    }
    ra_der_leave(&d, outer);
    return false;
}

ra_err ra_server_check(const struct ra_cert *cert, const char *host, int64_t now, bool at_least)
{
    if (!named(cert, host)) {
        return RA_E_TLS_NAME;
    }
    if (!for_servers(cert)) {
        return RA_E_TLS_USAGE;
    }
    if (now > cert->not_after) {
        return RA_E_TLS_EXPIRED;
    }
    return now < cert->not_before && !at_least ? RA_E_TLS_NOT_YET : RA_OK;
}
