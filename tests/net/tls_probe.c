/* tls_probe.c - one https request over a socket of this machine, for tests/e2e/tls_host.py.
 *
 *     tls_probe [OPTION VALUE]... PORT HOST [PATH]
 *
 * Connects to 127.0.0.1 PORT whatever HOST says; that is the name the server must have. Prints one
 * line: "reply STATUS BYTES", or "error NAME"; then what was seen of the connection: version,
 * binding in hex, bytes of the arena used at most, steps. Options:
 *     --anchor FILE      a trusted certificate in DER, up to four times
 *     --time T, --floor T   the time, or a floor of it; without either it is not known
 *     --certs FILE --key FILE   the client's, DER
 *     --requests N       on one connection, if the server keeps it
 *     --fail-alloc N     wolfSSL's N-th request for memory is refused
 *     --large-records 1  max_fragment_length is not asked for
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "hal_clock.h"
#include "hal_entropy.h"
#include "ra_exchange.h"
#include "ra_secure.h"

/* --- a socket as a transport ---------------------------------------------------- */

static struct {
    int fd;
    uint16_t port;
    enum ra_transport_state state;
} tcp = {.fd = -1};

static void tcp_close(void *ctx)
{
    (void)ctx;
    if (tcp.fd >= 0) {
        close(tcp.fd);
    }
    tcp.fd = -1;
    tcp.state = RA_TRANSPORT_IDLE;
}

static ra_err tcp_open(void *ctx, const char *host, uint16_t port, bool tls)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    (void)ctx, (void)host, (void)tls;
    tcp.fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(tcp.fd, (const struct sockaddr *)&to, sizeof to) != 0) {
        return RA_E_NET_REFUSED;
    }
    (void)fcntl(tcp.fd, F_SETFL, O_NONBLOCK);
    tcp.state = RA_TRANSPORT_OPEN;
    return RA_OK;
}

static enum ra_transport_state tcp_state(void *ctx)
{
    (void)ctx;
    return tcp.state;
}

static ra_err tcp_error(void *ctx)
{
    (void)ctx;
    return tcp.state == RA_TRANSPORT_FAILED ? RA_E_NET_RESET : RA_OK;
}

static size_t moved(ssize_t n)
{
    if (n < 0 && errno != EAGAIN) {
        tcp.state = RA_TRANSPORT_FAILED;
    }
    return n > 0 ? (size_t)n : 0;
}

static size_t tcp_send(void *ctx, const uint8_t *from, size_t size)
{
    (void)ctx;
    return moved(send(tcp.fd, from, size, MSG_NOSIGNAL));
}

static size_t tcp_receive(void *ctx, uint8_t *to, size_t size)
{
    ssize_t n = tcp.fd >= 0 && size > 0 ? recv(tcp.fd, to, size, 0) : -1;
    (void)ctx;
    if (tcp.fd < 0 || size == 0) {
        return 0;
    }
    if (n == 0 && tcp.state == RA_TRANSPORT_OPEN) {
        tcp.state = RA_TRANSPORT_PEER_CLOSED;
    }
    return moved(n);
}

static const struct ra_transport inner = {.open = tcp_open,
                                          .state = tcp_state,
                                          .error = tcp_error,
                                          .send = tcp_send,
                                          .receive = tcp_receive,
                                          .close = tcp_close};

/* --- what the appliance would say ------------------------------------------------- */

struct file {
    uint8_t bytes[8192];
    size_t size;
};

static struct file anchors[RA_ANCHORS_MAX], certs, key_file;
static size_t anchor_count;
static int64_t wall = HAL_CLOCK_UNKNOWN;
static bool is_floor;
static struct ra_random random_;
static struct ra_key key;

static ra_err ready(void *ctx)
{
    return ra_random_seed(ctx);
}

static ra_err now(void *ctx, int64_t *to, bool *at_least)
{
    (void)ctx;
    *to = wall;
    *at_least = is_floor;
    return wall == HAL_CLOCK_UNKNOWN ? RA_E_TIME_UNKNOWN : RA_OK;
}

static ra_err anchor(void *ctx, unsigned place, struct ra_span *cert)
{
    (void)ctx;
    *cert = (struct ra_span){anchors[place].bytes, anchors[place].size};
    return place < anchor_count ? RA_OK : RA_E_NOT_FOUND;
}

static ra_err client_certs(void *ctx, struct ra_span *to)
{
    (void)ctx;
    *to = (struct ra_span){certs.bytes, certs.size};
    return RA_OK;
}

static ra_err client_key(void *ctx, struct ra_key *to)
{
    (void)ctx;
    return ra_key_from_der(to, key_file.bytes, key_file.size);
}

static int noise(void *dev, uint8_t *to, uint32_t size)
{
    (void)dev;
    return (int)getrandom(to, size, 0);
}

/* --- memory that runs out ----------------------------------------------------------- */

static unsigned long fail_alloc, allocs;

void *__real_ra_arena_wolfssl_alloc(size_t size);
void *__wrap_ra_arena_wolfssl_alloc(size_t size);

