#include "ra_password.h"

#include <string.h>

#define VERSION 1

void ra_password_encode(const struct ra_password *p, uint8_t out[RA_PASSWORD_SIZE])
{
    out[0] = VERSION;
    out[1] = p->set;
    out[2] = (uint8_t)(p->failures >> 8);
    out[3] = (uint8_t)p->failures;
    for (unsigned i = 0; i < 4; i++) {
        out[4 + i] = (uint8_t)(p->iterations >> (24 - 8 * i));
    }
    memcpy(out + 8, p->salt, sizeof p->salt);
    memcpy(out + 24, p->hash, sizeof p->hash);
}

ra_err ra_password_decode(struct ra_password *p, const uint8_t *in, size_t size)
{
    memset(p, 0, sizeof *p);
    if (size != RA_PASSWORD_SIZE || in[0] != VERSION || in[1] > 1) {
        return RA_E_RECORD_DAMAGED;
    }
    uint32_t iterations = 0;
    for (unsigned i = 0; i < 4; i++) {
        iterations = iterations << 8 | in[4 + i];
    }
    unsigned failures = (unsigned)in[2] << 8 | in[3];
    /* More iterations than ever were set would hold the console for hours. */
    if (failures > RA_PASSWORD_FAILURES || (in[1] != 0 && iterations == 0) ||
        iterations > 64u * RA_PASSWORD_ITERATIONS) {
        return RA_E_RECORD_DAMAGED;
    }
    p->set = in[1] != 0;
    p->failures = (uint16_t)failures;
    p->iterations = iterations;
    memcpy(p->salt, in + 8, sizeof p->salt);
    memcpy(p->hash, in + 24, sizeof p->hash);
    return RA_OK;
}

bool ra_password_count(struct ra_password *p)
{
    if (p->failures == RA_PASSWORD_FAILURES) {
        return false;
    }
    p->failures++;
    return true;
}

uint32_t ra_password_lock_s(const struct ra_password *p)
{
    if (p->failures == 0) {
        return 0;
    }
    return p->failures > 10 ? RA_PASSWORD_LOCK_MAX_S : 1u << (p->failures - 1u);
}
