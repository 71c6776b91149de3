/* net_probe.c - drives firmware/net and the host board's devices, one command after the other.
 *
 *   net_probe [OPTIONS OF THE HOST BOARD] COMMAND...
 *
 * Each command is one argument, its words parted by blanks, and prints one line of
 * NAME=VALUE words. tests/e2e/net_host.py and host_board.py give the commands and judge.
 *
 *   up                          wait for an address
 *   try H P                     start to connect at once, print how that ends
 *   get H P PATH [CAP PAUSE]    GET; take CAP bytes (default all) each PAUSE ms (default 0)
 *   post H P PATH N             POST of N bytes, compared with the echo
 *   push H P N WAIT             connect, wait WAIT ms for the peer's end, then send N bytes
 *   hold H P WAIT               connect, send one line, take nothing for WAIT ms, then take all
 *   churn H P N                 open and close N times, a little later each time
 *   sntp SERVER WAIT [OTHER]    ask, wait at most WAIT ms for an answer
 *   static ADDRESS MASK GW DNS  set an address by hand; `dhcp DNS` goes back
 *   sleep MS
 *   pools                       blocks in use in lwIP's pools
 *   program AT SIZE BYTE        one flash operation, polled to its end; `erase SECTOR` likewise
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#include <lwip/memp.h>
#include <lwip/pbuf.h>
#include <lwip/stats.h>

#include "host_hal.h"
#include "ra_error.h"
#include "ra_net.h"
#include "ra_net_setup.h"

static struct hal hal;
static struct ra_net_setup setup;
static struct ra_net net;
static struct ra_transport t;
static struct ra_net_config config;

static uint64_t now(void)
{
    return hal.clock.monotonic_ms(hal.clock.dev);
}

static bool random_bytes(void *ctx, uint8_t *out, size_t size)
{
    (void)ctx;
    return hal.entropy.read(hal.entropy.dev, out, (uint32_t)size) == (int)size;
}

static void turn(void)
{
    uint32_t next = ra_net_setup_step(&setup);
    host_hal_wait(next < 5 ? next : 5);
}

static void turn_for(uint64_t ms)
{
    uint64_t end = now() + ms;
    do {
        turn();
    } while (now() < end);
}

static uint32_t crc_add(uint32_t crc, const uint8_t *p, size_t size)
{
    crc = ~crc;
    while (size-- > 0) {
        int bit;
        crc ^= *p++;
        for (bit = 0; bit < 8; bit++) {
            crc = crc & 1u ? crc >> 1 ^ 0xedb88320u : crc >> 1;
        }
    }
    return ~crc;
}

static const char *const state_names[] = {
    [RA_TRANSPORT_IDLE] = "idle",          [RA_TRANSPORT_CONNECTING] = "connecting",
    [RA_TRANSPORT_WORKING] = "working",    [RA_TRANSPORT_OPEN] = "open",
    [RA_TRANSPORT_PEER_CLOSED] = "closed", [RA_TRANSPORT_FAILED] = "failed"};

static void print_end(uint64_t since)
{
    printf(" state=%s error=%s ms=%" PRIu64, state_names[t.state(t.ctx)],
           ra_error_name(t.error(t.ctx)), now() - since);
}

static enum ra_transport_state connected(void)
{
    while (t.state(t.ctx) == RA_TRANSPORT_CONNECTING) {
        turn();
    }
    return t.state(t.ctx);
}

static void send_all(const uint8_t *p, size_t size)
{
    uint64_t end = now() + 20000;
    while (size > 0 && now() < end) {
        size_t put = t.send(t.ctx, p, size);
        p += put;
        size -= put;
        if (put == 0) {
            if (t.state(t.ctx) == RA_TRANSPORT_FAILED) {
                return;
            }
            turn();
        }
    }
}

struct taken {
    size_t bytes, body;
    uint32_t crc;  /* of what follows the first empty line */
    unsigned line; /* bytes of \r\n\r\n seen */
    size_t most_held;
    unsigned most_buffers;
};

