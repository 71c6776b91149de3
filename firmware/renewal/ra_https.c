#include <string.h>

#include "ra_internal.h"

_Static_assert(RA_CERT_MAX + RA_CHAIN_MAX <= RA_REPLY_MAX - RA_BER_SLACK - RA_HTTP_OUT_MAX,
               "the client's certificates lie before the request's head in the reply buffer");

static ra_err tool_ready(void *ctx)
{
    return ra_seed(ctx);
}

static ra_err tool_now(void *ctx, int64_t *now, bool *at_least)
{
    struct ra *ra = ctx;
    *now = ra_clock_now(&ra->clock);
    *at_least = *now == RA_TIME_UNKNOWN;
    if (!*at_least) {
        return RA_OK;
    }
    if (ra->config.tls_time != RA_TLS_TIME_FLOOR) {
        return RA_E_TIME_UNKNOWN;
    }
    *now = ra->clock.floor;
    ra_log(ra, RA_LOG_FLOOR, RA_EVENT_NO_ROLE, RA_OK, 0, NULL);
    return RA_OK;
}

static ra_err tool_anchor(void *ctx, unsigned place, struct ra_span *cert)
{
    struct ra *ra = ctx;
    ra_err e = ra_read(ra, RA_RECORD_ANCHOR, (uint16_t)place, ra->old_cert, sizeof ra->old_cert,
                       &ra->old_cert_size);
    *cert = (struct ra_span){ra->old_cert, e == RA_OK ? ra->old_cert_size : 0};
    return e;
}

/* Certificate and issuers side by side: in the reply buffer, for the reply has not begun. */
static ra_err tool_client_certs(void *ctx, struct ra_span *certs)
{
    struct ra *ra = ctx;
    uint32_t generation = ra->commit.slot[RA_ROLE_DEVICE].active;
    uint16_t id = ra_generation_id(RA_ROLE_DEVICE, generation);
    size_t own = 0, issuers = 0;
    *certs = (struct ra_span){ra->reply, 0};
    if (ra->config.tls_client == RA_TLS_CLIENT_OFF || generation == 0) {
        return RA_OK;
    }
    ra_err e = ra_read(ra, RA_RECORD_CERT, id, ra->reply, RA_CERT_MAX, &own);
    if (e == RA_OK) {
        e = ra_read(ra, RA_RECORD_CHAIN, id, ra->reply + own, RA_CHAIN_MAX, &issuers);
        e = e == RA_E_NOT_FOUND ? RA_OK : e;
    }
    certs->size = own + issuers;
    return e;
}

static ra_err tool_client_key(void *ctx, struct ra_key *key)
{
    struct ra *ra = ctx;
    return ra_load_key(ra, RA_ROLE_DEVICE, ra->commit.slot[RA_ROLE_DEVICE].active, key);
}

void ra_https(struct ra *ra, struct ra_secure *secure)
{
    const struct ra_secure_tools tools = {.ctx = ra,
                                          .random = &ra->random,
                                          .key = &ra->key,
                                          .ready = tool_ready,
                                          .now = tool_now,
                                          .anchor = tool_anchor,
                                          .client_certs = tool_client_certs,
                                          .client_key = tool_client_key};
    ra_secure_init(secure, ra->transport, &tools);
    ra->transport = &secure->transport;
    ra->exchange.transport = &secure->transport;
}
