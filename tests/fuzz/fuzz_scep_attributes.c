/* The signed attributes of a CertRep, as after its signature. */
#include <string.h>

#include "fuzz.h"
#include "ra_scep_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t size)
{
    struct ra_cms_signed s;
    struct ra_scep_reply r;
    memset(&s, 0, sizeof s);
    memset(&r, 0xa5, sizeof r);
    s.signed_attrs = (struct ra_span){p, size};
    if (ra_scep_reply_read(&r, &s, "A0", (const uint8_t *)"0123456789abcdef") == RA_OK) {
        fuzz_must(r.status == RA_SCEP_SUCCESS || r.status == RA_SCEP_FAILURE ||
                      r.status == RA_SCEP_PENDING,
                  "the status");
        fuzz_must(r.fail_info <= 4 || r.fail_info == 255, "failInfo");
        const char *end = memchr(r.text, 0, sizeof r.text);
        fuzz_must(end != NULL, "the peer's words have an end");
        for (const char *c = r.text; c < end; c++) {
            fuzz_must(*c >= ' ' && *c < 0x7f, "the peer's words are printable");
        }
    }
    return 0;
}