static void note_held(struct taken *k)
{
    if (net.in != NULL) {
        if (net.in->tot_len - net.in_at > k->most_held) {
            k->most_held = net.in->tot_len - net.in_at;
        }
        if (pbuf_clen(net.in) > k->most_buffers) {
            k->most_buffers = pbuf_clen(net.in);
        }
    }
}

static size_t take(struct taken *k, size_t cap)
{
    static uint8_t buffer[65536];
    size_t i, got;
    note_held(k);
    got = t.receive(t.ctx, buffer, cap < sizeof buffer ? cap : sizeof buffer);
    for (i = 0; i < got; i++) {
        if (k->line == 4) {
            k->crc = crc_add(k->crc, buffer + i, got - i);
            k->body += got - i;
            break;
        }
        k->line = buffer[i] == (k->line % 2 == 0 ? '\r' : '\n') ? k->line + 1 : buffer[i] == '\r';
    }
    k->bytes += got;
    return got;
}

/* Takes until the peer's end or a failure. */
static void take_all(struct taken *k, size_t cap, uint64_t pause)
{
    for (;;) {
        enum ra_transport_state s = t.state(t.ctx);
        size_t got = take(k, cap);
        if (got == 0 && s != RA_TRANSPORT_OPEN) {
            return;
        }
        if (pause > 0) {
            turn_for(pause);
        } else {
            turn();
        }
    }
}

static void print_taken(const struct taken *k)
{
    printf(" bytes=%zu body=%zu crc=%08" PRIx32 " held=%zu buffers=%u", k->bytes, k->body, k->crc,
           k->most_held, k->most_buffers);
}

static void do_get(const char *host, uint16_t port, const char *path, size_t cap, uint64_t pause)
{
    struct taken k = {0};
    char head[300];
    uint64_t start = now();
    ra_err e = t.open(t.ctx, host, port, false);
    if (e == RA_OK && connected() == RA_TRANSPORT_OPEN) {
        int size = snprintf(head, sizeof head, "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n", path, host);
        send_all((const uint8_t *)head, (size_t)size);
        take_all(&k, cap, pause);
    }
    printf("get");
    print_taken(&k);
    print_end(start);
    t.close(t.ctx);
}

static void do_post(const char *host, uint16_t port, const char *path, size_t size)
{
    struct taken k = {0};
    char head[300];
    uint8_t *body = malloc(size);
    size_t i;
    uint64_t start = now();
    for (i = 0; i < size; i++) {
        body[i] = (uint8_t)(i * 7 + (i >> 8));
    }
    if (t.open(t.ctx, host, port, false) == RA_OK && connected() == RA_TRANSPORT_OPEN) {
        int n = snprintf(head, sizeof head,
                         "POST %s HTTP/1.0\r\nHost: %s\r\nContent-Length: %zu\r\n\r\n", path, host,
                         size);
        send_all((const uint8_t *)head, (size_t)n);
        send_all(body, size);
        take_all(&k, SIZE_MAX, 0);
    }
    printf("post sent=%08" PRIx32, crc_add(0, body, size));
    print_taken(&k);
    print_end(start);
    t.close(t.ctx);
    free(body);
}

static void do_push(const char *host, uint16_t port, size_t size, uint64_t wait)
{
    uint8_t *body = calloc(1, size);
    uint64_t start = now();
    printf("push");
    if (t.open(t.ctx, host, port, false) == RA_OK && connected() == RA_TRANSPORT_OPEN) {
        while (t.state(t.ctx) == RA_TRANSPORT_OPEN && now() < start + wait) {
            turn();
        }
        printf(" before=%s", state_names[t.state(t.ctx)]);
        send_all(body, size);
        turn_for(300);
        while (t.state(t.ctx) == RA_TRANSPORT_OPEN && now() < start + 10000) {
            turn();
        }
    }
    print_end(start);
    t.close(t.ctx);
    free(body);
}

