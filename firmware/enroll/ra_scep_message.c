#include "ra_scep_message.h"

#include <string.h>

#include "ra_text.h"

static void end_attribute(struct ra_der_put *w, enum ra_oid oid, size_t mark)
{
    ra_der_put_wrap(w, RA_DER_SET, mark);
    ra_der_put_oid(w, oid);
    ra_der_put_wrap(w, RA_DER_SEQUENCE, mark);
}

ra_err ra_scep_message_build(uint8_t *buf, size_t cap, struct ra_span envelope,
                             enum ra_scep_type type, const char *transaction_id,
                             const uint8_t nonce[RA_SCEP_NONCE_SIZE], const struct ra_cert *signer,
                             const struct ra_key *key, struct ra_random *random,
                             enum ra_hash_alg hash, struct ra_span *out)
{
    uint8_t attributes[192];
    char number[4];
    struct ra_text t;
    struct ra_der_put w;
    ra_text_init(&t, number, sizeof number);
    ra_text_add_u32(&t, (uint32_t)type);
    ra_der_put_init(&w, attributes, sizeof attributes);
    ra_der_put_text(&w, RA_DER_PRINTABLE, number);
    end_attribute(&w, RA_OID_SCEP_MESSAGE_TYPE, 0);
    size_t mark = ra_der_put_size(&w);
    ra_der_put_text(&w, RA_DER_PRINTABLE, transaction_id);
    end_attribute(&w, RA_OID_SCEP_TRANSACTION_ID, mark);
    mark = ra_der_put_size(&w);
    ra_der_put_value(&w, RA_DER_OCTETS, nonce, RA_SCEP_NONCE_SIZE);
    end_attribute(&w, RA_OID_SCEP_SENDER_NONCE, mark);
    if (w.err != RA_OK) {
        return w.err;
    }
    struct ra_span all = ra_der_put_span(&w);
    return ra_cms_signed_build(buf, cap, envelope, signer, key, random, hash, &all, 1, out);
}

ra_err ra_scep_poll_build(uint8_t *buf, size_t cap, struct ra_span issuer, struct ra_span subject,
                          struct ra_span *out)
{
    struct ra_der_put w;
    ra_der_put_init(&w, buf, cap);
    ra_der_put_raw(&w, subject);
    ra_der_put_raw(&w, issuer);
    ra_der_put_wrap(&w, RA_DER_SEQUENCE, 0);
    *out = ra_der_put_span(&w);
    return w.err;
}

