/* firmware/net when lwIP refuses: no memory, no port, no route, no name, answers to what was given
 * up. What it does with a real peer is tests/e2e/net_host.py's. lwIP itself runs here, over an
 * Ethernet that swallows everything; the calls that matter are in the hands of the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <lwip/dns.h>
#include <lwip/netif.h>
#include <lwip/pbuf.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/tcp.h>
#include <lwip/timeouts.h>
#include <lwip/udp.h>

#include "fault.h"
#include "ra_net.h"
#include "ra_net_setup.h"
#include "ra_sntp.h"
#include "ra_syslog.h"

/* clang-format off: CMake reads the lines FAULT_OWN */
/* What each answers; ERR_OK: lwIP does. */
static err_t dns_says, connect_says, write_says, close_says, dhcp_says, sendto_says;
static bool no_pcb, no_udp, no_pbuf, no_netif, no_name;
static const char *asked_name;
static dns_found_callback found;
static void *found_arg;
static tcp_connected_fn connected;
static tcp_recv_fn received;
static tcp_err_fn failed;
static tcp_accept_fn accepted;
static udp_recv_fn packet;
static struct tcp_pcb *pcb;
static struct udp_pcb *udp;
static unsigned aborts, closes;
static size_t written, fits, taken_in;

FAULT_OWN(err_t, dns_gethostbyname,
          (const char *name, ip_addr_t *to, dns_found_callback f, void *arg))
err_t __wrap_dns_gethostbyname(const char *name, ip_addr_t *to, dns_found_callback f, void *arg)
{
    asked_name = name;
    found = f;
    found_arg = arg;
    if (no_name) {
        f(name, NULL, arg); /* before the call is over */
    }
    return dns_says != ERR_OK ? dns_says : __real_dns_gethostbyname(name, to, f, arg);
}

FAULT_OWN(struct tcp_pcb *, tcp_new_ip_type, (u8_t type))
struct tcp_pcb *__wrap_tcp_new_ip_type(u8_t type)
{
    return no_pcb ? NULL : __real_tcp_new_ip_type(type);
}

FAULT_OWN(err_t, tcp_connect,
          (struct tcp_pcb * p, const ip_addr_t *to, u16_t port, tcp_connected_fn f))
err_t __wrap_tcp_connect(struct tcp_pcb *p, const ip_addr_t *to, u16_t port, tcp_connected_fn f)
{
    (void)to;
    assert_int_not_equal(port, 0);
    connected = f;
    pcb = p;
    return connect_says;
}

FAULT_OWN(void, tcp_recv, (struct tcp_pcb * p, tcp_recv_fn f))
void __wrap_tcp_recv(struct tcp_pcb *p, tcp_recv_fn f)
{
    received = f != NULL ? f : received;
    __real_tcp_recv(p, f);
}

FAULT_OWN(void, tcp_err, (struct tcp_pcb * p, tcp_err_fn f))
void __wrap_tcp_err(struct tcp_pcb *p, tcp_err_fn f)
{
    failed = f != NULL ? f : failed;
    __real_tcp_err(p, f);
}

FAULT_OWN(void, tcp_accept, (struct tcp_pcb * p, tcp_accept_fn f))
void __wrap_tcp_accept(struct tcp_pcb *p, tcp_accept_fn f)
{
    accepted = f;
    __real_tcp_accept(p, f);
}

FAULT_OWN(err_t, tcp_write, (struct tcp_pcb * p, const void *from, u16_t size, u8_t flags))
err_t __wrap_tcp_write(struct tcp_pcb *p, const void *from, u16_t size, u8_t flags)
{
    (void)p;
    (void)from;
    (void)flags;
    if (write_says == ERR_MEM && size <= fits) {
        written = size;
        return ERR_OK;
    }
    written = size;
    return write_says;
}

FAULT_OWN(err_t, tcp_close, (struct tcp_pcb * p))
err_t __wrap_tcp_close(struct tcp_pcb *p)
{
    closes++;
    return close_says != ERR_OK ? close_says : __real_tcp_close(p);
}

FAULT_OWN(void, tcp_abort, (struct tcp_pcb * p))
void __wrap_tcp_abort(struct tcp_pcb *p)
{
    aborts++;
    (void)__real_tcp_close(p); /* it was never connected: lwIP frees it so */
}

FAULT_OWN(void, tcp_recved, (struct tcp_pcb * p, u16_t size))
void __wrap_tcp_recved(struct tcp_pcb *p, u16_t size)
{
    (void)p;
    assert_true(size <= 0x8000u);
    taken_in += size;
}

FAULT_OWN(err_t, dhcp_start, (struct netif * n))
err_t __wrap_dhcp_start(struct netif *n)
{
    return dhcp_says != ERR_OK ? dhcp_says : __real_dhcp_start(n);
}

FAULT_OWN(struct netif *, netif_add,
          (struct netif * n, const ip4_addr_t *a, const ip4_addr_t *m, const ip4_addr_t *g,
           void *state, netif_init_fn init, netif_input_fn input))
struct netif *__wrap_netif_add(struct netif *n, const ip4_addr_t *a, const ip4_addr_t *m,
                               const ip4_addr_t *g, void *state, netif_init_fn init,
                               netif_input_fn input)
{
    return no_netif ? NULL : __real_netif_add(n, a, m, g, state, init, input);
}

FAULT_OWN(struct udp_pcb *, udp_new_ip_type, (u8_t type))
struct udp_pcb *__wrap_udp_new_ip_type(u8_t type)
{
    udp = no_udp ? NULL : __real_udp_new_ip_type(type);
    return udp;
}

FAULT_OWN(void, udp_recv, (struct udp_pcb * p, udp_recv_fn f, void *arg))
void __wrap_udp_recv(struct udp_pcb *p, udp_recv_fn f, void *arg)
{
    packet = f;
    __real_udp_recv(p, f, arg);
}

FAULT_OWN(struct pbuf *, pbuf_alloc, (pbuf_layer layer, u16_t size, pbuf_type type))
struct pbuf *__wrap_pbuf_alloc(pbuf_layer layer, u16_t size, pbuf_type type)
{
    return no_pbuf ? NULL : __real_pbuf_alloc(layer, size, type);
}

