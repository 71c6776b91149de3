/* pipe.c - a transport through semihosting and two pipes to bench.py.
 *
 * Upwards: 'O'; 'S' and two bytes of size, then the bytes; 'R' and two bytes of room; 'C'.
 * Downwards, after each R: two bytes of size, then the bytes. Numbers are little-endian.
 */
#include <string.h>

#include "bench.h"
#include "board.h"

#define SYS_OPEN 0x01u
#define SYS_WRITE 0x05u
#define SYS_READ 0x06u
#define OPEN_READ_BINARY 1u
#define OPEN_WRITE_BINARY 5u

static int up = -1, down = -1;
static enum ra_transport_state now = RA_TRANSPORT_IDLE;

static int call(uint32_t operation, const void *arguments)
{
    register uint32_t r0 __asm("r0") = operation;
    register uint32_t r1 __asm("r1") = (uint32_t)(uintptr_t)arguments;

    __asm volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return (int)r0;
}

static int open_pipe(const char *word, uint32_t mode)
{
    char name[128];
    if (!board_word(word, name, sizeof name)) {
        return -1;
    }
    const uint32_t arguments[3] = {(uint32_t)(uintptr_t)name, mode, (uint32_t)strlen(name)};
    return call(SYS_OPEN, arguments);
}

static void put(const void *from, size_t size)
{
    const uint32_t arguments[3] = {(uint32_t)up, (uint32_t)(uintptr_t)from, (uint32_t)size};
    if (call(SYS_WRITE, arguments) != 0) {
        now = RA_TRANSPORT_FAILED;
    }
}

/* All of `size` bytes: a pipe gives what it has. */
static bool get(uint8_t *to, size_t size)
{
    while (size != 0) {
        const uint32_t arguments[3] = {(uint32_t)down, (uint32_t)(uintptr_t)to, (uint32_t)size};
        int missing = call(SYS_READ, arguments);
        if (missing < 0 || (size_t)missing >= size) {
            now = RA_TRANSPORT_FAILED;
            return false;
        }
        to += size - (size_t)missing;
        size = (size_t)missing;
    }
    return true;
}

static ra_err pipe_open(void *ctx, const char *host, uint16_t port, bool tls)
{
    (void)ctx;
    (void)host;
    (void)port;
    if (tls) {
        return RA_E_HTTP_SCHEME;
    }
    if (up < 0) {
        up = open_pipe("up", OPEN_WRITE_BINARY);
        down = open_pipe("down", OPEN_READ_BINARY);
    }
    now = up < 0 || down < 0 ? RA_TRANSPORT_FAILED : RA_TRANSPORT_OPEN;
    put("O", 1);
    return RA_OK;
}

static enum ra_transport_state pipe_state(void *ctx)
{
    (void)ctx;
    return now;
}

static ra_err pipe_error(void *ctx)
{
    (void)ctx;
    return now == RA_TRANSPORT_FAILED ? RA_E_NET_DOWN : RA_OK;
}

static size_t pipe_send(void *ctx, const uint8_t *from, size_t size)
{
    size_t n = size < 0xffffu ? size : 0xffffu;
    const uint8_t head[3] = {'S', (uint8_t)n, (uint8_t)(n >> 8)};
    (void)ctx;
    put(head, sizeof head);
    put(from, n);
    return n;
}

static size_t pipe_receive(void *ctx, uint8_t *to, size_t size)
{
    size_t n = size < 0xffffu ? size : 0xffffu;
    uint8_t head[3] = {'R', (uint8_t)n, (uint8_t)(n >> 8)};
    (void)ctx;
    put(head, sizeof head);
    if (!get(head, 2)) {
        return 0;
    }
    n = head[0] | (size_t)head[1] << 8;
    return n <= size && get(to, n) ? n : 0;
}

static void pipe_close(void *ctx)
{
    (void)ctx;
    if (now != RA_TRANSPORT_IDLE) {
        put("C", 1);
    }
    now = RA_TRANSPORT_IDLE;
}

const struct ra_transport *bench_pipe(void)
{
    static const struct ra_transport transport = {.open = pipe_open,
                                                  .state = pipe_state,
                                                  .error = pipe_error,
                                                  .send = pipe_send,
                                                  .receive = pipe_receive,
                                                  .close = pipe_close};
    return &transport;
}
