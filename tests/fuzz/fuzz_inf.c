/* A Request.inf, line by line, and a thumbprint as people paste it. */
#include <string.h>

#include "fuzz.h"
#include "ra_inf.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t size)
{
    static struct ra_inf inf;
    static struct ra_cert agent;
    struct ra_inf_note note;
    unsigned last = 0, lines = 1;
    char text[200];
    uint8_t id[20], id_size = 0;
    unsigned digits = 0;
    if (agent.der.size == 0) {
        struct ra_span der = fuzz_blob("ms_old_cert");
        fuzz_must(ra_cert_parse(&agent, der.p, der.size) == RA_OK, "a certificate");
    }
    for (size_t i = 0; i < size; i++) {
        lines += p[i] == '\n' || p[i] == '\r';
    }
    uint8_t *copy = fuzz_copy(p, size, size);
    ra_inf_init(&inf, (struct ra_span){copy, size});
    for (size_t notes = 0; ra_inf_next(&inf, &note); notes++) {
        fuzz_must(notes <= 2 * (size + 40), "notes without an end");
        fuzz_must(note.verdict <= RA_INF_REFUSED && note.why != NULL, "a note");
        fuzz_must(note.line <= lines, "a line of the text");
        fuzz_must(note.name == NULL || strlen(note.name) <= RA_INF_NAME_MAX + 40, "a name");
        last = note.line != 0 ? note.line : last;
    }
    fuzz_must(inf.id_size <= 20, "the certificate's number");
    (void)ra_inf_names(&inf, &agent);
    (void)ra_inf_match(&inf, &agent, &note);
    fuzz_free(copy);
    if (size < sizeof text && (size == 0 || memchr(p, 0, size) == NULL)) {
        if (size != 0) {
            memcpy(text, p, size);
        }
        text[size] = 0;
        if (ra_inf_hex(text, id, &id_size, &digits) == RA_OK) {
            fuzz_must(id_size >= 1 && id_size <= 20 && digits == 2u * id_size, "the digits");
        }
    }
    return 0;
}
