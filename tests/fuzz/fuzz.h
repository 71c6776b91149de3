/* fuzz.h - what the libFuzzer targets share.
 *
 * A target is one file, fuzz_NAME.c, with one function, LLVMFuzzerTestOneInput; CMakeLists.txt
 * finds it by its name. It gives the bytes to one entry of the firmware and demands what that
 * entry's header promises. What is not true ends the program, as a sanitizer's finding does.
 * The bytes are as a peer sends them, without a prefix of the fuzzer's, where that can be: then
 * real messages are seeds. What else a run needs (how the bytes are cut into pieces) follows
 * from the bytes.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ra_der.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t size);

/* Ends the program with `what` when it is not the truth. */
void fuzz_must(bool truth, const char *what);

/* A copy of p[0 .. size-1] in a block of `cap` bytes, exactly: the sanitizer sees the byte after
 * it. Freed by fuzz_free; at most 4 at once. cap 0 is a block too. */
uint8_t *fuzz_copy(const uint8_t *p, size_t size, size_t cap);
void fuzz_free(uint8_t *copy);

/* A number that follows from the bytes. */
uint32_t fuzz_hash(const uint8_t *p, size_t size);

/* How bytes are handed over. */
enum fuzz_way { FUZZ_WHOLE, FUZZ_BYTES, FUZZ_RANDOM, FUZZ_WAYS };
struct fuzz_pieces {
    enum fuzz_way way;
    uint32_t seed;
};
/* The size of the next piece, 1 .. left; left is not 0. */
size_t fuzz_piece(struct fuzz_pieces *f, size_t left);

/* Input of more than one part: the next part ends before the first byte `end`, or at the end. */
struct ra_span fuzz_part(struct ra_span *rest, uint8_t end);
/* The next `size` bytes, fewer at the end. */
struct ra_span fuzz_take(struct ra_span *rest, size_t size);
/* The next byte, 0 at the end. */
uint8_t fuzz_byte(struct ra_span *rest);

/* A blob of tests/support by name: pki_vectors, scep_vectors, world_vectors. */
struct ra_span fuzz_blob(const char *name);

#endif
