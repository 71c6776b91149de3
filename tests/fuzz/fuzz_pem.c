/* One object as DER, PEM or base64; PEM blocks one after the other; base64; and back. */
#include <string.h>

#include "fuzz.h"
#include "ra_pem.h"

#define ROOM(size) ((size) / 4 * 3 + 2 > (size) ? (size) / 4 * 3 + 2 : (size))

/* Any part of an encoding is that part of the whole. */
static void encode(const uint8_t *p, size_t size)
{
    struct ra_span in = {p, size};
    struct fuzz_pieces pieces = {FUZZ_RANDOM, fuzz_hash(p, size)};
    for (size_t line = 0; line <= 64; line += 32) {
        size_t whole = ra_base64_size(size, line), out_size;
        uint8_t *text = fuzz_copy(p, 0, whole);
        fuzz_must(ra_base64_read(in, line, 0, (char *)text, whole) == whole, "the size of base64");
        for (size_t at = 0; at < whole;) {
            char piece[40];
            size_t n = fuzz_piece(&pieces, whole - at);
            n = n < sizeof piece ? n : sizeof piece;
            fuzz_must(ra_base64_read(in, line, at, piece, n) == n, "a piece");
            fuzz_must(memcmp(piece, text + at, n) == 0, "pieces: the same text");
            at += n;
        }
        fuzz_must(ra_base64_decode(text, whole, text, whole, &out_size) == RA_OK, "our own base64");
        fuzz_must(out_size == size && (size == 0 || memcmp(text, p, size) == 0),
                  "base64 there and back");
        fuzz_free(text);
    }
    if (size == 0) {
        return; /* no object at all is no PEM */
    }
    size_t whole = ra_pem_size(size, "CERTIFICATE"), out_size = 0;
    uint8_t *text = fuzz_copy(p, 0, whole);
    fuzz_must(ra_pem_read(in, "CERTIFICATE", 0, (char *)text, whole) == whole, "the size of PEM");
    struct ra_span rest = {text, whole}, label, body;
    fuzz_must(ra_pem_next(&rest, &label, &body) == RA_OK && label.size == 11 && rest.size <= 2,
              "our own PEM");
    fuzz_must(ra_base64_decode(body.p, body.size, text, whole, &out_size) == RA_OK &&
                  out_size == size && (size == 0 || memcmp(text, p, size) == 0),
              "PEM there and back");
    fuzz_free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t size)
{
    size_t one_size = 0, two_size = 0;
    uint8_t *in_place = fuzz_copy(p, size, size), *out = fuzz_copy(p, 0, ROOM(size));
    ra_err one = ra_base64_decode(in_place, size, in_place, size, &one_size);
    ra_err two = ra_base64_decode(p, size, out, ROOM(size), &two_size);
    fuzz_must(two != RA_E_SPACE, "the room that always fits");
    fuzz_must(one == two, "base64 in place: the same outcome");
    fuzz_must(one != RA_OK || (one_size == two_size && memcmp(in_place, out, one_size) == 0),
              "base64 in place: the same bytes");
    if (size != 0) {
        memcpy(in_place, p, size);
    }
    one = ra_pem_to_der(in_place, size, in_place, size, &one_size);
    two = ra_pem_to_der(p, size, out, ROOM(size), &two_size);
    fuzz_must(two != RA_E_SPACE, "the room that always fits");
    fuzz_must(one == two, "PEM in place: the same outcome");
    fuzz_must(one != RA_OK || (one_size == two_size && memcmp(in_place, out, one_size) == 0),
              "PEM in place: the same bytes");
    struct ra_span rest = {p, size}, label, body;
    while (ra_pem_next(&rest, &label, &body) == RA_OK) {
        fuzz_must(label.size <= size && body.size <= size && rest.size < size, "the parts of PEM");
        (void)ra_base64_decode(body.p, body.size, out, ROOM(size), &one_size);
    }
    fuzz_free(in_place);
    fuzz_free(out);
    encode(p, size);
    return 0;
}
