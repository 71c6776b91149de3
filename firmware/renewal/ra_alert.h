/* ra_alert.h - an event as a syslog message [RFC 5424 6].
 *
 *   <132>1 2027-01-15T08:00:00Z ra-appliance perennial - FAILED [perennial@32473 role="agent"
 *   serial="6100..." daysLeft="29" cause="E6-01"] Enrollment Agent: renewal failed, ...
 *
 * The message id is the event's name of RA_EVENT_KINDS; docs/alerts.md lists them. Pure: text out.
 */
#ifndef RA_ALERT_H
#define RA_ALERT_H

#include <stdint.h>

#include "ra_events.h"
#include "ra_text.h"

/* The enterprise number of the structured data's name: an appliance that has one of its own
 * [https://www.iana.org/assignments/enterprise-numbers] names it; 32473 is the one for
 * documentation [RFC 5612]. */
#ifndef RA_SYSLOG_ENTERPRISE
#define RA_SYSLOG_ENTERPRISE "32473"
#endif

/* RFC 5424 table 2. */
enum ra_severity {
    RA_SEVERITY_CRITICAL = 2,
    RA_SEVERITY_ERROR = 3,
    RA_SEVERITY_WARNING = 4,
    RA_SEVERITY_NOTICE = 5,
    RA_SEVERITY_INFO = 6
};

struct ra_alert_input {
    const struct ra_event_entry *entry;
    uint8_t facility;      /* 0 .. 23                                             */
    const char *host_name; /* "": unknown                                         */
    const char *serial;    /* of the role's served certificate in hex, "": none   */
    int64_t not_after;     /* of it, with serial                                  */
};

/* How grave: an expired certificate is critical, a failure an error, other alerts warnings. */
enum ra_severity ra_alert_severity(const struct ra_event_entry *entry);
/* Append the message. At most 479 characters; values are escaped as the RFC has it. */
void ra_alert_print(const struct ra_alert_input *in, struct ra_text *to);

#endif
