#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "scep_vectors.h"

struct ra_span scep_blob(const char *name)
{
    const struct pki_blob *b = scep_blobs;
    while (b->name != NULL && strcmp(b->name, name) != 0) {
        b++;
    }
    assert_non_null(b->name);
    return (struct ra_span){b->p, b->size};
}
