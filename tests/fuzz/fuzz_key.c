/* Keys in DER: private ones (PKCS #1, SEC 1, PKCS #8) and SubjectPublicKeyInfo, there and back. */
#include <string.h>

#include "fuzz.h"
#include "ra_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t size)
{
    static struct ra_key key, again;
    static const struct ra_key none;
    uint8_t out[RA_KEY_DER_MAX];
    size_t n = 0;
    if (ra_key_from_der(&key, p, size) == RA_OK) {
        fuzz_must(key.is_private && ra_key_bits(key.alg) != 0, "a private key");
        fuzz_must(ra_key_to_der(&key, out, sizeof out, &n) == RA_OK, "the largest key has room");
        fuzz_must(ra_key_from_der(&again, out, n) == RA_OK && ra_key_same_public(&key, &again) == 1,
                  "a private key there and back");
        fuzz_must(ra_key_spki(&key, out, sizeof out, &n) == RA_OK && n <= RA_SPKI_MAX, "its SPKI");
    } else {
        fuzz_must(memcmp(&key, &none, sizeof key) == 0, "an error leaves nothing of the key");
    }
    if (ra_key_from_spki(&key, p, size) == RA_OK) {
        fuzz_must(!key.is_private && ra_key_block_size(&key) <= RA_SIGNATURE_MAX, "a public key");
        fuzz_must(ra_key_spki(&key, out, sizeof out, &n) == RA_OK && n <= RA_SPKI_MAX, "its SPKI");
        fuzz_must(ra_key_from_spki(&again, out, n) == RA_OK &&
                      ra_key_same_public(&key, &again) == 1,
                  "a public key there and back");
    } else {
        fuzz_must(key.alg == RA_KEY_NONE, "empty on error");
    }
    return 0;
}
