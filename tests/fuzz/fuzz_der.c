/* DER and BER: each call of the reader in an order that follows from the bytes; the walk; the way
 * from BER to DER. */
#include <string.h>

#include "fuzz.h"
#include "ra_der.h"

static void inside(struct ra_span s, const uint8_t *p, size_t size)
{
    fuzz_must(s.size == 0 || (s.p >= p && s.p + s.size <= p + size), "a span inside the input");
}

static void read_all(const uint8_t *p, size_t size)
{
    struct ra_der d;
    const uint8_t *outer[RA_DER_DEPTH_MAX];
    unsigned depth = 0;
    uint32_t seed = fuzz_hash(p, size);
    uint8_t tag;
    ra_der_init(&d, (struct ra_span){p, size});
    for (size_t calls = 0; d.err == RA_OK && calls <= size + 2; calls++) {
        seed = (uint32_t)(seed * (uint64_t)1664525u + 1013904223u);
        if (!ra_der_more(&d)) {
            fuzz_must(ra_der_peek(&d) == 0, "a tag at the end");
            if (depth == 0) {
                break;
            }
            ra_der_leave(&d, outer[--depth]);
            continue;
        }
        tag = ra_der_peek(&d);
        if ((tag & 0x20) != 0 && depth < RA_DER_DEPTH_MAX && (seed >> 29) != 0) {
            outer[depth++] = ra_der_enter(&d, tag);
        } else if (tag == RA_DER_INTEGER && (seed >> 31) != 0) {
            (void)ra_der_u32(&d);
        } else if (tag == RA_DER_INTEGER) {
            inside(ra_der_integer(&d), p, size);
        } else if (tag == RA_DER_BOOLEAN) {
            (void)ra_der_boolean(&d);
        } else if (tag == RA_DER_BITS) {
            inside(ra_der_bits(&d), p, size);
        } else if (tag == RA_DER_OID) {
            fuzz_must(ra_der_oid(&d) <= RA_OID_UNKNOWN || d.err == RA_OK, "an OID");
        } else if (tag == RA_DER_SEQUENCE && (seed >> 20 & 3) == 0) {
            (void)ra_der_algorithm(&d);
        } else if ((seed >> 20 & 3) == 1) {
            inside(ra_der_any(&d), p, size);
        } else if ((seed >> 20 & 3) == 2) {
            inside(ra_der_whole(&d, tag), p, size);
        } else {
            inside(ra_der_next(&d, &tag), p, size);
        }
    }
    ra_err err = ra_der_finish(&d);
    if (err != RA_OK) {
        fuzz_must(ra_der_next(&d, NULL).size == 0 && !ra_der_more(&d), "a cursor after an error");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t size)
{
    size_t cap = size + RA_BER_SLACK, der_size = 0, again = 0;
    read_all(p, size);
    ra_err walk = ra_der_check((struct ra_span){p, size});
    uint8_t *buf = fuzz_copy(p, size, cap);
    if (ra_ber_to_der(buf, size, cap, &der_size) == RA_OK) {
        fuzz_must(der_size <= cap, "the size of DER");
        fuzz_must(walk != RA_OK || (der_size == size && memcmp(buf, p, size) == 0),
                  "DER comes out unchanged");
        uint8_t *once = fuzz_copy(buf, der_size, der_size + RA_BER_SLACK);
        fuzz_must(ra_ber_to_der(once, der_size, der_size + RA_BER_SLACK, &again) == RA_OK &&
                      again == der_size && memcmp(once, buf, again) == 0,
                  "what is DER already stays");
        fuzz_free(once);
    } else {
        fuzz_must(walk != RA_OK, "DER is BER");
    }
    fuzz_free(buf);
    buf = fuzz_copy(p, size, size);
    if (ra_der_join(buf, size, &der_size) == RA_OK) {
        fuzz_must(der_size <= size, "joined strings");
    }
    fuzz_free(buf);
    return 0;
}
