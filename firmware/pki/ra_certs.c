#include "ra_certs.h"

#include <string.h>

#include "ra_cms.h"
#include "ra_pem.h"

/* Whether another block begins there: one without an end is not to be overlooked. */
static bool has_begin(struct ra_span s)
{
    static const char mark[] = "-----BEGIN ";
    for (size_t i = 0; i + sizeof mark - 1 <= s.size; i++) {
        if (memcmp(s.p + i, mark, sizeof mark - 1) == 0) {
            return true;
        }
    }
    return false;
}

ra_err ra_certs_from_text(uint8_t *buf, size_t size, size_t cap, struct ra_span certs[], size_t max,
                          size_t *n)
{
    struct ra_span rest = {buf, size}, label, body;
    ra_err e = RA_OK;
    *n = 0;
    bool der = size > 1 && buf[0] == RA_DER_SEQUENCE && buf[1] >= 0x80;
    if (der || ra_pem_next(&rest, &label, &body) != RA_OK) {
        e = ra_pem_to_der(buf, size, buf, cap, &size);
        return e == RA_OK ? ra_cms_certs(buf, size, cap, certs, max, n) : e;
    }
    /* Each block is decoded where its text was: that is a quarter longer. */
    do {
        uint8_t *at = buf + (body.p - buf);
        size_t room = body.size, found = 0;
        if (*n == max) {
            return RA_E_CMS_TOO_MANY;
        }
        e = ra_base64_decode(body.p, body.size, at, room, &size);
        if (e == RA_OK) {
            e = ra_cms_certs(at, size, room, certs + *n, max - *n, &found);
        }
        *n += found;
        if (e != RA_OK || !has_begin(rest)) {
            return e;
        }
        e = ra_pem_next(&rest, &label, &body);
    } while (e == RA_OK);
    return e;
}