FAULT_OWN(err_t, udp_send, (struct udp_pcb * p, struct pbuf *b))
err_t __wrap_udp_send(struct udp_pcb *p, struct pbuf *b)
{
    (void)p;
    (void)b;
    return sendto_says;
}

FAULT_OWN(err_t, udp_sendto, (struct udp_pcb * p, struct pbuf *b, const ip_addr_t *to, u16_t port))
err_t __wrap_udp_sendto(struct udp_pcb *p, struct pbuf *b, const ip_addr_t *to, u16_t port)
{
    (void)p;
    (void)b;
    (void)to;
    (void)port;
    return sendto_says;
}

/* clang-format on */

/* --- an Ethernet and a clock ------------------------------------------------------------- */

static uint64_t now_ms;
static int link, takes;
static uint8_t frame[HAL_ETHERNET_FRAME_MAX];
static uint32_t frame_size, frames_waiting, sent_size;

static uint64_t clock_ms(void *dev)
{
    (void)dev;
    return now_ms;
}

static int eth_send(void *dev, const uint8_t *p, uint32_t size)
{
    (void)dev;
    (void)p;
    sent_size = size;
    return takes;
}

static uint32_t eth_receive(void *dev, uint8_t *to, uint32_t size)
{
    (void)dev;
    assert_int_equal(size, HAL_ETHERNET_FRAME_MAX);
    if (frames_waiting == 0) {
        return 0;
    }
    frames_waiting--;
    memcpy(to, frame, sizeof frame);
    return frame_size;
}

static int eth_link(void *dev)
{
    (void)dev;
    return link;
}

static const struct hal_ethernet ethernet = {
    {2, 0, 0, 1, 2, 3}, eth_send, eth_receive, eth_link, NULL};
static const struct hal_clock board_clock = {clock_ms, NULL, NULL};
static struct ra_net_setup net_setup;
static struct ra_net_config config;
static struct ra_net net;
static struct ra_transport t;
static bool no_random;

static bool random_bytes(void *ctx, uint8_t *out, size_t size)
{
    static uint8_t n;
    (void)ctx;
    for (size_t i = 0; i < size; i++) {
        out[i] = n++;
    }
    return !no_random;
}

static int begin(void **state)
{
    static bool begun;
    (void)state;
    dns_says = connect_says = write_says = close_says = dhcp_says = sendto_says = ERR_OK;
    no_pcb = no_udp = no_pbuf = no_netif = no_name = no_random = false;
    link = takes = 1;
    frame_size = frames_waiting = 0;
    fits = 100;
    if (!begun) {
        begun = true;
        assert_int_equal(ra_net_setup_init(&net_setup, &ethernet, &board_clock, random_bytes, NULL),
                         RA_OK);
        ra_net_init(&net, &t);
    }
    config = (struct ra_net_config){.address = 0x0a000001, .netmask = 0xffffff00};
    assert_int_equal(ra_net_setup_apply(&net_setup, &config), RA_OK);
    (void)ra_net_setup_step(&net_setup);
    assert_int_equal(ra_net_setup_ready(&net_setup), RA_OK);
    t.close(t.ctx);
    aborts = closes = 0;
    return 0;
}

/* --- the transport ------------------------------------------------------------------------ */

static void what_cannot_be_opened(void **state)
{
    static char name[RA_HOST_MAX + 2];
    (void)state;
    memset(name, 'a', RA_HOST_MAX + 1);
    assert_int_equal(t.open(t.ctx, name, 80, false), RA_E_LIMIT);
    assert_int_equal(t.open(t.ctx, "10.0.0.2", 80, true), RA_E_HTTP_SCHEME);
    assert_int_equal(t.open(t.ctx, "", 80, false), RA_E_ARGUMENT);
    assert_int_equal(t.open(t.ctx, ".", 80, false), RA_E_ARGUMENT);
    assert_int_equal(t.open(t.ctx, "10.0.0.2", 0, false), RA_E_ARGUMENT);
    assert_int_equal(t.open(t.ctx, "0.0.0.0", 80, false), RA_E_NET_CONNECT);
    assert_int_equal(t.open(t.ctx, "224.0.0.1", 80, false), RA_E_NET_CONNECT);
    assert_int_equal(t.state(t.ctx), RA_TRANSPORT_FAILED);
    assert_int_equal(t.error(t.ctx), RA_E_NET_CONNECT);
    dns_says = ERR_MEM;
    assert_int_equal(t.open(t.ctx, "ca.example.", 80, false), RA_E_NET_MEMORY);
    assert_string_equal(asked_name, "ca.example");
    dns_says = ERR_ARG;
    assert_int_equal(t.open(t.ctx, "ca.example", 80, false), RA_E_NET_DNS);
    dns_says = ERR_OK;
    no_pcb = true;
    assert_int_equal(t.open(t.ctx, "10.0.0.2", 80, false), RA_E_NET_MEMORY);
    no_pcb = false;
    static const struct {
        err_t says;
        ra_err e;
    } cases[] = {{ERR_MEM, RA_E_NET_MEMORY},
                 {ERR_BUF, RA_E_NET_MEMORY},
                 {ERR_RTE, RA_E_NET_NO_ADDRESS},
                 {ERR_ISCONN, RA_E_NET_CONNECT}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        connect_says = cases[i].says;
        assert_int_equal(t.open(t.ctx, "10.0.0.2", 80, false), cases[i].e);
        assert_int_equal(aborts, i + 1);
        assert_int_equal(t.error(t.ctx), cases[i].e);
    }
    t.close(t.ctx);
    assert_int_equal(t.error(t.ctx), RA_OK);
}

static void no_way_out(void **state)
{
    (void)state;
    link = 0;
    (void)ra_net_setup_step(&net_setup);
    assert_int_equal(t.open(t.ctx, "10.0.0.2", 80, false), RA_E_NET_DOWN);
    assert_int_equal(ra_net_setup_ready(&net_setup), RA_E_NET_DOWN);
    link = 1;
    (void)ra_net_setup_step(&net_setup);
    config.address = 0; /* DHCP, and nobody answers */
    assert_int_equal(ra_net_setup_apply(&net_setup, &config), RA_OK);
    assert_int_equal(ra_net_setup_ready(&net_setup), RA_E_NET_NO_ADDRESS);
    assert_int_equal(t.open(t.ctx, "10.0.0.2", 80, false), RA_E_NET_NO_ADDRESS);
    dhcp_says = ERR_MEM;
    assert_int_equal(ra_net_setup_apply(&net_setup, &config), RA_E_NET_MEMORY);
}