static int hex(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

ra_err ra_scep_get_cert_build(uint8_t *buf, size_t cap, struct ra_span issuer, const char *serial,
                              struct ra_span *out)
{
    uint8_t number[1 + RA_SCEP_SERIAL_MAX / 2];
    struct ra_der_put w;
    size_t digits = strlen(serial);
    size_t n = (digits + 1) / 2;
    *out = (struct ra_span){NULL, 0};
    if (digits == 0 || digits > RA_SCEP_SERIAL_MAX) {
        return RA_E_ARGUMENT;
    }
    memset(number, 0, sizeof number);
    for (size_t i = 0; i < digits; i++) {
        int v = hex(serial[digits - 1 - i]);
        if (v < 0) {
            return RA_E_ARGUMENT;
        }
        number[n - i / 2] = (uint8_t)(number[n - i / 2] | v << (i % 2 == 0 ? 0 : 4));
    }
    /* Positive and in its shortest form: one zero before a top bit, none else. */
    size_t first = 0;
    while (first < n && number[first] == 0 && number[first + 1] < 0x80) {
        first++;
    }
    ra_der_put_init(&w, buf, cap);
    ra_der_put_value(&w, RA_DER_INTEGER, number + first, n + 1 - first);
    ra_der_put_raw(&w, issuer);
    ra_der_put_wrap(&w, RA_DER_SEQUENCE, 0);
    *out = ra_der_put_span(&w);
    return w.err;
}

/* --- reading --------------------------------------------------------------- */

/* A string attribute's contents, whatever kind of string it is. */
static struct ra_span string_of(const struct ra_cms_signed *s, enum ra_oid oid)
{
    struct ra_span value, none = {NULL, 0};
    struct ra_der d;
    uint8_t tag = 0;
    if (ra_cms_signed_attr(s, ra_oid_value(oid), &value) != RA_OK) {
        return none;
    }
    ra_der_init(&d, value);
    struct ra_span contents = ra_der_next(&d, &tag);
    bool text =
        tag == RA_DER_PRINTABLE || tag == RA_DER_UTF8 || tag == RA_DER_IA5 || tag == RA_DER_OCTETS;
    return ra_der_finish(&d) == RA_OK && text ? contents : none;
}

static bool is_text(struct ra_span s, const char *text)
{
    return s.size == strlen(text) && s.size != 0 && memcmp(s.p, text, s.size) == 0;
}

/* A number of one or two digits; -1: it is none. */
static int small_number(struct ra_span s)
{
    int v = 0;
    for (size_t i = 0; i < s.size; i++) {
        if (s.p[i] < '0' || s.p[i] > '9' || i == 2) {
            return -1;
        }
        v = 10 * v + (s.p[i] - '0');
    }
    return s.size == 0 ? -1 : v;
}

/* An HRESULT as NDES writes it: a signed decimal number, "-2147024809". 0: none. */
static uint32_t read_hresult(struct ra_span s)
{
    bool negative = s.size != 0 && s.p[0] == '-';
    int64_t v = 0;
    size_t i = negative ? 1 : 0;
    if (s.size == i) {
        return 0;
    }
    for (; i < s.size; i++) {
        if (s.p[i] < '0' || s.p[i] > '9') {
            return 0;
        }
        v = 10 * v + (s.p[i] - '0');
        if (v > UINT32_MAX) {
            return 0;
        }
    }
    return (uint32_t)(negative ? -v : v);
}

static void read_text(char *to, size_t cap, struct ra_span s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.size && n + 1 < cap; i++) {
        to[n++] = s.p[i] >= ' ' && s.p[i] <= '~' ? (char)s.p[i] : '?';
    }
    to[n] = '\0';
}

ra_err ra_scep_reply_read(struct ra_scep_reply *r, const struct ra_cms_signed *s,
                          const char *transaction_id, const uint8_t nonce[RA_SCEP_NONCE_SIZE])
{
    memset(r, 0, sizeof *r);
    if (small_number(string_of(s, RA_OID_SCEP_MESSAGE_TYPE)) != RA_SCEP_CERT_REP) {
        return RA_E_CA_ANSWER;
    }
    if (!is_text(string_of(s, RA_OID_SCEP_TRANSACTION_ID), transaction_id)) {
        return RA_E_SCEP_FOREIGN;
    }
    struct ra_span answered = string_of(s, RA_OID_SCEP_RECIPIENT_NONCE);
    if (answered.size != RA_SCEP_NONCE_SIZE || memcmp(answered.p, nonce, answered.size) != 0) {
        return RA_E_SCEP_REPLAY;
    }
    int status = small_number(string_of(s, RA_OID_SCEP_STATUS));
    if (status != RA_SCEP_SUCCESS && status != RA_SCEP_FAILURE && status != RA_SCEP_PENDING) {
        return RA_E_CA_ANSWER;
    }
    int info = small_number(string_of(s, RA_OID_SCEP_FAIL_INFO));
    r->status = (enum ra_scep_status)status;
    r->fail_info = info < 0 || info > 4 ? 255 : (uint8_t)info;
    r->hresult = read_hresult(string_of(s, RA_OID_MS_SCEP_ERROR));
    read_text(r->text, sizeof r->text, string_of(s, RA_OID_SCEP_FAIL_INFO_TEXT));
    return RA_OK;
}
