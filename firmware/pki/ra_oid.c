#include "ra_oid.h"

#include <string.h>

/* Length and contents of each, in the order of enum ra_oid. */
#define PKCS "\x2a\x86\x48\x86\xf7\x0d\x01"
#define VERISIGN "\x60\x86\x48\x01\x86\xf8\x45\x01\x09"
#define MS "\x2b\x06\x01\x04\x01\x82\x37"
static const char table[] = "\x05\x2b\x0e\x03\x02\x1a"
                            "\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01"
                            "\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02"
                            "\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03"
                            "\x09" PKCS "\x01\x01"
                            "\x07\x2a\x86\x48\xce\x3d\x02\x01"
                            "\x09" PKCS "\x01\x05"
                            "\x09" PKCS "\x01\x0b"
                            "\x09" PKCS "\x01\x0c"
                            "\x09" PKCS "\x01\x0d"
                            "\x07\x2a\x86\x48\xce\x3d\x04\x01"
                            "\x08\x2a\x86\x48\xce\x3d\x04\x03\x02"
                            "\x08\x2a\x86\x48\xce\x3d\x04\x03\x03"
                            "\x08\x2a\x86\x48\xce\x3d\x04\x03\x04"
                            "\x09" PKCS "\x07\x01"
                            "\x09" PKCS "\x07\x02"
                            "\x09" PKCS "\x09\x03"
                            "\x09" PKCS "\x09\x04"
                            "\x03\x55\x1d\x0e"
                            "\x03\x55\x1d\x0f"
                            "\x03\x55\x1d\x11"
                            "\x03\x55\x1d\x13"
                            "\x03\x55\x1d\x20"
                            "\x03\x55\x1d\x23"
                            "\x03\x55\x1d\x25"
                            "\x09" MS "\x14\x02"
                            "\x09" MS "\x15\x07"
                            "\x09" MS "\x15\x0a"
                            "\x0a" MS "\x14\x02\x01"
                            "\x09" PKCS "\x09\x0e"
                            "\x09" PKCS "\x09\x07"
                            "\x09" MS "\x0d\x01"
                            "\x09" MS "\x15\x14"
                            "\x09" PKCS "\x07\x03"
                            "\x09" PKCS "\x01\x07"
                            "\x09" PKCS "\x01\x08"
                            "\x09" PKCS "\x01\x09"
                            "\x09\x60\x86\x48\x01\x65\x03\x04\x01\x02"
                            "\x09\x60\x86\x48\x01\x65\x03\x04\x01\x2a"
                            "\x08\x2a\x86\x48\x86\xf7\x0d\x03\x07"
                            "\x05\x2b\x0e\x03\x02\x07"
                            "\x0a" VERISIGN "\x02"
                            "\x0a" VERISIGN "\x03"
                            "\x0a" VERISIGN "\x04"
                            "\x0a" VERISIGN "\x05"
                            "\x0a" VERISIGN "\x06"
                            "\x0a" VERISIGN "\x07"
                            "\x08\x2b\x06\x01\x05\x05\x07\x18\x01"
                            "\x09" MS "\x15\x21";

struct ra_span ra_oid_value(enum ra_oid oid)
{
    const char *p = table;
    for (unsigned i = RA_OID_SHA1; i < (unsigned)oid; i++) {
        p += 1 + *p;
    }
    return (struct ra_span){(const uint8_t *)p + 1, (size_t)*p};
}

enum ra_oid ra_oid_find(struct ra_span value)
{
    const char *p = table;
    for (unsigned i = RA_OID_SHA1; i < RA_OID_COUNT; i++, p += 1 + *p) {
        if ((size_t)*p == value.size && memcmp(p + 1, value.p, value.size) == 0) {
            return (enum ra_oid)i;
        }
    }
    return RA_OID_UNKNOWN;
}

enum ra_oid ra_oid_of_hash(enum ra_hash_alg hash)
{
    return (enum ra_oid)(RA_OID_SHA1 + (unsigned)hash - RA_HASH_SHA1);
}

enum ra_hash_alg ra_oid_hash(enum ra_oid digest)
{
    if (digest < RA_OID_SHA1 || digest > RA_OID_SHA512) {
        return RA_HASH_NONE;
    }
    return (enum ra_hash_alg)(RA_HASH_SHA1 + (unsigned)digest - RA_OID_SHA1);
}

enum ra_oid ra_oid_of_signature(enum ra_hash_alg hash, bool rsa)
{
    unsigned first = rsa ? RA_OID_RSA_SHA1 : RA_OID_ECDSA_SHA1;
    return (enum ra_oid)(first + (unsigned)hash - RA_HASH_SHA1);
}

enum ra_hash_alg ra_oid_signature(enum ra_oid oid, bool *rsa)
{
    if (oid < RA_OID_RSA_SHA1 || oid > RA_OID_ECDSA_SHA512) {
        *rsa = false;
        return RA_HASH_NONE;
    }
    *rsa = oid <= RA_OID_RSA_SHA512;
    return (enum ra_hash_alg)(RA_HASH_SHA1 + ((unsigned)oid - RA_OID_RSA_SHA1) % 4);
}

_Static_assert(RA_OID_RSA_SHA512 == RA_OID_RSA_SHA1 + 3 &&
                   RA_OID_ECDSA_SHA1 == RA_OID_RSA_SHA1 + 4 && RA_HASH_SHA512 == RA_HASH_SHA1 + 3,
               "digests and signatures are in the same order");
