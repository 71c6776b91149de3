/* A name as an operator types it, to DER, to text and to DER again. */
#include <string.h>

#include "fuzz.h"
#include "ra_name.h"
#include "ra_x509.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t size)
{
    char text[600], printed[1200];
    uint8_t der[512], again[512];
    struct ra_span name, back;
    if (size >= sizeof text || (size != 0 && memchr(p, 0, size) != NULL)) {
        return 0;
    }
    if (size != 0) {
        memcpy(text, p, size);
    }
    text[size] = 0;
    if (ra_name_from_text(text, der, sizeof der, &name) != RA_OK) {
        return 0;
    }
    fuzz_must(ra_der_check(name) == RA_OK, "DER of our own");
    fuzz_must(name.p + name.size == der + sizeof der, "at the end of the buffer");
    ra_name_text(name, printed, sizeof printed);
    fuzz_must(memchr(printed, 0, sizeof printed) != NULL, "the text has an end");
    /* What is printed can be typed. */
    fuzz_must(ra_name_from_text(printed, again, sizeof again, &back) == RA_OK, "there and back");
    fuzz_must(ra_name_equal(name, back), "the same name");
    return 0;
}
