#include <arpa/inet.h>
#include <errno.h>
#include <libslirp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include "host_private.h"

#define QUEUE 64u
#define TIMERS 4

struct timer {
    SlirpTimerCb call;
    void *ctx;
    int64_t due_ms; /* -1: not running */
    int used;
};

static struct {
    Slirp *slirp;
    SlirpCb calls; /* libslirp keeps the pointer */
    struct timer timers[TIMERS];
    int cable;
    FILE *capture;
    struct {
        uint32_t size;
        uint8_t bytes[HAL_ETHERNET_FRAME_MAX];
    } queue[QUEUE]; /* from the network to the firmware */
    uint32_t first, count;
    struct pollfd *fds; /* while filling and handling */
    const struct pollfd *polled;
    nfds_t fds_count;
} net;

/* ---- capture: pcap, microseconds, Ethernet ---- */

static int capture_open(const char *file)
{
    const uint32_t head[6] = {0xa1b2c3d4u, 0x00040002u, 0, 0, 65535u, 1u};
    net.capture = fopen(file, "wbe");
    if (net.capture == NULL) {
        host_complain("cannot write", file);
        return -1;
    }
    (void)fwrite(head, sizeof head, 1, net.capture);
    return 0;
}

static void capture_frame(const uint8_t *frame, uint32_t size)
{
    struct timeval t;
    uint32_t head[4];
    if (net.capture == NULL) {
        return;
    }
    (void)gettimeofday(&t, NULL);
    head[0] = (uint32_t)t.tv_sec;
    head[1] = (uint32_t)t.tv_usec;
    head[2] = size;
    head[3] = size;
    (void)fwrite(head, sizeof head, 1, net.capture);
    (void)fwrite(frame, size, 1, net.capture);
    (void)fflush(net.capture); /* complete whatever ends the process */
}

/* ---- called by libslirp ---- */

static ssize_t to_firmware(const void *frame, size_t size, void *ctx)
{
    uint32_t at;
    (void)ctx;
    if (!net.cable || net.count == QUEUE || size > HAL_ETHERNET_FRAME_MAX) {
        return (ssize_t)size; /* lost, as on a wire */
    }
    capture_frame(frame, (uint32_t)size);
    at = (net.first + net.count) % QUEUE;
    memcpy(net.queue[at].bytes, frame, size);
    net.queue[at].size = (uint32_t)size;
    net.count++;
    return (ssize_t)size;
}

static void guest_error(const char *text, void *ctx)
{
    (void)ctx;
    errno = 0;
    host_complain("network:", text);
}

