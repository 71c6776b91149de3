/* world_vectors.h - keys and CA certificates for world.h, as arrays.
 *
 * world_vectors.c is made by tests/vectors/make_world.py with the openssl command.
 */
#ifndef WORLD_VECTORS_H
#define WORLD_VECTORS_H

#include <stddef.h>
#include <stdint.h>

struct world_blob {
    const char *name; /* "agent.key" (PKCS #1 or SEC 1), "issuing.cert" */
    const uint8_t *p;
    size_t size;
};

/* Ends with an entry whose name is NULL. */
extern const struct world_blob world_blobs[];

/* By name; the program ends when there is none. */
const struct world_blob *world_blob(const char *name);

#endif