static void do_hold(const char *host, uint16_t port, uint64_t wait)
{
    struct taken k = {0};
    uint64_t start = now();
    if (t.open(t.ctx, host, port, false) == RA_OK && connected() == RA_TRANSPORT_OPEN) {
        uint64_t end = now() + wait;
        send_all((const uint8_t *)"go\n", 3);
        while (now() < end) {
            turn();
            note_held(&k);
        }
        take_all(&k, SIZE_MAX, 0);
    }
    printf("hold");
    print_taken(&k);
    print_end(start);
    t.close(t.ctx);
}

static void do_churn(const char *host, uint16_t port, unsigned count)
{
    static const uint8_t request[] = "GET /big HTTP/1.0\r\n\r\n";
    unsigned i, j, opened = 0;
    for (i = 0; i < count; i++) {
        uint8_t byte;
        if (t.open(t.ctx, host, port, false) == RA_OK) {
            for (j = 0; j < i / 2; j++) {
                turn();
                if (t.state(t.ctx) == RA_TRANSPORT_OPEN) {
                    (void)t.send(t.ctx, request, sizeof request - 1);
                    (void)t.receive(t.ctx, &byte, i % 2);
                }
            }
            opened++;
        }
        t.close(t.ctx);
        if (t.state(t.ctx) != RA_TRANSPORT_IDLE || t.error(t.ctx) != RA_OK ||
            t.receive(t.ctx, &byte, 1) != 0 || t.send(t.ctx, &byte, 1) != 0) {
            printf("churn=broken");
            return;
        }
        t.close(t.ctx);
    }
    printf("churn opened=%u connections=%" PRIu32, opened, net.connections);
}

static void do_sntp(const char *server, uint64_t wait, const char *other)
{
    uint64_t start = now();
    uint32_t before = ra_net_setup_time_answers(&setup);
    uint32_t refused = setup.sntp.refused;
    config.sntp_server[0] = server;
    config.sntp_server[1] = other;
    (void)ra_net_setup_apply(&setup, &config);
    while (ra_net_setup_time_answers(&setup) == before && now() < start + wait) {
        turn();
    }
    printf("sntp answers=%" PRIu32 " refused=%" PRIu32 " wall=%" PRId64,
           ra_net_setup_time_answers(&setup) - before, setup.sntp.refused - refused,
           ra_net_setup_wall(&setup));
    config.sntp_server[0] = config.sntp_server[1] = NULL;
    (void)ra_net_setup_apply(&setup, &config);
}

static void do_up(void)
{
    struct ra_net_status s;
    uint64_t start = now();
    while (ra_net_setup_ready(&setup) != RA_OK && now() < start + 10000) {
        turn();
    }
    ra_net_setup_status(&setup, &s);
    printf("up ready=%s address=%s netmask=%s gateway=%s dns=%s dhcp=%d ms=%" PRIu64,
           ra_error_name(ra_net_setup_ready(&setup)), s.address, s.netmask, s.gateway, s.dns[0],
           s.dhcp, now() - start);
}

static const char *const pool_names[] = {
#define LWIP_MEMPOOL(name, num, size, desc) #name,
#include <lwip/priv/memp_std.h>
};

static void do_pools(void)
{
    size_t i;
    printf("pools");
    for (i = 0; i < MEMP_MAX; i++) {
        printf(" %s=%u/%u", pool_names[i], (unsigned)memp_pools[i]->stats->used,
               (unsigned)memp_pools[i]->stats->max);
    }
}

static void end_flash(int status)
{
    unsigned polls = 0;
    while (status == HAL_FLASH_BUSY) {
        status = hal.flash.poll(hal.flash.dev);
        polls++;
    }
    printf("flash status=%d polls=%u operations=%" PRIu32, status, polls, host_flash_operations());
}

static uint32_t address(const char *text)
{
    return ntohl(inet_addr(text));
}

static unsigned long number(const char *text)
{
    return strtoul(text, NULL, 10);
}

