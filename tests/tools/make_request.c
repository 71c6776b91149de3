/* make_request - write a renewal request as the firmware would, for openssl to judge.
 *
 *     make_request OLD_CERT OLD_KEY NEW_KEY OUT [MACHINE USER PROCESS]
 *
 * All files are DER. With "-" for OLD_KEY the PKCS#10 alone is written. */
#include <stdio.h>
#include <string.h>

#include "hal_entropy.h"
#include "ra_cms.h"
#include "ra_csr.h"

static size_t read_file(const char *name, uint8_t *to, size_t cap)
{
    FILE *f = fopen(name, "rb");
    size_t size = f == NULL ? 0 : fread(to, 1, cap, f);
    if (f != NULL) {
        fclose(f);
    }
    return size;
}

static int urandom(void *dev, uint8_t *to, uint32_t size)
{
    (void)dev;
    return read_file("/dev/urandom", to, size) == size ? (int)size : -1;
}

static const struct hal_entropy source = {urandom, NULL};
static struct ra_random generator;
static struct ra_key old_key, new_key;
static uint8_t cert_der[RA_CERT_MAX], key_der[RA_KEY_DER_MAX + 64], spki[RA_SPKI_MAX];
static uint8_t request[RA_REQUEST_MAX];

static ra_err make(char **argv, int words, struct ra_span *out)
{
    struct ra_cert old;
    struct ra_span tbs;
    size_t size = read_file(argv[1], cert_der, sizeof cert_der);
    ra_err e = ra_cert_parse(&old, cert_der, size);
    if (e == RA_OK) {
        size = read_file(argv[3], key_der, sizeof key_der);
        e = ra_key_from_der(&new_key, key_der, size);
    }
    if (e == RA_OK) {
        e = ra_key_spki(&new_key, spki, sizeof spki, &size);
    }
    if (e == RA_OK) {
        e = ra_random_init(&generator, &source);
    }
    while (e == RA_OK && !ra_random_ready(&generator)) {
        e = ra_random_seed(&generator);
        e = e == RA_AGAIN ? RA_OK : e;
    }
    if (e != RA_OK) {
        return e;
    }
    struct ra_csr_input in = {.subject = old.subject, .spki = {spki, size}, .old = &old};
    if (words == 3) {
        in.machine = argv[5];
        in.user = argv[6];
        in.process = argv[7];
    }
    e = ra_csr_begin(&in, request, sizeof request, &tbs);
    if (e == RA_OK) {
        e = ra_csr_sign(request, sizeof request, tbs, &new_key, &generator, RA_HASH_SHA256, out);
    }
    if (e != RA_OK || strcmp(argv[2], "-") == 0) {
        return e;
    }
    size = read_file(argv[2], key_der, sizeof key_der);
    e = ra_key_from_der(&old_key, key_der, size);
    if (e == RA_OK) {
        e = ra_cms_renewal_build(request, sizeof request, *out, &old, &old_key, &generator,
                                 RA_HASH_SHA256, out);
    }
    return e;
}

int main(int argc, char **argv)
{
    struct ra_span out;
    if (argc != 5 && argc != 8) {
        fputs("make_request OLD_CERT OLD_KEY NEW_KEY OUT [MACHINE USER PROCESS]\n", stderr);
        return 2;
    }
    ra_err e = make(argv, argc - 5, &out);
    if (e != RA_OK) {
        fprintf(stderr, "%s\n", ra_error_text(e));
        return 1;
    }
    FILE *f = fopen(argv[4], "wb");
    if (f == NULL || fwrite(out.p, 1, out.size, f) != out.size || fclose(f) != 0) {
        perror(argv[4]);
        return 1;
    }
    return 0;
}
