#include "ra_events.h"

#include <string.h>

#include "ra_clock.h"
#include "ra_time.h"

#define VERSION 1
#define FIXED (1 + 4 + 8 + 1 + 1 + 2 + 4)
#define RECORD_MAX (FIXED + RA_EVENT_DETAIL_MAX)

struct kind {
    uint8_t no;
    bool alert;
    const char *text, *name;
};

#define KIND(name, no, alert, text) {no, alert, text, #name},
static const struct kind kinds[] = {RA_EVENT_KINDS(KIND)};
#undef KIND

static const struct kind *kind_of(unsigned no)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (kinds[i].no == no) {
            return &kinds[i];
        }
    }
    return NULL;
}

static void put(uint8_t **p, uint64_t v, unsigned bytes)
{
    for (; bytes != 0; bytes--, v >>= 8) {
        *(*p)++ = (uint8_t)v;
    }
}

static uint64_t get(const uint8_t **p, unsigned bytes)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < bytes; i++) {
        v |= (uint64_t) * (*p)++ << (8 * i);
    }
    return v;
}

static size_t encode(const struct ra_event_entry *e, uint8_t out[RECORD_MAX])
{
    uint8_t *p = out;
    size_t n = strlen(e->detail);
    put(&p, VERSION, 1);
    put(&p, e->sequence, 4);
    put(&p, (uint64_t)e->time, 8);
    put(&p, e->kind, 1);
    put(&p, e->role, 1);
    put(&p, (uint64_t)(-e->cause), 2);
    put(&p, e->hresult, 4);
    memcpy(p, e->detail, n);
    return FIXED + n;
}

static ra_err decode(struct ra_event_entry *e, const uint8_t *in, size_t size)
{
    if (size < FIXED || size > RECORD_MAX || in[0] != VERSION) {
        return RA_E_RECORD_DAMAGED;
    }
    const uint8_t *p = in + 1;
    e->sequence = (uint32_t)get(&p, 4);
    e->time = (int64_t)get(&p, 8);
    e->kind = (uint8_t)get(&p, 1);
    e->role = (uint8_t)get(&p, 1);
    e->cause = -(ra_err)get(&p, 2);
    e->hresult = (uint32_t)get(&p, 4);
    memcpy(e->detail, p, size - FIXED);
    e->detail[size - FIXED] = '\0';
    return RA_OK;
}

static ra_err load(struct ra_store *s, uint16_t id, struct ra_event_entry *e)
{
    uint8_t record[RECORD_MAX];
    size_t size = 0;
    ra_err err = ra_store_get(s, RA_RECORD_EVENT, id, record, sizeof record, &size);
    return err == RA_OK ? decode(e, record, size) : err;
}

void ra_events_init(struct ra_events *e)
{
    memset(e, 0, sizeof *e);
    e->next = 1;
}

/* The newest event is the one the store wrote last: reading that one is enough. */
static bool find_newest(const struct ra_store *s, uint16_t *id)
{
    struct ra_store_cursor cursor;
    struct ra_store_key key;
    uint32_t newest = 0;
    bool found = false;
    ra_store_cursor_init(&cursor, RA_RECORD_EVENT);
    while (ra_store_next(s, &cursor, &key)) {
        uint32_t seq = 0;
        (void)ra_store_stat(s, key.type, key.id, NULL, &seq);
        if (!found || seq > newest) {
            newest = seq;
            *id = key.id;
            found = true;
        }
    }
    return found;
}

ra_err ra_events_load(struct ra_events *e, struct ra_store *s, int64_t *newest_time)
{
    struct ra_event_entry entry;
    uint16_t id = 0;
    if (find_newest(s, &id)) {
        ra_err err = load(s, id, &entry);
        if (err == RA_AGAIN) {
            return err;
        }
        if (err == RA_OK) {
            e->next = entry.sequence + 1;
            *newest_time = entry.time;
        }
    }
    /* Events queued before the log was read take the numbers after it. */
    for (unsigned i = 0; i < e->count; i++) {
        e->queue[(e->first + i) % RA_EVENT_QUEUE].sequence = e->next++;
    }
    e->loaded = true;
    return RA_OK;
}