/* The link is lost while the name is looked up, or while the peer is silent. */
static void the_link_is_lost(void **state)
{
    ip_addr_t a = IPADDR4_INIT_BYTES(10, 0, 0, 2);
    (void)state;
    dns_says = ERR_INPROGRESS;
    assert_int_equal(t.open(t.ctx, "ca.example", 80, false), RA_OK);
    link = 0;
    (void)ra_net_setup_step(&net_setup);
    connect_says = ERR_RTE;
    found("ca.example", &a, found_arg);
    assert_int_equal(t.error(t.ctx), RA_E_NET_DOWN);
    begin(NULL);
    assert_int_equal(t.open(t.ctx, "10.0.0.2", 80, false), RA_OK);
    struct tcp_pcb *gone = pcb;
    link = 0;
    (void)ra_net_setup_step(&net_setup);
    failed(&net, ERR_ABRT);
    assert_int_equal(t.error(t.ctx), RA_E_NET_DOWN);
    tcp_abort(gone);
}

static void answers_to_another_name(void **state)
{
    ip_addr_t a = IPADDR4_INIT_BYTES(10, 0, 0, 2);
    (void)state;
    dns_says = ERR_INPROGRESS;
    assert_int_equal(t.open(t.ctx, "ca.example", 80, false), RA_OK);
    assert_int_equal(t.state(t.ctx), RA_TRANSPORT_CONNECTING);
    found("old.example", &a, found_arg);
    assert_int_equal(net.phase, RA_NET_RESOLVING);
    found("CA.example", &a, found_arg);
    assert_int_equal(net.phase, RA_NET_CONNECTING);
    found("ca.example", NULL, found_arg); /* again: too late */
    assert_int_equal(net.phase, RA_NET_CONNECTING);
    assert_int_equal(t.open(t.ctx, "ca.example", 80, false), RA_OK);
    found("ca.example", NULL, found_arg);
    assert_int_equal(t.error(t.ctx), RA_E_NET_DNS);
    no_name = true;
    assert_int_equal(t.open(t.ctx, "ca.example", 80, false), RA_E_NET_DNS);
}

static void open_connection(void)
{
    assert_int_equal(t.open(t.ctx, "10.0.0.2", 80, false), RA_OK);
    assert_int_equal(connected(&net, pcb, ERR_OK), ERR_OK);
    assert_int_equal(t.state(t.ctx), RA_TRANSPORT_OPEN);
}

static struct pbuf *bytes(size_t n)
{
    struct pbuf *p = pbuf_alloc(PBUF_RAW, (u16_t)n, PBUF_RAM);
    assert_non_null(p);
    memset(p->payload, 0x55, n);
    return p;
}

static void how_a_connection_ends(void **state)
{
    static const struct {
        err_t says;
        ra_err e;
    } cases[] = {{ERR_RST, RA_E_NET_RESET},
                 {ERR_CLSD, RA_E_NET_CLOSED},
                 {ERR_MEM, RA_E_NET_MEMORY},
                 {ERR_BUF, RA_E_NET_MEMORY},
                 {ERR_ABRT, RA_E_NET_TIMEOUT}};
    uint8_t to[8];
    (void)state;
    failed(NULL, ERR_RST); /* of nobody */
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        open_connection();
        struct tcp_pcb *gone = pcb;
        failed(&net, cases[i].says);
        assert_int_equal(t.state(t.ctx), RA_TRANSPORT_FAILED);
        assert_int_equal(t.error(t.ctx), cases[i].e);
        assert_int_equal(t.send(t.ctx, to, 1), 0);
        tcp_abort(gone);
    }
    assert_int_equal(t.open(t.ctx, "10.0.0.2", 80, false), RA_OK);
    struct tcp_pcb *gone = pcb;
    failed(&net, ERR_RST);
    assert_int_equal(t.error(t.ctx), RA_E_NET_REFUSED);
    tcp_abort(gone);
    /* What came before is still there, and the peer's end is no failure. */
    open_connection();
    gone = pcb;
    assert_int_equal(received(&net, pcb, bytes(3), ERR_OK), ERR_OK);
    failed(&net, ERR_RST);
    assert_int_equal(t.state(t.ctx), RA_TRANSPORT_OPEN);
    assert_int_equal(t.receive(t.ctx, to, sizeof to), 3);
    assert_int_equal(t.state(t.ctx), RA_TRANSPORT_FAILED);
    tcp_abort(gone);
    open_connection();
    gone = pcb;
    assert_int_equal(received(&net, pcb, NULL, ERR_OK), ERR_OK);
    assert_int_equal(t.state(t.ctx), RA_TRANSPORT_PEER_CLOSED);
    failed(&net, ERR_RST);
    assert_int_equal(t.state(t.ctx), RA_TRANSPORT_PEER_CLOSED);
    assert_int_equal(t.error(t.ctx), RA_OK);
    tcp_abort(gone);
}

static void what_comes_for_nobody(void **state)
{
    (void)state;
    open_connection();
    struct tcp_pcb other;
    assert_int_equal(received(NULL, pcb, bytes(3), ERR_OK), ERR_OK);
    assert_int_equal(received(&net, &other, bytes(3), ERR_OK), ERR_OK);
    assert_int_equal(received(&net, &other, NULL, ERR_OK), ERR_OK);
    assert_null(net.in);
    assert_int_equal(connected(NULL, pcb, ERR_OK), ERR_OK);
    assert_int_equal(connected(&net, &other, ERR_OK), ERR_OK);
    assert_int_equal(t.state(t.ctx), RA_TRANSPORT_OPEN);
}