static int64_t now_ns(void *ctx)
{
    struct timespec t;
    (void)ctx;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void *timer_new(SlirpTimerCb call, void *call_ctx, void *ctx)
{
    size_t i;
    (void)ctx;
    for (i = 0; i < TIMERS; i++) {
        struct timer *t = &net.timers[i];
        if (!t->used) {
            t->used = 1;
            t->call = call;
            t->ctx = call_ctx;
            t->due_ms = -1;
            return t;
        }
    }
    errno = 0;
    host_complain("libslirp wants more timers than there are", NULL);
    abort();
}

static void timer_free(void *timer, void *ctx)
{
    (void)ctx;
    ((struct timer *)timer)->used = 0;
}

static void timer_mod(void *timer, int64_t due_ms, void *ctx)
{
    (void)ctx;
    ((struct timer *)timer)->due_ms = due_ms;
}

static void no_fd(int fd, void *ctx)
{
    (void)fd;
    (void)ctx;
}

static void no_notice(void *ctx)
{
    (void)ctx;
}

static int add_fd(int fd, int events, void *ctx)
{
    int e = 0;
    (void)ctx;
    if (net.fds_count == HOST_FDS) {
        return -1;
    }
    e |= events & SLIRP_POLL_IN ? POLLIN : 0;
    e |= events & SLIRP_POLL_OUT ? POLLOUT : 0;
    e |= events & SLIRP_POLL_PRI ? POLLPRI : 0;
    net.fds[net.fds_count].fd = fd;
    net.fds[net.fds_count].events = (short)e;
    net.fds[net.fds_count].revents = 0;
    return (int)net.fds_count++;
}

static int fd_events(int index, void *ctx)
{
    int e = index < 0 ? 0 : net.polled[index].revents;
    (void)ctx;
    return (e & POLLIN ? SLIRP_POLL_IN : 0) | (e & POLLOUT ? SLIRP_POLL_OUT : 0) |
           (e & POLLPRI ? SLIRP_POLL_PRI : 0) | (e & POLLERR ? SLIRP_POLL_ERR : 0) |
           (e & POLLHUP ? SLIRP_POLL_HUP : 0);
}

/* ---- the driver ---- */

static int ethernet_send(void *dev, const uint8_t *frame, uint32_t size)
{
    (void)dev;
    if (size > HAL_ETHERNET_FRAME_MAX) {
        return 0;
    }
    if (net.slirp != NULL && net.cable) {
        capture_frame(frame, size);
        slirp_input(net.slirp, frame, (int)size);
    }
    return 1;
}

static uint32_t ethernet_receive(void *dev, uint8_t *to, uint32_t size)
{
    uint32_t got;
    (void)dev;
    if (net.count == 0) {
        return 0;
    }
    got = net.queue[net.first].size;
    if (got <= size) {
        memcpy(to, net.queue[net.first].bytes, got);
    } else {
        got = 0;
    }
    net.first = (net.first + 1) % QUEUE;
    net.count--;
    return got;
}

static int ethernet_link(void *dev)
{
    (void)dev;
    return net.slirp != NULL && net.cable;
}

/* ADDRESS:PORT:COMMAND */
static int add_forward(const char *text)
{
    char address[16] = "";
    struct in_addr guest;
    const char *colon = strchr(text, ':');
    char *end = NULL;
    unsigned long port = 0;
    if (colon != NULL && (size_t)(colon - text) < sizeof address) {
        memcpy(address, text, (size_t)(colon - text));
        port = strtoul(colon + 1, &end, 10);
    }
    if (port == 0 || port > 65535 || *end != ':' || end[1] == '\0' ||
        inet_pton(AF_INET, address, &guest) != 1 ||
        slirp_add_exec(net.slirp, end + 1, &guest, (int)port) != 0) {
        errno = 0;
        host_complain("cannot forward", text);
        return -1;
    }
    return 0;
}

/* PORT:GUESTPORT */
static int add_server(const char *text)
{
    struct in_addr host = {htonl(INADDR_LOOPBACK)}, guest = {inet_addr("10.0.2.15")};
    char *end = NULL;
    unsigned long from = strtoul(text, &end, 10);
    unsigned long to = *end == ':' ? strtoul(end + 1, &end, 10) : 0;
    if (from == 0 || from > 65535 || to == 0 || to > 65535 || *end != '\0' ||
        slirp_add_hostfwd(net.slirp, 0, host, (int)from, guest, (int)to) != 0) {
        errno = 0;
        host_complain("cannot serve", text);
        return -1;
    }
    return 0;
}

int host_net_open(const struct host_options *o, struct hal_ethernet *hal)
{
    static const uint8_t mac[6] = {0x02, 0x52, 0x41, 0x00, 0x00, 0x02}; /* locally administered */
    SlirpConfig c;

    memset(&net, 0, sizeof net);
    memcpy(hal->mac, mac, sizeof mac);
    hal->send = ethernet_send;
    hal->receive = ethernet_receive;
    hal->link_up = ethernet_link;
    if (!o->network) {
        return 0;
    }
    if (o->capture != NULL && capture_open(o->capture) != 0) {
        return -1;
    }
    net.calls.send_packet = to_firmware;
    net.calls.guest_error = guest_error;
    net.calls.clock_get_ns = now_ns;
    net.calls.timer_new = timer_new;
    net.calls.timer_free = timer_free;
    net.calls.timer_mod = timer_mod;
    net.calls.register_poll_fd = no_fd;
    net.calls.unregister_poll_fd = no_fd;
    net.calls.notify = no_notice;

    memset(&c, 0, sizeof c);
    c.version = 4;
    c.restricted = o->restricted;
    c.in_enabled = true;
    c.vnetwork.s_addr = inet_addr("10.0.2.0");
    c.vnetmask.s_addr = inet_addr("255.255.255.0");
    c.vhost.s_addr = inet_addr("10.0.2.2");
    c.vdhcp_start.s_addr = inet_addr("10.0.2.15");
    c.vnameserver.s_addr = inet_addr("10.0.2.3");
    net.slirp = slirp_new(&c, &net.calls, NULL);
    if (net.slirp == NULL) {
        errno = 0;
        host_complain("libslirp does not start", NULL);
        return -1;
    }
    net.cable = 1;
    if (o->forward != NULL && add_forward(o->forward) != 0) {
        return -1;
    }
    return o->serve != NULL ? add_server(o->serve) : 0;
}

nfds_t host_net_fill(struct pollfd fds[HOST_FDS], nfds_t from, uint32_t *wait_ms)
{
    size_t i;
    net.fds = fds;
    net.fds_count = from;
    if (net.slirp == NULL) {
        return from;
    }
    slirp_pollfds_fill(net.slirp, wait_ms, add_fd, NULL);
    for (i = 0; i < TIMERS; i++) {
        const struct timer *t = &net.timers[i];
        if (t->used && t->due_ms >= 0) {
            int64_t left = t->due_ms - now_ns(NULL) / 1000000;
            if (left < (int64_t)*wait_ms) {
                *wait_ms = left > 0 ? (uint32_t)left : 0;
            }
        }
    }
    return net.fds_count;
}

void host_net_handle(const struct pollfd fds[HOST_FDS], int poll_result)
{
    size_t i;
    if (net.slirp == NULL) {
        return;
    }
    net.polled = fds;
    slirp_pollfds_poll(net.slirp, poll_result < 0, fd_events, NULL);
    for (i = 0; i < TIMERS; i++) {
        struct timer *t = &net.timers[i];
        if (t->used && t->due_ms >= 0 && t->due_ms <= now_ns(NULL) / 1000000) {
            t->due_ms = -1;
            t->call(t->ctx);
        }
    }
}

int host_net_pending(void)
{
    return net.count != 0;
}

void host_net_cable(int in)
{
    net.cable = in;
    if (!in) {
        net.count = 0;
    }
}