const struct ra_event_entry *ra_events_add(struct ra_events *e, int64_t now,
                                           enum ra_event_kind kind, uint8_t role, ra_err cause,
                                           uint32_t hresult, const char *detail)
{
    if (e->count == RA_EVENT_QUEUE) {
        /* A log that takes nothing must not make the appliance silent: the oldest gives way, and were
         * it being stored, the store does that alone. */
        e->dropped++;
        e->writing = false;
        e->first = (uint8_t)((e->first + 1) % RA_EVENT_QUEUE);
        e->count--;
    }
    struct ra_event_entry *entry = &e->queue[(e->first + e->count) % RA_EVENT_QUEUE];
    memset(entry, 0, sizeof *entry);
    entry->sequence = e->loaded ? e->next++ : 0;
    entry->time = now;
    entry->kind = (uint8_t)kind;
    entry->role = role;
    entry->cause = cause;
    entry->hresult = hresult;
    for (size_t i = 0; detail != NULL && detail[i] != '\0' && i < RA_EVENT_DETAIL_MAX; i++) {
        entry->detail[i] = detail[i] >= ' ' && detail[i] <= '~' ? detail[i] : '?';
    }
    e->count++;
    return entry;
}

ra_err ra_events_step(struct ra_events *e, struct ra_store *s)
{
    uint8_t record[RECORD_MAX];
    if (e->count == 0 || !e->loaded) {
        return RA_OK;
    }
    struct ra_event_entry *entry = &e->queue[e->first];
    ra_err err = RA_OK;
    if (!e->writing) {
        size_t size = encode(entry, record);
        err =
            ra_store_put(s, RA_RECORD_EVENT, (uint16_t)(entry->sequence % RA_EVENTS), record, size);
        e->writing = err == RA_OK;
        if (err == RA_OK || err == RA_E_BUSY || err == RA_E_RANDOM_STATE) {
            return RA_AGAIN;
        }
    } else {
        err = ra_store_result(s);
        if (err == RA_AGAIN) {
            return err;
        }
    }
    /* A log that cannot be written must not stop anything: the entry is given up. */
    e->writing = false;
    e->dropped += err != RA_OK ? 1u : 0u;
    e->first = (uint8_t)((e->first + 1) % RA_EVENT_QUEUE);
    e->count--;
    return e->count == 0 ? RA_OK : RA_AGAIN;
}

ra_err ra_events_get(struct ra_events *e, struct ra_store *s, uint32_t back,
                     struct ra_event_entry *out)
{
    if (back < e->count) {
        *out = e->queue[(e->first + (e->count - 1u - back)) % RA_EVENT_QUEUE];
        return RA_OK;
    }
    if (back >= RA_EVENTS || back + 1 >= e->next) {
        return RA_E_NOT_FOUND;
    }
    uint32_t sequence = e->next - 1 - back;
    ra_err err = load(s, (uint16_t)(sequence % RA_EVENTS), out);
    if (err == RA_OK && out->sequence != sequence) {
        err = RA_E_NOT_FOUND;
    }
    return err;
}

const char *ra_event_kind_name(enum ra_event_kind no)
{
    const struct kind *kind = kind_of(no);
    return kind != NULL ? kind->name : "UNKNOWN";
}

bool ra_event_is_alert(enum ra_event_kind no)
{
    const struct kind *kind = kind_of(no);
    return kind != NULL && kind->alert;
}

void ra_event_print(const struct ra_event_entry *e, struct ra_text *to)
{
    if (e->time == RA_TIME_UNKNOWN) {
        ra_text_add(to, "(time unknown)      ");
    } else {
        char when[RA_TIME_TEXT_SIZE];
        ra_time_print(e->time, when);
        ra_text_add(to, when);
    }
    ra_text_add(to, "  ");
    ra_event_print_text(e, to);
}

void ra_event_print_text(const struct ra_event_entry *e, struct ra_text *to)
{
    const struct kind *kind = kind_of(e->kind);
    if (e->role < RA_ROLES) {
        ra_text_add(to, ra_role_text((enum ra_role)e->role));
        ra_text_add(to, ": ");
    }
    ra_text_add(to, kind != NULL ? kind->text : "an event of a newer release");
    if (e->cause != RA_OK) {
        ra_text_add(to, ": ");
        ra_error_print(e->cause, to);
    }
    if (e->hresult != 0) {
        ra_text_add(to, ", HRESULT ");
        ra_text_add_hex32(to, e->hresult);
    }
    if (e->detail[0] != '\0') {
        ra_text_add(to, " (");
        ra_text_add(to, e->detail);
        ra_text_add(to, ")");
    }
}
