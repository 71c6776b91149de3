/* selftest_net.c - the Ethernet driver under load: lwIP, DHCP, one TCP connection. */
#include <string.h>

#include "board.h"
#include "hal.h"
#include "ra_net.h"
#include "ra_net_setup.h"
#include "selftest.h"

#define PATIENCE_MS 20000u

static struct ra_net_setup setup;
static struct ra_net net;
static struct ra_transport transport;
static int started;
static uint32_t wait_ms;

static uint64_t now(const struct hal *hal)
{
    return hal->clock.monotonic_ms(hal->clock.dev);
}

/* Sleeps first: whatever the frames of this step bring is looked at before the next sleep. */
static void step(void)
{
    board_idle(wait_ms);
    wait_ms = ra_net_setup_step(&setup);
}

static const char *connect(const struct hal *hal, const char *host, uint16_t port, uint64_t end)
{
    static const struct ra_net_config config;

    if (!started) {
        started = 1;
        ra_net_init(&net, &transport);
        if (ra_net_setup_init(&setup, &hal->ethernet, &hal->clock, NULL, NULL) != RA_OK ||
            ra_net_setup_apply(&setup, &config) != RA_OK) {
            return "lwIP does not start";
        }
    }
    while (ra_net_setup_ready(&setup) != RA_OK) {
        step();
        if (now(hal) > end) {
            return "no address by DHCP";
        }
    }
    if (transport.open(transport.ctx, host, port, false) != RA_OK) {
        return "the connection cannot be opened";
    }
    while (transport.state(transport.ctx) == RA_TRANSPORT_CONNECTING && now(hal) < end) {
        step();
    }
    return transport.state(transport.ctx) == RA_TRANSPORT_OPEN ? NULL : "no connection";
}

const char *selftest_fetch(const struct hal *hal, uint16_t port, struct selftest_sum *sum)
{
    static const uint8_t ask[] = "give\n";
    const uint64_t end = now(hal) + PATIENCE_MS;
    struct ra_net_status status;
    const char *bad = connect(hal, "10.0.2.2", port, end);

    ra_net_setup_status(&setup, &status);
    board_print(" address ");
    board_print(status.address);
    if (bad == NULL && transport.send(transport.ctx, ask, sizeof ask - 1u) != sizeof ask - 1u) {
        bad = "the question was not taken";
    }
    while (bad == NULL) {
        uint8_t piece[512];
        size_t n = transport.receive(transport.ctx, piece, sizeof piece);

        if (n != 0u) {
            selftest_add(sum, piece, (uint32_t)n);
        } else if (transport.state(transport.ctx) == RA_TRANSPORT_PEER_CLOSED) {
            break;
        } else if (transport.state(transport.ctx) != RA_TRANSPORT_OPEN) {
            bad = "the connection broke";
        } else if (now(hal) > end) {
            bad = "the bytes stopped";
        } else {
            step();
        }
    }
    transport.close(transport.ctx);
    return bad;
}