void *__wrap_ra_arena_wolfssl_alloc(size_t size)
{
    return __real_ra_arena_wolfssl_alloc(++allocs == fail_alloc ? SIZE_MAX : size);
}

/* --- a peer that does not know max_fragment_length ----------------------------------- */

static bool large_records;

int __real_wolfSSL_UseMaxFragment(void *ssl, unsigned char mfl);
int __wrap_wolfSSL_UseMaxFragment(void *ssl, unsigned char mfl);

int __wrap_wolfSSL_UseMaxFragment(void *ssl, unsigned char mfl)
{
    return large_records ? 1 : __real_wolfSSL_UseMaxFragment(ssl, mfl);
}

/* --- */

static struct ra_secure secure;
static struct ra_exchange exchange;
static uint8_t reply[RA_REPLY_MAX];
static unsigned long steps;

static uint64_t ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

static void read_file(const char *name, struct file *to)
{
    FILE *f = fopen(name, "rb");
    if (f == NULL) {
        perror(name);
        exit(2);
    }
    to->size = fread(to->bytes, 1, sizeof to->bytes, f);
    fclose(f);
}

static void print_connection(void)
{
    uint8_t binding[RA_TLS_BINDING_MAX];
    size_t size = secure.transport.binding(&secure, binding, sizeof binding);
    printf("version %s\nbinding ", ra_secure_version(&secure));
    for (size_t i = 0; i < size; i++) {
        printf("%02x", binding[i]);
    }
    printf("\npeak %zu\nsteps %lu\nallocs %lu\n", secure.peak, steps, allocs);
}

static ra_err one(const struct ra_http_request *request)
{
    ra_err e = ra_exchange_start(&exchange, request, ms(), HAL_CLOCK_UNKNOWN);
    if (e != RA_OK) {
        return e;
    }
    do {
        uint32_t wait = ra_exchange_wait_ms(&exchange, ms());
        struct pollfd p = {.fd = tcp.fd, .events = POLLIN};
        (void)poll(&p, 1, wait < 20 ? (int)wait : 20);
        e = ra_exchange_step(&exchange, ms());
        steps++;
    } while (e == RA_AGAIN);
    return e;
}

int main(int argc, char *argv[])
{
    static const struct hal_entropy source = {.read = noise};
    static const struct ra_exchange_limits limits = {
        .connect_ms = 5000, .idle_ms = 5000, .total_ms = 20000, .reuse_ms = 15000};
    const struct ra_secure_tools tools = {&random_, &random_, &key,         ready,
                                          now,      anchor,   client_certs, client_key};
    unsigned long requests = 1;
    int at = 1;
    for (; at + 1 < argc && argv[at][0] == '-'; at += 2) {
        const char *value = argv[at + 1];
        if (strcmp(argv[at], "--anchor") == 0 && anchor_count < RA_ANCHORS_MAX) {
            read_file(value, &anchors[anchor_count++]);
        } else if (strcmp(argv[at], "--time") == 0 || strcmp(argv[at], "--floor") == 0) {
            wall = strtoll(value, NULL, 10);
            is_floor = argv[at][2] == 'f';
        } else if (strcmp(argv[at], "--certs") == 0) {
            read_file(value, &certs);
        } else if (strcmp(argv[at], "--key") == 0) {
            read_file(value, &key_file);
        } else if (strcmp(argv[at], "--requests") == 0) {
            requests = strtoul(value, NULL, 10);
        } else if (strcmp(argv[at], "--fail-alloc") == 0) {
            fail_alloc = strtoul(value, NULL, 10);
        } else if (strcmp(argv[at], "--large-records") == 0) {
            large_records = true;
        } else {
            return 64;
        }
    }
    if (at + 2 > argc) {
        return 64;
    }
    char text[256];
    struct ra_url url;
    snprintf(text, sizeof text, "https://%s:%s%s", argv[at + 1], argv[at],
             at + 2 < argc ? argv[at + 2] : "/");
    ra_err e = ra_url_parse(&url, text, strlen(text));
    struct ra_http_request request = {.method = RA_HTTP_GET, .url = &url};
    (void)ra_random_init(&random_, &source);
    ra_secure_init(&secure, &inner, &tools);
    if (e == RA_OK) {
        e = ra_exchange_init(&exchange, &secure.transport, &limits, reply, sizeof reply);
    }
    for (; e == RA_OK && requests > 0; requests--) {
        e = one(&request);
        if (e == RA_OK) {
            const struct ra_http_reply *r = ra_exchange_reply(&exchange);
            printf("reply %u %zu\n", r->status, r->body_size);
            print_connection();
        }
    }
    if (e != RA_OK) {
        printf("error %s\n", ra_error_name(e));
        print_connection();
    }
    printf("connections %u\n", (unsigned)exchange.counters.connections);
    ra_exchange_cancel(&exchange);
    for (size_t i = 0; i < sizeof secure.arena / sizeof secure.arena[0]; i++) {
        if (secure.arena[i] != 0) {
            printf("arena not wiped\n");
            return 1;
        }
    }
    if (key.alg != RA_KEY_NONE) {
        printf("key not wiped\n");
        return 1;
    }
    return 0;
}