static void many_buffers_and_large_pieces(void **state)
{
    static uint8_t to[4096], large[2][40000];
    (void)state;
    open_connection();
    for (unsigned i = 0; i < RA_NET_PBUFS_MAX; i++) {
        assert_int_equal(received(&net, pcb, bytes(100), ERR_OK), ERR_OK);
    }
    struct pbuf *more = bytes(100);
    assert_int_equal(received(&net, pcb, more, ERR_OK), ERR_MEM);
    (void)pbuf_free(more);
    assert_int_equal(t.receive(t.ctx, to, 150), 150);
    assert_int_equal(t.receive(t.ctx, to, sizeof to), 100 * RA_NET_PBUFS_MAX - 150);
    assert_int_equal(to[0], 0x55);
    /* More than lwIP takes back in one call. */
    memset(large[0], 0x77, sizeof large[0]);
    taken_in = 0;
    struct pbuf *p = pbuf_alloc_reference(large[0], sizeof large[0], PBUF_ROM);
    assert_int_equal(received(&net, pcb, p, ERR_OK), ERR_OK);
    assert_int_equal(t.receive(t.ctx, large[1], sizeof large[1]), sizeof large[1]);
    assert_memory_equal(large[0], large[1], sizeof large[0]);
    assert_int_equal(taken_in, sizeof large[0]);
    /* Unread bytes at the end: a reset, not an orderly end. */
    assert_int_equal(received(&net, pcb, bytes(10), ERR_OK), ERR_OK);
    t.close(t.ctx);
    assert_int_equal(aborts, 1);
    assert_int_equal(closes, 0);
    open_connection();
    close_says = ERR_MEM;
    t.close(t.ctx);
    assert_int_equal(aborts, 2);
    close_says = ERR_OK;
    /* So do bytes that the peer has not acknowledged. */
    for (unsigned i = 0; i < 2; i++) {
        struct tcp_seg seg = {.next = NULL};
        open_connection();
        assert_true(ra_net_acknowledged(&net));
        *(i == 0 ? &pcb->unsent : &pcb->unacked) = &seg;
        assert_false(ra_net_acknowledged(&net));
        t.close(t.ctx);
        assert_int_equal(aborts, 3 + i);
    }
    assert_int_equal(closes, 1);
}

static void sending_with_little_room(void **state)
{
    static uint8_t from[1000];
    (void)state;
    assert_int_equal(t.send(t.ctx, from, 1), 0);
    open_connection();
    assert_int_equal(t.send(t.ctx, from, sizeof from), sizeof from);
    assert_int_equal(written, sizeof from);
    write_says = ERR_MEM; /* only 100 bytes fit */
    assert_int_equal(t.send(t.ctx, from, sizeof from), 62);
    assert_int_equal(written, 62);
    fits = 0;
    assert_int_equal(t.send(t.ctx, from, sizeof from), 0); /* not now, and no failure */
    assert_int_equal(t.state(t.ctx), RA_TRANSPORT_OPEN);
    write_says = ERR_CONN;
    assert_int_equal(t.send(t.ctx, from, sizeof from), 0);
    assert_int_equal(net.sent, 1062);
}

/* A server's side: one client at a time, who goes or stays; no port, no memory. */
static void clients_that_come(void **state)
{
    static struct ra_net server, second;
    struct ra_transport s, none;
    struct tcp_pcb *client;
    uint8_t to[8];
    (void)state;
    ra_net_init(&server, &s);
    ra_net_init(&second, &none);
    no_pcb = true;
    assert_int_equal(ra_net_listen(&server, 80), RA_E_NET_MEMORY);
    no_pcb = false;
    assert_int_equal(ra_net_listen(&server, 80), RA_OK);
    assert_int_equal(ra_net_listen(&second, 80), RA_E_NET_CONNECT);
    assert_int_equal(ra_net_listen(&second, 81), RA_E_NET_MEMORY); /* the pool has one */
    assert_int_equal(s.state(s.ctx), RA_TRANSPORT_IDLE);
    assert_true(ra_net_acknowledged(&server));
    assert_int_equal(accepted(&server, NULL, ERR_MEM), ERR_MEM); /* lwIP had no room for it */
    client = tcp_new();
    assert_int_equal(accepted(&server, client, ERR_OK), ERR_OK);
    assert_int_equal(s.state(s.ctx), RA_TRANSPORT_OPEN);
    assert_int_equal(accepted(&server, client, ERR_OK), ERR_MEM); /* busy */
    assert_int_equal(received(&server, client, bytes(3), ERR_OK), ERR_OK);
    assert_int_equal(s.receive(s.ctx, to, sizeof to), 3);
    struct tcp_seg waits;
    client->unacked = &waits;
    assert_false(ra_net_acknowledged(&server));
    client->unacked = NULL;
    client->unsent = &waits;
    assert_false(ra_net_acknowledged(&server));
    client->unsent = NULL;
    assert_true(ra_net_acknowledged(&server));
    s.close(s.ctx);
    assert_int_equal(s.state(s.ctx), RA_TRANSPORT_IDLE);
    client = tcp_new();
    assert_int_equal(accepted(&server, client, ERR_OK), ERR_OK); /* the next */
    failed(&server, ERR_RST);
    assert_int_equal(s.state(s.ctx), RA_TRANSPORT_FAILED);
    tcp_abort(client);
    s.close(s.ctx);
}

/* --- set-up, frames ----------------------------------------------------------------------- */

