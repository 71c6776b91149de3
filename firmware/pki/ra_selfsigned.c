#include "ra_selfsigned.h"

#include "ra_time.h"

static void put_digits(char **p, int value, unsigned digits)
{
    for (unsigned i = digits; i-- > 0; value /= 10) {
        (*p)[i] = (char)('0' + value % 10);
    }
    *p += digits;
}

/* UTCTime until 2049, GeneralizedTime from 2050 on [RFC 5280 4.1.2.5]. */
static void put_time(struct ra_der_put *w, int64_t time)
{
    struct ra_date d;
    char text[16];
    char *p = text;
    ra_time_to_date(time, &d);
    bool utc = d.year >= 1950 && d.year < 2050;
    put_digits(&p, utc ? d.year % 100 : d.year, utc ? 2 : 4);
    put_digits(&p, d.month, 2);
    put_digits(&p, d.day, 2);
    put_digits(&p, d.hour, 2);
    put_digits(&p, d.minute, 2);
    put_digits(&p, d.second, 2);
    *p++ = 'Z';
    *p = '\0';
    ra_der_put_text(w, utc ? RA_DER_UTC_TIME : RA_DER_GENERALIZED_TIME, text);
}

static void put_usage(struct ra_der_put *w)
{
    static const uint8_t bits[] = {5, 0xa0}; /* digitalSignature, keyEncipherment */
    static const uint8_t yes = 0xff;
    size_t mark = ra_der_put_size(w);
    ra_der_put_value(w, RA_DER_BITS, bits, sizeof bits);
    ra_der_put_wrap(w, RA_DER_OCTETS, mark);
    ra_der_put_value(w, RA_DER_BOOLEAN, &yes, 1);
    ra_der_put_oid(w, RA_OID_KEY_USAGE);
    ra_der_put_wrap(w, RA_DER_SEQUENCE, mark);
    ra_der_put_wrap(w, RA_DER_SEQUENCE, mark);
    ra_der_put_wrap(w, RA_DER_CONTEXT_CONSTRUCTED(3), mark);
}

ra_err ra_selfsigned_begin(struct ra_span subject, struct ra_span spki,
                           const uint8_t serial[RA_SELFSIGNED_SERIAL], int64_t not_before,
                           int64_t not_after, enum ra_hash_alg hash, bool rsa, uint8_t *buf,
                           size_t cap, struct ra_span *tbs)
{
    struct ra_der_put w;
    uint8_t number[RA_SELFSIGNED_SERIAL];
    *tbs = (struct ra_span){NULL, 0};
    for (unsigned i = 0; i < sizeof number; i++) {
        number[i] = serial[i];
    }
    number[0] = (uint8_t)((number[0] & 0x3fu) | 0x40u); /* positive, and in its shortest form */
    ra_der_put_init(&w, buf, cap);
    put_usage(&w);
    ra_der_put_raw(&w, spki);
    ra_der_put_raw(&w, subject);
    size_t mark = ra_der_put_size(&w);
    put_time(&w, not_after);
    put_time(&w, not_before);
    ra_der_put_wrap(&w, RA_DER_SEQUENCE, mark);
    ra_der_put_raw(&w, subject);
    ra_der_put_algorithm(&w, ra_oid_of_signature(hash, rsa), rsa);
    ra_der_put_value(&w, RA_DER_INTEGER, number, sizeof number);
    mark = ra_der_put_size(&w);
    ra_der_put_u32(&w, 2); /* version 3 */
    ra_der_put_wrap(&w, RA_DER_CONTEXT_CONSTRUCTED(0), mark);
    ra_der_put_wrap(&w, RA_DER_SEQUENCE, 0);
    if (w.err == RA_OK) {
        *tbs = ra_der_put_span(&w);
    }
    return w.err;
}
