/* bench.h - counters of the bench image: instructions by phase and by wolfSSL primitive.
 *
 * Counted, not timed: under `qemu -icount shift=4` each instruction is 16 ns of the board's
 * time, and board_cycles() counts that time. What the counting itself executes is calibrated at
 * the start and taken off, so that figures are exact to a few instructions a call.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdint.h>

#include "ra_transport.h"

/* Groups of wolfSSL functions; the linker's --wrap leads every call of them, from our code or
 * from wolfSSL's other files, through wraps.c. Calls inside a call are not counted again. */
#define BENCH_PRIMITIVES(X)                                                                        \
    X(EMPTY, "empty")           /* calibration only */                                             \
    X(POWER_1024, "power-1024") /* modular power: a Miller-Rabin round, an inverse */              \
    X(POWER_1536, "power-1536")                                                                    \
    X(POWER_2048, "power-2048")                                                                    \
    X(PRIVATE_2048, "private-2048")                                                                \
    X(PRIVATE_3072, "private-3072")                                                                \
    X(PRIVATE_4096, "private-4096")                                                                \
    X(PUBLIC_2048, "public-2048")                                                                  \
    X(PUBLIC_3072, "public-3072")                                                                  \
    X(PUBLIC_4096, "public-4096")                                                                  \
    X(EC_MULTIPLY, "ec-multiply")                                                                  \
    X(EC_SIGN, "ec-sign")                                                                          \
    X(EC_VERIFY, "ec-verify")                                                                      \
    X(EC_CHECK, "ec-check")                                                                        \
    X(SEAL, "aes-gcm")                                                                             \
    X(SEAL_KEY, "aes-key")                                                                         \
    X(HASH, "hash")                                                                                \
    X(HMAC, "hmac")                                                                                \
    X(RANDOM, "random")                                                                            \
    X(FLASH_READ, "flash-read") /* not wolfSSL: the board's driver */                              \
    X(FLASH_WRITE, "flash-write")

#define BENCH_ENUM_(name, text) BENCH_##name,
enum bench_primitive { BENCH_PRIMITIVES(BENCH_ENUM_) BENCH_PRIMITIVE_COUNT };

struct bench_count {
    uint32_t calls;
    uint64_t cycles;
};

/* Where calls are counted now, and how many calls went through a wrapper in all. */
extern struct bench_count *bench_now;
extern uint32_t bench_wrapped;

/* Begin and end of a wrapped call; begin answers 0 inside another one. */
uint64_t bench_begin(void);
void bench_end(enum bench_primitive primitive, uint64_t begun);

/* Through the linker's --wrap, like the primitives. */
int bench_empty(void);

/* Bytes given to ra_store_put, by record type. */
#define BENCH_TYPES 16
struct bench_record {
    uint32_t puts, bytes;
};
extern struct bench_record bench_records[BENCH_TYPES];

/* A transport whose other end is a program on the host, reached through two pipes by
 * semihosting. The emulator stands still while it waits for them, so the counts do not depend
 * on how long the host takes. Words: up=PIPE down=PIPE. */
const struct ra_transport *bench_pipe(void);

#endif
