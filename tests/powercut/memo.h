/* memo.h - remembers what wolfSSL said, so that a sweep asks it each question once.
 *
 * The linker puts memo.c between the firmware and crypto/ (--wrap): signatures, verdicts,
 * decryptions and keys read from DER are computed by the real code the first time and
 * repeated from a table for the same input. Encryption of the same bytes to the same key gives
 * the same ciphertext again. A search for an RSA key hands out one of the keys of
 * world_vectors.h, chosen by the random generator. A key that does not fit is still
 * told from one that does.
 */
#ifndef MEMO_H
#define MEMO_H

#include <stdbool.h>

extern bool memo_off; /* everything by the real code */
extern unsigned long memo_hits, memo_misses;

#endif