static void run(char *command)
{
    char *w[6];
    size_t n = 0;
    uint16_t port;
    for (char *p = strtok(command, " "); p != NULL && n < 6; p = strtok(NULL, " ")) {
        w[n++] = p;
    }
    port = n > 2 ? (uint16_t)number(w[2]) : 0;
    if (n == 1 && strcmp(w[0], "up") == 0) {
        do_up();
    } else if (n == 3 && strcmp(w[0], "try") == 0) {
        uint64_t start = now();
        ra_err e = t.open(t.ctx, w[1], port, false);
        printf("try open=%s", ra_error_name(e));
        (void)connected();
        print_end(start);
        t.close(t.ctx);
    } else if ((n == 4 || n == 6) && strcmp(w[0], "get") == 0) {
        do_get(w[1], port, w[3], n == 6 ? (size_t)number(w[4]) : SIZE_MAX,
               n == 6 ? (uint64_t)number(w[5]) : 0);
    } else if (n == 5 && strcmp(w[0], "post") == 0) {
        do_post(w[1], port, w[3], (size_t)number(w[4]));
    } else if (n == 5 && strcmp(w[0], "push") == 0) {
        do_push(w[1], port, (size_t)number(w[3]), (uint64_t)number(w[4]));
    } else if (n == 4 && strcmp(w[0], "hold") == 0) {
        do_hold(w[1], port, (uint64_t)number(w[3]));
    } else if (n == 4 && strcmp(w[0], "churn") == 0) {
        do_churn(w[1], port, (unsigned)number(w[3]));
    } else if ((n == 3 || n == 4) && strcmp(w[0], "sntp") == 0) {
        do_sntp(w[1], (uint64_t)number(w[2]), n == 4 ? w[3] : NULL);
    } else if (n == 5 && strcmp(w[0], "static") == 0) {
        config.address = address(w[1]);
        config.netmask = address(w[2]);
        config.gateway = address(w[3]);
        config.dns[0] = address(w[4]);
        printf("static set=%s", ra_error_name(ra_net_setup_apply(&setup, &config)));
    } else if (n == 2 && strcmp(w[0], "dhcp") == 0) {
        config.address = config.netmask = config.gateway = 0;
        config.dns[0] = address(w[1]);
        printf("dhcp set=%s", ra_error_name(ra_net_setup_apply(&setup, &config)));
    } else if (n == 2 && strcmp(w[0], "sleep") == 0) {
        turn_for((uint64_t)number(w[1]));
        printf("sleep");
    } else if (n == 4 && strcmp(w[0], "program") == 0) {
        static uint8_t bytes[4096];
        memset(bytes, (int)number(w[3]), sizeof bytes);
        end_flash(hal.flash.program(hal.flash.dev, (uint32_t)number(w[1]), bytes,
                                    (uint32_t)number(w[2])));
    } else if (n == 2 && strcmp(w[0], "erase") == 0) {
        end_flash(hal.flash.erase(hal.flash.dev, (uint32_t)number(w[1])));
    } else if (n == 1 && strcmp(w[0], "pools") == 0) {
        do_pools();
    } else {
        printf("unknown");
    }
    printf("\n");
    (void)fflush(stdout);
}

int main(int argc, char *argv[])
{
    struct host_options o;
    int at = 1;
    host_options_default(&o);
    while (at < argc) {
        int r = host_options_read(&o, argc, argv, &at);
        if (r < 0) {
            return HOST_EXIT_USAGE;
        }
        if (r == 0) {
            break;
        }
    }
    if (host_hal_open(&o, &hal) != 0) {
        return 1;
    }
    if (ra_net_setup_init(&setup, &hal.ethernet, &hal.clock, random_bytes, NULL) != RA_OK) {
        return 1;
    }
    config.host_name = "probe";
    if (ra_net_setup_apply(&setup, &config) != RA_OK) {
        return 1;
    }
    ra_net_init(&net, &t);
    for (; at < argc; at++) {
        run(argv[at]);
    }
    return 0;
}