static void settings_that_do_not_fit(void **state)
{
    static char name[RA_HOST_MAX + 2];
    struct ra_net_status s;
    (void)state;
    memset(name, 'n', RA_HOST_MAX + 1);
    config.netmask = 0xff00ff00;
    assert_int_equal(ra_net_setup_apply(&net_setup, &config), RA_E_CONFIG_VALUE);
    config.netmask = 0;
    assert_int_equal(ra_net_setup_apply(&net_setup, &config), RA_E_CONFIG_VALUE);
    config.netmask = 0xffffff00;
    config.gateway = 0x0a000101; /* of another network */
    assert_int_equal(ra_net_setup_apply(&net_setup, &config), RA_E_CONFIG_VALUE);
    config.gateway = 0x0a0000fe;
    config.host_name = name;
    assert_int_equal(ra_net_setup_apply(&net_setup, &config), RA_E_CONFIG_VALUE);
    config.host_name = "ra01";
    for (unsigned i = 0; i < RA_SNTP_SERVERS; i++) {
        config.sntp_server[i] = name;
        assert_int_equal(ra_net_setup_apply(&net_setup, &config), RA_E_CONFIG_VALUE);
        config.sntp_server[i] = NULL;
    }
    config.sntp_server[0] = "time.example";
    config.dns[0] = 0x0a000035;
    assert_int_equal(ra_net_setup_apply(&net_setup, &config), RA_OK);
    assert_int_equal(ra_net_setup_apply(&net_setup, &config), RA_OK); /* nothing new */
    ra_net_setup_status(&net_setup, &s);
    assert_true(s.link && s.address_known && !s.dhcp && !s.time_known);
    assert_string_equal(s.address, "10.0.0.1");
    assert_string_equal(s.gateway, "10.0.0.254");
    assert_string_equal(s.dns[0], "10.0.0.53");
    assert_int_equal(ra_net_setup_wall(&net_setup), INT64_MIN);
    assert_int_equal(ra_net_setup_time_answers(&net_setup), 0);
    config.sntp_server[0] = "";
    config.sntp_server[1] = "other.example";
    assert_int_equal(ra_net_setup_apply(&net_setup, &config), RA_OK);
    assert_string_equal(net_setup.sntp.server, "other.example");
    config.sntp_server[1] = NULL;
    assert_int_equal(ra_net_setup_apply(&net_setup, &config), RA_OK);
    assert_int_equal(net_setup.sntp.phase, RA_SNTP_OFF);
}

/* Those of the settings, if there are any, and not those of a lease. */
static void name_servers_of_a_lease(void **state)
{
    static const char *const expected[] = {"10.0.0.99", "10.0.0.53"};
    ip_addr_t leased = IPADDR4_INIT_BYTES(10, 0, 0, 99);
    struct ra_net_status s;
    (void)state;
    config.address = 0;
    for (unsigned i = 0; i < 2; i++) {
        config.dns[0] = i == 0 ? 0 : 0x0a000035;
        assert_int_equal(ra_net_setup_apply(&net_setup, &config), RA_OK);
        dns_setserver(0, &leased);
        (void)ra_net_setup_step(&net_setup);
        ra_net_setup_status(&net_setup, &s);
        assert_true(s.dhcp);
        assert_string_equal(s.dns[0], expected[i]);
    }
}

/* The step that sends the question is not later than SNTP wants it, whenever lwIP wants its own. */
static void time_is_asked_before_lwip_wants_a_step(void **state)
{
    (void)state;
    config.sntp_server[0] = "10.0.0.9";
    sendto_says = ERR_RTE;
    assert_int_equal(ra_net_setup_apply(&net_setup, &config), RA_OK);
    (void)ra_net_setup_step(&net_setup);
    assert_int_equal(net_setup.sntp.due_ms, now_ms + RA_SNTP_RETRY_MS);
    now_ms += RA_SNTP_RETRY_MS - 50; /* and all of lwIP's timers begin anew */
    assert_int_equal(ra_net_setup_step(&net_setup), 50);
    assert_true(sys_timeouts_sleeptime() > 50);
    now_ms += 50;
    sendto_says = ERR_OK;
    (void)ra_net_setup_step(&net_setup);
    assert_int_equal(net_setup.sntp.phase, RA_SNTP_ASKED);
}

uint32_t ra_lwip_random(void);

static void without_random_numbers(void **state)
{
    (void)state;
    no_random = true;
    uint32_t a = ra_lwip_random(), b = ra_lwip_random();
    assert_int_not_equal(a, b);
    net_setup.random = NULL;
    assert_int_not_equal(ra_lwip_random(), b);
    net_setup.random = random_bytes;
}

static void frames_of_no_size(void **state)
{
    (void)state;
    uint32_t in = net_setup.port.frames_in;
    frames_waiting = 1;
    frame_size = HAL_ETHERNET_FRAME_MAX + 1;
    (void)ra_net_setup_step(&net_setup);
    assert_int_equal(net_setup.port.frames_in, in);
    memset(frame, 0xff, sizeof frame);
    frames_waiting = 1000; /* broadcasts of no protocol: more than a step takes */
    frame_size = 60;
    assert_int_equal(ra_net_setup_step(&net_setup), 0);
    assert_int_equal(net_setup.port.frames_in, in + RA_NET_SETUP_FRAMES);
    no_pbuf = true;
    uint32_t starved = net_setup.port.starved;
    assert_int_not_equal(ra_net_setup_step(&net_setup), 0);
    assert_int_equal(net_setup.port.starved, starved + 1);
    no_pbuf = false;
    /* Out: one that is too large, one in two pieces, one the driver has no room for. */
    struct netif *n = netif_default;
    struct pbuf *p = bytes(HAL_ETHERNET_FRAME_MAX + ETH_PAD_SIZE + 1);
    assert_int_equal(n->linkoutput(n, p), ERR_IF);
    (void)pbuf_free(p);
    p = bytes(60 + ETH_PAD_SIZE);
    pbuf_cat(p, bytes(40));
    assert_int_equal(n->linkoutput(n, p), ERR_OK);
    assert_int_equal(sent_size, 100);
    uint32_t refused = net_setup.port.frames_refused;
    takes = 0;
    assert_int_equal(n->linkoutput(n, p), ERR_WOULDBLOCK);
    assert_int_equal(net_setup.port.frames_refused, refused + 1);
    (void)pbuf_free(p);
}

static err_t refuse(struct pbuf *p, struct netif *netif)
{
    (void)p;
    (void)netif;
    return ERR_MEM;
}

/* A frame that lwIP does not take gives its buffer back. */
static void frames_that_lwip_refuses(void **state)
{
    (void)state;
    netif_input_fn input = netif_default->input;
    uint32_t starved = net_setup.port.starved, in = net_setup.port.frames_in;
    netif_default->input = refuse;
    frames_waiting = 1000;
    frame_size = 60;
    while (frames_waiting > 0) {
        (void)ra_net_setup_step(&net_setup);
        assert_int_equal(net_setup.port.starved, starved);
    }
    netif_default->input = input;
    assert_int_equal(net_setup.port.frames_in, in + 1000);
}

static void lwip_refuses_the_interface(void **state)
{
    static struct ra_netif second;
    static struct netif netif;
    (void)state;
    no_netif = true;
    assert_false(ra_netif_add(&second, &netif, &ethernet, "x"));
    frames_waiting = 1;
    frame_size = 60;
    assert_false(ra_netif_poll(&second, &netif, 1));
    assert_int_equal(frames_waiting, 1);
}

