#include <string.h>

#include "ra_internal.h"

/* Erasing all credentials. A record says that it is under way, so that a loss of power only delays it:
 *   MARK      that record is written; from here on nothing is served, now and after every reset
 *   DROP      keys, certificates, issuers and transactions are dropped, some at a time
 *   SETTINGS  the passwords among the settings are forgotten
 *   COMMIT    a commit that names no credential replaces the last one
 *   SCRUB     the store moves through all its banks and erases each: what was dropped or replaced is
 *             gone from the cells
 *   UNMARK    the record is dropped */
enum { NOTHING, MARK, DROP, SETTINGS, COMMIT, SCRUB, UNMARK };

bool ra_erase_found(const struct ra *ra)
{
    return ra_store_find(&ra->store, RA_RECORD_ERASE, 0);
}

void ra_erase_begin(struct ra *ra)
{
    ra_stop_work(ra);
    ra_key_wipe(&ra->service_key);
    ra_key_wipe(&ra->key);
    ra->service_generation = 0;
    ra->worker = -1;
    ra->erase = ra_erase_found(ra) ? DROP : MARK;
    for (unsigned i = 0; i < RA_ROLES; i++) {
        struct ra_slot *slot = &ra->commit.slot[i];
        uint32_t newest = slot->newest;
        memset(slot, 0, sizeof *slot);
        slot->newest = newest;
        memset(&ra->renewal[i], 0, sizeof ra->renewal[i]);
    }
    ra->commit_error = RA_OK;
}

static ra_err drop_some(struct ra *ra)
{
    static const uint8_t types[] = {RA_RECORD_KEY, RA_RECORD_CERT, RA_RECORD_CHAIN, RA_RECORD_TXN};
    struct ra_store_key keys[RA_STORE_DROP_MAX];
    size_t n = 0;
    for (unsigned t = 0; t < sizeof types; t++) {
        struct ra_store_cursor cursor;
        ra_store_cursor_init(&cursor, types[t]);
        while (n < RA_STORE_DROP_MAX && ra_store_next(&ra->store, &cursor, &keys[n])) {
            n++;
        }
    }
    if (n == 0 && ra->writer != RA_WRITER_WORK) {
        return RA_OK;
    }
    ra_err e = ra_drop(ra, RA_WRITER_WORK, keys, n);
    return e == RA_OK ? RA_AGAIN : e; /* there may be more */
}

static ra_err forget_passwords(struct ra *ra)
{
    for (size_t i = 0; i < ra_setting_count(); i++) {
        const struct ra_setting *s = ra_setting_at(i);
        char *value = (char *)&ra->config + s->offset;
        if (s->kind == RA_SETTING_SECRET && *value != '\0') {
            ra_wipe(value, (size_t)s->max + 1u);
            ra_config_save(ra);
        }
    }
    return ra->config_dirty || ra->writer == RA_WRITER_CONFIG ? RA_AGAIN : RA_OK;
}

static ra_err erase_part(struct ra *ra)
{
    static const uint8_t one = 1;
    static const struct ra_store_key mark = {RA_RECORD_ERASE, 0};
    uint8_t record[RA_COMMIT_SIZE];
    switch (ra->erase) {
    case MARK:
        return ra_write(ra, RA_WRITER_WORK, RA_RECORD_ERASE, 0, &one, 1);
    case DROP:
        return drop_some(ra);
    case SETTINGS:
        return forget_passwords(ra);
    case COMMIT:
        return ra_write(ra, RA_WRITER_WORK, RA_RECORD_COMMIT, 0, record,
                        ra_commit_encode(&ra->commit, record));
    case SCRUB:
        if (!ra->scrubbing) {
            ra->scrubbing = true;
            ra_store_scrub(&ra->store);
        }
        return ra_store_settled(&ra->store) ? RA_OK : RA_AGAIN;
    default:
        return ra_drop(ra, RA_WRITER_WORK, &mark, 1);
    }
}

uint32_t ra_erase_step(struct ra *ra)
{
    ra_err e = erase_part(ra);
    if (e == RA_AGAIN) {
        return 1;
    }
    if (e != RA_OK) {
        /* Tried again for ever: a store that cannot be written keeps its mark, if it has one. */
        return 1000;
    }
    if (ra->erase != UNMARK) {
        ra->erase++;
        return 0;
    }
    ra->erase = NOTHING;
    ra->scrubbing = false;
    ra->commit_dirty = false;
    ra_log(ra, RA_LOG_ERASED, RA_EVENT_NO_ROLE, RA_OK, 0, NULL);
    for (unsigned i = 0; i < RA_ROLES; i++) {
        ra_switched(ra, (enum ra_role)i);
    }
    return 0;
}

ra_err ra_erase_credentials(struct ra *ra)
{
    ra_err e = ra_ready(ra);
    if (e != RA_OK) {
        return e;
    }
    if (ra->erase != NOTHING) {
        return RA_OK; /* under way */
    }
    if (ra->writer == RA_WRITER_PROVISION || ra->writer == RA_WRITER_WORK) {
        return RA_E_BUSY;
    }
    ra_erase_begin(ra);
    return RA_OK;
}

bool ra_erasing(const struct ra *ra)
{
    return ra->erase != NOTHING;
}
