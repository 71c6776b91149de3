/* A certificate, all its fields, and its names as text. */
#include <string.h>

#include "fuzz.h"
#include "ra_key.h"
#include "ra_server.h"
#include "ra_x509.h"

static void inside(struct ra_span s, const uint8_t *p, size_t size)
{
    fuzz_must(s.size == 0 || (s.p >= p && s.p + s.size <= p + size), "a field inside the DER");
}

/* Text that a terminal shows and does not obey: no control bytes, no broken UTF-8. */
static void printable(const char *text, size_t cap, bool whole)
{
    fuzz_must(memchr(text, 0, cap) != NULL, "the text has an end");
    for (const unsigned char *c = (const unsigned char *)text; *c != 0; c++) {
        fuzz_must(*c >= ' ' && *c != 0x7f, "a control character");
        fuzz_must(!(c[0] == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f), "a C1 control character");
        fuzz_must(!(c[0] == 0xe2 && c[1] == 0x80 && c[2] >= 0xaa && c[2] <= 0xae), "a direction");
    }
    (void)whole;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t size)
{
    static struct ra_cert c, agent;
    static struct ra_key key;
    char text[300];
    uint8_t digest[32];
    if (agent.der.size == 0) {
        struct ra_span der = fuzz_blob("client_cert1");
        fuzz_must(ra_cert_parse(&agent, der.p, der.size) == RA_OK, "a certificate");
    }
    /* Any bytes are a name to these. */
    for (size_t cap = 1; cap <= sizeof text; cap += 149) {
        ra_name_text((struct ra_span){p, size}, text, cap);
        printable(text, cap, cap == sizeof text);
        ra_name_common((struct ra_span){p, size}, text, cap);
        printable(text, cap, cap == sizeof text);
    }
    (void)ra_name_equal((struct ra_span){p, size}, agent.subject);
    if (ra_cert_parse(&c, p, size) != RA_OK) {
        fuzz_must(c.der.p == NULL && c.subject.p == NULL && c.not_after == 0, "zeroed on error");
        return 0;
    }
    fuzz_must(size <= RA_CERT_MAX, "the limit");
    struct ra_span fields[] = {c.der,          c.tbs,           c.issuer,  c.subject,   c.spki,
                               c.template_ext, c.skid,          c.eku_ext, c.serial,    c.san_ext,
                               c.akid,         c.key_usage_ext, c.sig,     c.spki_bits, c.eku,
                               c.san,          c.template_id};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        inside(fields[i], p, size);
    }
    ra_name_text(c.subject, text, sizeof text);
    printable(text, sizeof text, true);
    ra_name_text(c.issuer, text, sizeof text);
    printable(text, sizeof text, true);
    ra_cert_template_name(&c, text, sizeof text);
    printable(text, sizeof text, true);
    fuzz_must(ra_server_check(&c, "", c.not_before, false) == RA_E_TLS_NAME,
              "no name fits nothing");
    (void)ra_server_check(&c, "ca01.example.test", c.not_before, false);
    (void)ra_server_check(&c, "192.0.2.7", c.not_before, true);
    ra_cert_serial_text(&c, text, sizeof text);
    fuzz_must(ra_name_equal(c.subject, c.subject), "a name is itself");
    fuzz_must(ra_cert_template_equal(&c, &c), "a template is itself");
    fuzz_must(ra_cert_template_equal(&c, &agent) == ra_cert_template_equal(&agent, &c),
              "the same from both sides");
    (void)ra_cert_self_issued(&c);
    fuzz_must(ra_cert_sha256(c.der, digest) == RA_OK, "a thumbprint");
    (void)ra_key_from_spki(&key, c.spki.p, c.spki.size);
    return 0;
}