/* --- SNTP ---------------------------------------------------------------------------------- */

static struct ra_sntp sntp;

static ra_err sntp_starts(const char *server, const char *other)
{
    const char *const names[RA_SNTP_SERVERS] = {server, other};
    return ra_sntp_start(&sntp, names);
}

static void sntp_begins(const char *server)
{
    assert_int_equal(sntp_starts(server, NULL), RA_OK);
}

static void sntp_waits_after(uint32_t ms)
{
    assert_int_equal(sntp.phase, RA_SNTP_WAITING);
    assert_null(sntp.pcb);
    assert_int_equal(sntp.due_ms, now_ms + ms);
}

static void sntp_without_memory(void **state)
{
    static char name[RA_HOST_MAX + 2];
    (void)state;
    ra_sntp_init(&sntp);
    memset(name, 'a', RA_HOST_MAX + 1);
    assert_int_equal(sntp_starts(name, "10.0.0.9"), RA_E_ARGUMENT);
    assert_int_equal(ra_sntp_step(&sntp, now_ms, true), UINT32_MAX);
    assert_int_equal(sntp_starts("10.0.0.9", name), RA_E_ARGUMENT);
    assert_int_equal(ra_sntp_step(&sntp, now_ms, true), UINT32_MAX);
    name[RA_HOST_MAX] = '.';
    assert_int_equal(sntp_starts("", name), RA_OK);
    assert_int_equal(strlen(sntp.server), RA_HOST_MAX);
    assert_int_equal(sntp_starts("", "."), RA_OK);
    assert_int_equal(ra_sntp_step(&sntp, now_ms, true), UINT32_MAX);
    for (unsigned i = 0; i < 4; i++) {
        sntp_begins("10.0.0.9");
        dns_says = i == 0 ? ERR_ARG : ERR_OK;
        no_udp = i == 1;
        no_pbuf = i == 2;
        sendto_says = i == 3 ? ERR_RTE : ERR_OK;
        (void)ra_sntp_step(&sntp, now_ms, true);
        sntp_waits_after(RA_SNTP_RETRY_MS);
        begin(NULL);
    }
    sntp_begins("10.0.0.9");
    assert_int_equal(ra_sntp_step(&sntp, now_ms, false), UINT32_MAX); /* no network: no hurry */
}

static void sntp_names(void **state)
{
    ip_addr_t a = IPADDR4_INIT_BYTES(10, 0, 0, 9);
    (void)state;
    dns_says = ERR_INPROGRESS;
    sntp_begins("time.example.");
    assert_int_equal(ra_sntp_step(&sntp, now_ms, true), UINT32_MAX);
    assert_string_equal(asked_name, "time.example");
    found("old.example", &a, found_arg);
    assert_int_equal(ra_sntp_step(&sntp, now_ms, true), UINT32_MAX);
    found("time.example", NULL, found_arg);
    (void)ra_sntp_step(&sntp, now_ms, true);
    sntp_waits_after(RA_SNTP_RETRY_MS);
    found("time.example", &a, found_arg); /* too late */
    assert_int_equal(sntp.phase, RA_SNTP_WAITING);
    now_ms += RA_SNTP_RETRY_MS;
    (void)ra_sntp_step(&sntp, now_ms, true);
    found("TIME.example", &a, found_arg);
    assert_int_equal(ra_sntp_step(&sntp, now_ms, true), RA_SNTP_ANSWER_MS);
    assert_int_equal(sntp.phase, RA_SNTP_ASKED);
    ra_sntp_stop(&sntp);
    assert_null(sntp.pcb);
}

/* Waits double from RA_SNTP_RETRY_MS to RA_SNTP_UPDATE_MS. */
static void sntp_unanswered(void **state)
{
    uint32_t wait = RA_SNTP_RETRY_MS;
    (void)state;
    sntp_begins("10.0.0.9");
    for (unsigned i = 0; i < 12; i++) {
        assert_int_equal(ra_sntp_step(&sntp, now_ms, true), RA_SNTP_ANSWER_MS);
        now_ms += RA_SNTP_ANSWER_MS - 1;
        assert_int_equal(ra_sntp_step(&sntp, now_ms, true), 1);
        now_ms++;
        assert_int_equal(ra_sntp_step(&sntp, now_ms, true), wait);
        sntp_waits_after(wait);
        now_ms += wait;
        wait = wait * 2 < RA_SNTP_UPDATE_MS ? wait * 2 : RA_SNTP_UPDATE_MS;
    }
    assert_int_equal(wait, RA_SNTP_UPDATE_MS);
    ra_sntp_stop(&sntp);
}

/* `size` bytes, of which all that are there make a good answer without a time. */
static struct pbuf *sntp_answer(size_t size)
{
    struct pbuf *p = bytes(size);
    uint8_t *m = p->payload;
    memset(m, 0, size);
    m[0] = 0x24;
    m[1] = 2;
    for (unsigned b = 0; b < 4; b++) {
        m[24 + b] = (uint8_t)(sntp.cookie[0] >> (24 - 8 * b));
        m[28 + b] = (uint8_t)(sntp.cookie[1] >> (24 - 8 * b));
    }
    return p;
}

/* A kiss of death, an hour's rest; half a second after the 32 bits of seconds are full. */
static void sntp_odd_answers(void **state)
{
    ip_addr_t from = IPADDR4_INIT_BYTES(10, 0, 0, 9);
    (void)state;
    sntp_begins("10.0.0.9");
    (void)ra_sntp_step(&sntp, now_ms, true);
    struct pbuf *p = sntp_answer(48);
    ((uint8_t *)p->payload)[1] = 0;
    uint32_t refused = sntp.refused, answers = sntp.answers;
    packet(&sntp, udp, p, &from, 123);
    (void)ra_sntp_step(&sntp, now_ms, true);
    sntp_waits_after(RA_SNTP_UPDATE_MS);
    assert_int_equal(sntp.refused, refused + 1);
    assert_int_equal(sntp.answers, answers);
    sntp_begins("10.0.0.9");
    (void)ra_sntp_step(&sntp, now_ms, true);
    p = sntp_answer(48);
    ((uint8_t *)p->payload)[44] = 0x80;
    packet(&sntp, udp, p, &from, 123);
    (void)ra_sntp_step(&sntp, now_ms, true);
    /* date -u -d '2036-02-07 06:28:16' +%s */
    assert_int_equal(ra_sntp_wall(&sntp, now_ms), 2085978496);
    assert_int_equal(ra_sntp_wall(&sntp, now_ms + 499), 2085978496);
    assert_int_equal(ra_sntp_wall(&sntp, now_ms + 500), 2085978497);
    ra_sntp_stop(&sntp);
}

