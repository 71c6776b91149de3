#include "ra_alert.h"

#include <string.h>

#include "ra_clock.h"
#include "ra_time.h"

enum ra_severity ra_alert_severity(const struct ra_event_entry *entry)
{
    switch (entry->kind) {
    case RA_LOG_EXPIRED:
    case RA_LOG_LOST:
        return RA_SEVERITY_CRITICAL;
    case RA_LOG_FAILED:
    case RA_LOG_ROLLED_BACK:
    case RA_LOG_NOT_SAVED:
        return RA_SEVERITY_ERROR;
    case RA_LOG_SWITCHED:
    case RA_LOG_PROVISIONED:
        return RA_SEVERITY_NOTICE;
    default:
        return ra_event_is_alert((enum ra_event_kind)entry->kind) ? RA_SEVERITY_WARNING
                                                                  : RA_SEVERITY_INFO;
    }
}

/* A name of the header: printable, no blanks; "-" for none [RFC 5424 6.2]. */
static void header(struct ra_text *to, const char *word)
{
    ra_text_add_char(to, ' ');
    if (*word == '\0') {
        ra_text_add_char(to, '-');
    }
    for (; *word != '\0'; word++) {
        ra_text_add_char(to, *word > ' ' && *word <= '~' ? *word : '?');
    }
}

/* name="value" with its escapes [RFC 5424 6.3.3]. */
static void parameter(struct ra_text *to, const char *name, const char *value)
{
    ra_text_add_char(to, ' ');
    ra_text_add(to, name);
    ra_text_add(to, "=\"");
    for (; *value != '\0'; value++) {
        if (*value == '"' || *value == '\\' || *value == ']') {
            ra_text_add_char(to, '\\');
        }
        ra_text_add_char(to, *value);
    }
    ra_text_add_char(to, '"');
}

static void numbered(struct ra_text *to, const char *name, int64_t value)
{
    char text[24];
    struct ra_text number;
    ra_text_init(&number, text, sizeof text);
    ra_text_add_i64(&number, value);
    parameter(to, name, text);
}

static void structured(const struct ra_alert_input *in, struct ra_text *to)
{
    const struct ra_event_entry *e = in->entry;
    ra_text_add(to, " [perennial@" RA_SYSLOG_ENTERPRISE);
    if (e->role < RA_ROLES) {
        parameter(to, "role", ra_role_word((enum ra_role)e->role));
    }
    if (e->role < RA_ROLES && in->serial[0] != '\0') {
        parameter(to, "serial", in->serial);
        if (e->time != RA_TIME_UNKNOWN) {
            int64_t left = in->not_after - e->time;
            numbered(to, "daysLeft", left > 0 ? left / RA_DAY : 0);
        }
    }
    if (e->cause != RA_OK) {
        char text[16];
        struct ra_text cause;
        ra_text_init(&cause, text, sizeof text);
        ra_text_add_char(&cause, 'E');
        ra_text_add_u32(&cause, (uint32_t)ra_error_layer(e->cause));
        ra_text_add_char(&cause, '-');
        ra_text_add_u32_pad(&cause, ra_error_number(e->cause), 2);
        parameter(to, "cause", text);
    }
    if (e->hresult != 0) {
        char text[12];
        struct ra_text hresult;
        ra_text_init(&hresult, text, sizeof text);
        ra_text_add_hex32(&hresult, e->hresult);
        parameter(to, "hresult", text);
    }
    numbered(to, "sequence", e->sequence);
    ra_text_add_char(to, ']');
}

void ra_alert_print(const struct ra_alert_input *in, struct ra_text *to)
{
    const struct ra_event_entry *e = in->entry;
    char when[RA_TIME_TEXT_SIZE] = "";
    ra_text_add_char(to, '<');
    ra_text_add_u32(to, in->facility * 8u + (uint32_t)ra_alert_severity(e));
    ra_text_add(to, ">1");
    if (e->time != RA_TIME_UNKNOWN) {
        ra_time_print(e->time, when);
    }
    header(to, when);
    header(to, in->host_name);
    header(to, "perennial");
    header(to, "");
    header(to, ra_event_kind_name((enum ra_event_kind)e->kind));
    structured(in, to);
    ra_text_add_char(to, ' ');
    ra_event_print_text(e, to);
}
