/* wraps.c - the functions that the linker's --wrap puts in front of wolfSSL's. */
#include "bench.h"
#include "board.h"

#include <stdbool.h>
#include <stddef.h>

struct bench_count *bench_now;
uint32_t bench_wrapped;
struct bench_record bench_records[BENCH_TYPES];

static bool inside;

uint64_t bench_begin(void)
{
    if (inside) {
        return 0;
    }
    inside = true;
    return board_cycles();
}

void bench_end(enum bench_primitive primitive, uint64_t begun)
{
    if (begun == 0) {
        return;
    }
    bench_now[primitive].cycles += board_cycles() - begun;
    bench_now[primitive].calls++;
    bench_wrapped++;
    inside = false;
}

int bench_empty(void)
{
    return 0;
}

/* Every argument of these functions is one word, eleven at most. A wrapper hands on twelve
 * words, whatever they are: those behind the last argument are the caller's own stack. */
#define WORDS                                                                                      \
    uintptr_t a, uintptr_t b, uintptr_t c, uintptr_t d, uintptr_t e, uintptr_t f, uintptr_t g,     \
        uintptr_t h, uintptr_t i, uintptr_t j, uintptr_t k, uintptr_t l
#define WRAP(primitive, name)                                                                      \
    int __real_##name(WORDS);                                                                      \
    int __wrap_##name(WORDS);                                                                      \
    int __wrap_##name(WORDS)                                                                       \
    {                                                                                              \
        uint64_t begun = bench_begin();                                                            \
        int result = __real_##name(a, b, c, d, e, f, g, h, i, j, k, l);                            \
        bench_end(primitive, begun);                                                               \
        return result;                                                                             \
    }

/* clang-format off: one a line, the build reads the names from here */
WRAP(BENCH_EMPTY, bench_empty)
WRAP(BENCH_POWER_1024, sp_ModExp_1024)
WRAP(BENCH_POWER_1536, sp_ModExp_1536)
WRAP(BENCH_POWER_2048, sp_ModExp_2048)
WRAP(BENCH_PRIVATE_2048, sp_RsaPrivate_2048)
WRAP(BENCH_PRIVATE_3072, sp_RsaPrivate_3072)
WRAP(BENCH_PRIVATE_4096, sp_RsaPrivate_4096)
WRAP(BENCH_PUBLIC_2048, sp_RsaPublic_2048)
WRAP(BENCH_PUBLIC_3072, sp_RsaPublic_3072)
WRAP(BENCH_PUBLIC_4096, sp_RsaPublic_4096)
WRAP(BENCH_EC_MULTIPLY, sp_ecc_mulmod_base_256)
WRAP(BENCH_EC_SIGN, sp_ecc_sign_256)
WRAP(BENCH_EC_VERIFY, sp_ecc_verify_256)
WRAP(BENCH_EC_CHECK, sp_ecc_is_point_256)
WRAP(BENCH_SEAL, wc_AesGcmEncrypt)
WRAP(BENCH_SEAL, wc_AesGcmDecrypt)
WRAP(BENCH_SEAL_KEY, wc_AesGcmSetKey)
WRAP(BENCH_HASH, wc_Sha256Update)
WRAP(BENCH_HASH, wc_Sha256Final)
WRAP(BENCH_HASH, wc_ShaUpdate)
WRAP(BENCH_HASH, wc_ShaFinal)
WRAP(BENCH_HMAC, wc_HmacSetKey)
WRAP(BENCH_HMAC, wc_HmacUpdate)
WRAP(BENCH_HMAC, wc_HmacFinal)
WRAP(BENCH_RANDOM, wc_InitRng)
WRAP(BENCH_RANDOM, wc_RNG_DRBG_Reseed)
WRAP(BENCH_RANDOM, wc_RNG_GenerateBlock)
/* clang-format on */

int __real_ra_store_put(void *s, uint8_t type, uint16_t id, const void *data, size_t size);
int __wrap_ra_store_put(void *s, uint8_t type, uint16_t id, const void *data, size_t size);
int __wrap_ra_store_put(void *s, uint8_t type, uint16_t id, const void *data, size_t size)
{
    int result = __real_ra_store_put(s, type, id, data, size);
    if (result == 0 && type < BENCH_TYPES) {
        bench_records[type].puts++;
        bench_records[type].bytes += size;
    }
    return result;
}
