/* ra_syslog.h - messages to one syslog server over UDP [RFC 5424, RFC 5426].
 *
 * Runs on any lwIP with UDP and DNS, under the same locking as ra_net.h. The text of a message is
 * the caller's. UDP tells nobody what arrives: the log that counts is the one in flash.
 */
#ifndef RA_SYSLOG_H
#define RA_SYSLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ra_error.h"
#include "ra_limits.h"

#define RA_SYSLOG_MAX 480         /* bytes of a message: every receiver takes that [RFC 5426 3.2] */
#define RA_SYSLOG_RETRY_MS 30000u /* after a name that could not be resolved */

/* Caller-owned; stays in place for ever, because a DNS answer may come after ra_syslog_stop. */
struct ra_syslog {
    char server[RA_HOST_MAX + 1]; /* "": off */
    uint32_t address[8];          /* an lwIP address */
    uint16_t port;
    uint8_t phase;     /* resolving, resolved, failed */
    uint64_t again_ms; /* when to resolve once more */
    uint32_t sent;     /* messages handed to lwIP   */
};

void ra_syslog_init(struct ra_syslog *s);
/* From now on send to `server` (name or dotted address); "": to nobody. RA_E_ARGUMENT: too long,
 * then it is off. */
ra_err ra_syslog_start(struct ra_syslog *s, const char *server, uint16_t port);
/* Whether there is a server to send to. */
bool ra_syslog_on(const struct ra_syslog *s);
/* Send one message. RA_OK: it left; RA_AGAIN: the name is being resolved, or there are no buffers:
 * the same message again later; RA_E_ARGUMENT: larger than RA_SYSLOG_MAX; RA_E_STATE: off. */
ra_err ra_syslog_send(struct ra_syslog *s, uint64_t now_ms, const char *message, size_t size);

#endif