/* What is changed in a good answer, and whether it is refused. */
static void sntp_answers(void **state)
{
    static const struct {
        uint8_t at, value;
    } cases[] = {{0, 0x23}, {0, 0x14}, {0, 0x3c}, {0, 0xe4}, {1, 16}, {24, 1}, {28, 1}, {47, 0}};
    (void)state;
    for (size_t i = 0; i <= sizeof cases / sizeof cases[0] + 3; i++) {
        sntp_begins("10.0.0.9");
        uint32_t refused = sntp.refused, answers = sntp.answers;
        (void)ra_sntp_step(&sntp, now_ms, true);
        assert_int_equal(sntp.phase, RA_SNTP_ASKED);
        ip_addr_t from = IPADDR4_INIT_BYTES(10, 0, 0, 9);
        u16_t port = 123;
        struct pbuf *p = sntp_answer(i == 8 ? 47 : 48);
        uint8_t *m = p->payload;
        m[40] = 0xee;
        if (i < 7) {
            m[cases[i].at] = cases[i].at >= 24 ? (uint8_t)~m[cases[i].at] : cases[i].value;
        } else if (i == 7) {
            m[40] = 0; /* no time at all */
        }
        port = i == 9 ? 124 : port;
        if (i == 10) {
            ip_addr_set_ip4_u32_val(from, 0x01020304);
        }
        packet(&sntp, udp, p, &from, port);
        if (i <= 10) {
            assert_int_equal(sntp.refused, refused + 1);
            assert_int_equal(sntp.answers, answers);
            continue;
        }
        assert_int_equal(sntp.refused, refused);
        packet(&sntp, NULL, bytes(48), &from, port); /* to a question before */
        assert_int_equal(sntp.refused, refused);
        packet(&sntp, udp, bytes(48), &from, port); /* a second one changes nothing */
        assert_int_equal(sntp.refused, refused);
        (void)ra_sntp_step(&sntp, now_ms, true);
        assert_int_equal(sntp.answers, answers + 1);
        packet(&sntp, udp, bytes(48), &from, port); /* nor does one nobody waits for */
        assert_int_equal(sntp.refused, refused);
        /* 0xee000000 s after 1900 is 3992977408 - 2208988800 after 1970. */
        assert_int_equal(ra_sntp_wall(&sntp, now_ms), 1783988608);
        assert_int_equal(ra_sntp_step(&sntp, now_ms, true), RA_SNTP_UPDATE_MS);
    }
    ra_sntp_stop(&sntp);
}

/* The server asked now; what it answers, if anything, is taken by a step. */
static void sntp_asks(uint8_t last_byte, struct pbuf *answer)
{
    ip_addr_t expected = IPADDR4_INIT_BYTES(10, 0, 0, last_byte);
    assert_int_equal(sntp.phase, RA_SNTP_ASKED);
    assert_true(ip_addr_eq(&udp->remote_ip, &expected));
    if (answer != NULL) {
        packet(&sntp, udp, answer, &expected, 123);
    } else {
        now_ms += RA_SNTP_ANSWER_MS;
    }
    (void)ra_sntp_step(&sntp, now_ms, true);
}

static void sntp_waits_then_asks(uint32_t ms)
{
    sntp_waits_after(ms);
    now_ms += ms;
    (void)ra_sntp_step(&sntp, now_ms, true);
}

static struct pbuf *sntp_time(uint8_t stratum)
{
    struct pbuf *p = sntp_answer(48);
    ((uint8_t *)p->payload)[1] = stratum;
    ((uint8_t *)p->payload)[40] = 0xee;
    return p;
}

/* Silence, an answer that is refused and a name that does not resolve take turns; who answers stays. */
static void sntp_other_server(void **state)
{
    (void)state;
    assert_int_equal(sntp_starts("10.0.0.9", "10.0.0.8"), RA_OK);
    (void)ra_sntp_step(&sntp, now_ms, true);
    sntp_asks(9, NULL);
    sntp_waits_then_asks(RA_SNTP_RETRY_MS);
    sntp_asks(8, NULL);
    sntp_waits_then_asks(2 * RA_SNTP_RETRY_MS);
    ip_addr_t first = IPADDR4_INIT_BYTES(10, 0, 0, 9);
    packet(&sntp, udp, sntp_time(16), &first, 123); /* not synchronised: as if it were silent */
    sntp_asks(9, NULL);
    sntp_waits_then_asks(4 * RA_SNTP_RETRY_MS);
    for (unsigned i = 0; i < 3; i++) {
        uint32_t answers = sntp.answers;
        sntp_asks(8, sntp_time(2));
        assert_int_equal(sntp.answers, answers + 1);
        sntp_waits_then_asks(RA_SNTP_UPDATE_MS);
    }
    sntp_asks(8, NULL);
    dns_says = ERR_ARG;
    sntp_waits_then_asks(RA_SNTP_RETRY_MS);
    dns_says = ERR_OK;
    assert_string_equal(asked_name, "10.0.0.9");
    sntp_waits_then_asks(2 * RA_SNTP_RETRY_MS);
    sntp_asks(8, NULL);
    /* So does a request that cannot be sent. What is said of the other one's name is not for it. */
    ip_addr_t a = IPADDR4_INIT_BYTES(10, 0, 0, 7);
    assert_int_equal(sntp_starts("10.0.0.9", "time.example."), RA_OK);
    sendto_says = ERR_RTE;
    (void)ra_sntp_step(&sntp, now_ms, true);
    sendto_says = ERR_OK;
    dns_says = ERR_INPROGRESS;
    sntp_waits_then_asks(RA_SNTP_RETRY_MS);
    assert_string_equal(asked_name, "time.example");
    found("10.0.0.9", &a, found_arg);
    assert_int_equal(ra_sntp_step(&sntp, now_ms, true), UINT32_MAX);
    found("time.example", NULL, found_arg);
    (void)ra_sntp_step(&sntp, now_ms, true);
    dns_says = ERR_OK;
    sntp_waits_then_asks(2 * RA_SNTP_RETRY_MS);
    sntp_asks(9, NULL);
    ra_sntp_stop(&sntp);
}

