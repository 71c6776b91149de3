/* ra_password.h - the operator's password as it is stored, and how long a wrong one locks.
 *
 * Kept is PBKDF2-HMAC-SHA256 of it with a random salt (ra_pbkdf.h), in a record of its own that
 * the store seals. A try is counted there before its outcome is known, so that pulling the plug
 * gains nothing; a right one sets the count back to 0. The count stops at RA_PASSWORD_FAILURES:
 * from there on a wrong try writes nothing, so that it wears no flash.
 *
 * Pure. A cut while it is replaced leaves the old record or the new one (ra_store.h).
 */
#ifndef RA_PASSWORD_H
#define RA_PASSWORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ra_error.h"

#define RA_PASSWORD_MIN 8           /* characters */
#define RA_PASSWORD_MAX 64          /* characters */
#define RA_PASSWORD_FAILURES 20     /* counted at most */
#define RA_PASSWORD_LOCK_MAX_S 900u /* longest time between two tries */
#ifndef RA_PASSWORD_ITERATIONS
#define RA_PASSWORD_ITERATIONS                                                                     \
    20000 /* of new passwords: 190 million instructions, a second or two */
#endif

#define RA_PASSWORD_SIZE 56 /* of the record */

struct ra_password {
    bool set;
    uint16_t failures; /* in a row */
    uint32_t iterations;
    uint8_t salt[16];
    uint8_t hash[32];
};

void ra_password_encode(const struct ra_password *p, uint8_t out[RA_PASSWORD_SIZE]);
/* RA_E_RECORD_DAMAGED leaves the struct zeroed. Any bytes are accepted. */
ra_err ra_password_decode(struct ra_password *p, const uint8_t *in, size_t size);

/* Count a try. Returns whether the record has changed. */
bool ra_password_count(struct ra_password *p);
/* Seconds to the next try after so many failures: 0, 1, 2, 4 ... RA_PASSWORD_LOCK_MAX_S. */
uint32_t ra_password_lock_s(const struct ra_password *p);

#endif