/* The other one is asked soon, who sent the kiss-of-death not within an hour. */
static void sntp_kissed(void **state)
{
    (void)state;
    assert_int_equal(sntp_starts("10.0.0.9", "10.0.0.8"), RA_OK);
    (void)ra_sntp_step(&sntp, now_ms, true);
    sntp_asks(9, sntp_time(0));
    sntp_waits_then_asks(RA_SNTP_RETRY_MS);
    sntp_asks(8, NULL);
    sntp_waits_then_asks(RA_SNTP_UPDATE_MS);
    sntp_asks(9, sntp_time(0));
    sntp_waits_then_asks(RA_SNTP_UPDATE_MS);
    sntp_asks(8, sntp_time(2));
    sntp_waits_then_asks(RA_SNTP_UPDATE_MS);
    sntp_asks(8, sntp_time(0));
    sntp_waits_then_asks(RA_SNTP_RETRY_MS);
    sntp_asks(9, sntp_time(2));
    sntp_waits_after(RA_SNTP_UPDATE_MS);
    ra_sntp_stop(&sntp);
}

/* --- syslog --------------------------------------------------------------------------------- */

static struct ra_syslog syslog_;

static void syslog_refusals(void **state)
{
    static char name[RA_HOST_MAX + 2];
    ip_addr_t a = IPADDR4_INIT_BYTES(10, 0, 0, 9);
    (void)state;
    ra_syslog_init(&syslog_);
    memset(name, 'a', RA_HOST_MAX + 1);
    assert_int_equal(ra_syslog_send(&syslog_, now_ms, "x", 1), RA_E_STATE);
    assert_int_equal(ra_syslog_start(&syslog_, name, 514), RA_E_ARGUMENT);
    assert_false(ra_syslog_on(&syslog_));
    assert_int_equal(ra_syslog_start(&syslog_, "log.example", 514), RA_OK);
    assert_int_equal(ra_syslog_send(&syslog_, now_ms, "x", RA_SYSLOG_MAX + 1), RA_E_ARGUMENT);
    dns_says = ERR_ARG;
    assert_int_equal(ra_syslog_send(&syslog_, now_ms, "x", 1), RA_AGAIN);
    dns_says = ERR_INPROGRESS;
    found = NULL;
    assert_int_equal(ra_syslog_send(&syslog_, now_ms, "x", 1), RA_AGAIN);
    assert_null(found); /* not again so soon */
    now_ms += RA_SYSLOG_RETRY_MS;
    assert_int_equal(ra_syslog_send(&syslog_, now_ms, "x", 1), RA_AGAIN);
    assert_non_null(found);
    found("old.example", &a, found_arg);
    assert_int_equal(ra_syslog_send(&syslog_, now_ms, "x", 1), RA_AGAIN);
    found("log.example", NULL, found_arg);
    assert_int_equal(ra_syslog_send(&syslog_, now_ms, "x", 1), RA_AGAIN);
    found("log.example", &a, found_arg); /* of the one that has ended */
    now_ms += RA_SYSLOG_RETRY_MS;
    assert_int_equal(ra_syslog_send(&syslog_, now_ms, "x", 1), RA_AGAIN);
    found("log.example", &a, found_arg);
    assert_int_equal(ra_syslog_send(&syslog_, now_ms, "x", 1), RA_OK);
    assert_int_equal(syslog_.sent, 1);
    no_udp = true;
    assert_int_equal(ra_syslog_send(&syslog_, now_ms, "x", 1), RA_AGAIN);
    no_udp = false;
    no_pbuf = true;
    assert_int_equal(ra_syslog_send(&syslog_, now_ms, "x", 1), RA_AGAIN);
    no_pbuf = false;
    sendto_says = ERR_RTE;
    assert_int_equal(ra_syslog_send(&syslog_, now_ms, "x", 1), RA_AGAIN);
    sendto_says = ERR_OK;
    assert_int_equal(ra_syslog_start(&syslog_, "log.example", 514), RA_OK); /* the same: kept */
    assert_int_equal(ra_syslog_send(&syslog_, now_ms, "x", 1), RA_OK);
    assert_int_equal(syslog_.sent, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_cannot_be_opened, begin),
        cmocka_unit_test_setup(no_way_out, begin),
        cmocka_unit_test_setup(the_link_is_lost, begin),
        cmocka_unit_test_setup(answers_to_another_name, begin),
        cmocka_unit_test_setup(how_a_connection_ends, begin),
        cmocka_unit_test_setup(what_comes_for_nobody, begin),
        cmocka_unit_test_setup(many_buffers_and_large_pieces, begin),
        cmocka_unit_test_setup(sending_with_little_room, begin),
        cmocka_unit_test_setup(clients_that_come, begin),
        cmocka_unit_test_setup(settings_that_do_not_fit, begin),
        cmocka_unit_test_setup(name_servers_of_a_lease, begin),
        cmocka_unit_test_setup(time_is_asked_before_lwip_wants_a_step, begin),
        cmocka_unit_test_setup(without_random_numbers, begin),
        cmocka_unit_test_setup(frames_of_no_size, begin),
        cmocka_unit_test_setup(frames_that_lwip_refuses, begin),
        cmocka_unit_test_setup(lwip_refuses_the_interface, begin),
        cmocka_unit_test_setup(sntp_without_memory, begin),
        cmocka_unit_test_setup(sntp_names, begin),
        cmocka_unit_test_setup(sntp_unanswered, begin),
        cmocka_unit_test_setup(sntp_odd_answers, begin),
        cmocka_unit_test_setup(sntp_answers, begin),
        cmocka_unit_test_setup(sntp_other_server, begin),
        cmocka_unit_test_setup(sntp_kissed, begin),
        cmocka_unit_test_setup(syslog_refusals, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
