#include "ra_store.h"

#include <string.h>

#include "ra_crc.h"
#include "ra_hash.h"

#define HEAD 20u     /* bytes of a header, of a record or a bank */
#define HEAD_CRC 16u /* where its CRC is, over all before it     */
#define MAGIC 0x5261u
#define BANK_MAGIC 0x314b4e42u
#define SEQ_MAX 0xfffffff0u /* no device gets there; a larger one is not ours */
#define SLOTS 4u            /* BANK READY BANK' READY' */
#define PIECE 64u           /* bytes read at once onto the stack        */
#define SLICE 512u          /* bytes read in one step                   */
#define CHUNK 256u          /* bytes programmed at once at most         */
#define TRIES 3u            /* of one bank before it is passed over     */
#define KEY_BYTES 4u        /* of one name in a drop */

enum { TYPE_SETTLED = 0xf1, TYPE_READY = 0xf2, TYPE_DROP = 0xf3, TYPE_STEADY = 0xf4 };

/* In flash: SEALED, LOST. In RAM only: the last record before a cut, whose cells may be
 * unstable; no copy is good. */
enum { FLAG_SEALED = 1, FLAG_LOST = 2, FLAG_TAIL = 0x20, FLAG_BAD = 0x80 };

enum { MOUNT_SCAN, MOUNT_LIST, MOUNT_SEARCH, MOUNT_CHECK, MOUNT_OLDER, MOUNT_DONE };

enum {
    JOB_IDLE,
    JOB_MARKER,
    JOB_PUT_HEAD,
    JOB_PUT_REST,
    JOB_CHECK, /* from here to JOB_COPY also for a rescue */
    JOB_COPY,
    JOB_ERASE,
    JOB_ERASING,
    JOB_BLANK,
    JOB_BANK,
    JOB_READY,
    JOB_BANK_AGAIN,
    JOB_READY_AGAIN
};

enum { PUT_NONE, PUT_WAITING };

enum { WALK_RECORD, WALK_MORE, WALK_END };

/* How a log is walked: LIST stops at the first thing that is not a record; OLDER
 * goes over damage up to the end of the log; SEARCH looks at all of the bank. */
enum walk_mode { WALK_LIST, WALK_OLDER, WALK_SEARCH };

_Static_assert(RA_RECORD_MAX + RA_SEAL_OVERHEAD <= 0xffff, "a record's size has 16 bits");
_Static_assert(RA_STORE_DROP_MAX *KEY_BYTES <= PIECE, "the names of a drop are read at once");

/* --- bytes -------------------------------------------------------------- */

static void put16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

static void put32(uint8_t *p, uint32_t v)
{
    put16(p, v);
    put16(p + 2, v >> 16);
}

static uint32_t get16(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8;
}

static uint32_t get32(const uint8_t *p)
{
    return get16(p) | get16(p + 2) << 16;
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t in_units(const struct hal_flash *f, uint32_t size)
{
    return (size + f->program_unit - 1u) & ~((uint32_t)f->program_unit - 1u);
}

static uint32_t cost_of(const struct ra_store *s, uint32_t size)
{
    return in_units(s->flash, HEAD + size);
}

static bool is_blank(const struct ra_store *s, const uint8_t *p, uint32_t size)
{
    /* All like the first, which is erased. */
    return size == 0 || (p[0] == s->flash->erased && memcmp(p, p + 1, size - 1u) == 0);
}

/* --- reading ------------------------------------------------------------ */

static void read_at(struct ra_store *s, uint32_t at, void *to, uint32_t size)
{
    if (s->flash->read(s->flash->dev, at, to, size) != HAL_FLASH_DONE) {
        /* No header, no CRC and no erased range comes of this. */
        memset(to, 0x5a, size);
    }
}

static bool range_blank(struct ra_store *s, uint32_t at, uint32_t size)
{
    uint8_t piece[PIECE];
    while (size > 0) {
        uint32_t n = least(size, PIECE);
        read_at(s, at, piece, n);
        if (!is_blank(s, piece, n)) {
            return false;
        }
        at += n;
        size -= n;
    }
    return true;
}

static uint32_t range_crc(struct ra_store *s, uint32_t crc, uint32_t at, uint32_t size)
{
    uint8_t piece[PIECE];
    while (size > 0) {
        uint32_t n = least(size, PIECE);
        read_at(s, at, piece, n);
        crc = ra_crc32(crc, piece, n);
        at += n;
        size -= n;
    }
    return crc;
}

static bool payload_good(struct ra_store *s, const struct ra_store_entry_ *e)
{
    return range_crc(s, 0, e->at + HEAD, e->size) == e->crc;
}

/* --- headers ------------------------------------------------------------ */

static uint32_t head_crc(uint32_t seed, uint32_t at, const uint8_t *h)
{
    uint8_t place[4];
    put32(place, at);
    return ra_crc32(ra_crc32(seed, place, sizeof place), h, HEAD_CRC);
}

/* 0: no header; 1: a good one; 2: one that had a wrong bit, now right. */
static unsigned head_check(uint8_t *h, uint32_t seed, uint32_t at, bool repair)
{
    uint32_t difference = head_crc(seed, at, h) ^ get32(h + HEAD_CRC);
    if (difference == 0) {
        return 1;
    }
    return repair && ra_crc32_repair(h, HEAD_CRC, difference) != 0 ? 2 : 0;
}

/* At most one bit off: cheap enough to ask of anything before its CRC. */
static bool nearly(uint32_t a, uint32_t b)
{
    uint32_t x = a ^ b;
    return (x & (x - 1u)) == 0;
}

static void head_write(uint8_t *h, const struct ra_store_bank_ *b, const struct ra_store_entry_ *e)
{
    put16(h, MAGIC);
    h[2] = e->type;
    h[3] = e->flags & (FLAG_SEALED | FLAG_LOST);
    put16(h + 4, e->id);
    put16(h + 6, e->size);
    put32(h + 8, e->seq);
    put32(h + 12, e->crc);
    put32(h + HEAD_CRC, head_crc(b->crc, e->at, h));
}

/* `at` is the header's address in the region. */
static unsigned head_read(uint8_t *h, const struct ra_store_bank_ *b, uint32_t at, bool repair,
                          struct ra_store_entry_ *e)
{
    if (repair ? !nearly(get16(h), MAGIC) : get16(h) != MAGIC) {
        return 0;
    }
    unsigned found = head_check(h, b->crc, at, repair);
    if (found == 0 || get16(h) != MAGIC) {
        return 0;
    }
    e->at = at;
    e->type = h[2];
    e->flags = h[3];
    e->id = (uint16_t)get16(h + 4);
    e->size = (uint16_t)get16(h + 6);
    e->seq = get32(h + 8);
    e->crc = get32(h + 12);
    return e->seq <= SEQ_MAX ? found : 0;
}

static uint32_t bank_shape(const struct hal_flash *f)
{
    return f->program_unit | (f->erased != 0 ? 0x8000u : 0u);
}

static void bank_seed(struct ra_store_bank_ *b)
{
    uint8_t p[8];
    put32(p, b->salt);
    put32(p + 4, b->seq);
    b->crc = ra_crc32(0, p, sizeof p);
}

static void bank_write(struct ra_store *s, const struct ra_store_bank_ *b, uint32_t at, uint8_t *h)
{
    put32(h, BANK_MAGIC);
    put16(h + 4, bank_shape(s->flash));
    put16(h + 6, b->size / s->flash->sector_size);
    put32(h + 8, b->seq);
    put32(h + 12, b->salt);
    put32(h + HEAD_CRC, head_crc(0, at, h));
}

static bool bank_head(struct ra_store *s, uint32_t slot, struct ra_store_bank_ *b)
{
    uint8_t h[HEAD];
    uint32_t at = b->base + slot * s->head;
    uint32_t room = s->flash->sector_size * s->flash->sector_count - b->base;
    read_at(s, at, h, 4);
    if (!nearly(get32(h), BANK_MAGIC)) {
        return false;
    }
    read_at(s, at, h, HEAD);
    unsigned found = head_check(h, 0, at, true);
    if (found == 0 || get32(h) != BANK_MAGIC || get16(h + 4) != bank_shape(s->flash)) {
        return false;
    }
    uint32_t sectors = get16(h + 6);
    if (sectors > room / s->flash->sector_size) {
        return false;
    }
    b->size = sectors * s->flash->sector_size;
    b->seq = get32(h + 8);
    b->salt = get32(h + 12);
    b->fixed = (uint8_t)(b->fixed | (found == 2));
    return b->seq != 0 && b->seq <= SEQ_MAX && b->size >= (SLOTS + 1u) * s->head;
}

static bool bank_ready(struct ra_store *s, uint32_t slot, struct ra_store_bank_ *b)
{
    uint8_t h[HEAD];
    struct ra_store_entry_ e;
    uint32_t at = b->base + slot * s->head;
    read_at(s, at, h, HEAD);
    unsigned found = head_read(h, b, at, true, &e);
    if (found == 0 || e.type != TYPE_READY || e.crc < SLOTS * s->head || e.crc > b->size ||
        in_units(s->flash, e.crc) != e.crc) {
        return false;
    }
    b->copied = e.crc;
    b->next_seq = e.seq;
    b->fixed = (uint8_t)(b->fixed | (found == 2));
    return true;
}

/* Something follows READY: it was complete, then, before the power went. Units that
 * may be unstable are looked at more than once; one that read erased is stable. */
static bool bank_followed(struct ra_store *s, const struct ra_store_bank_ *b)
{
    uint32_t log = least(2u * s->head, b->size - b->copied);
    for (unsigned i = 0; i < 4u; i++) {
        if (!range_blank(s, b->base + 2u * s->head, 2u * s->head) ||
            !range_blank(s, b->base + b->copied, log)) {
            return true;
        }
    }
    return false;
}

/* Whether a bank begins at this sector. */
static bool bank_read(struct ra_store *s, uint32_t sector, struct ra_store_bank_ *b)
{
    memset(b, 0, sizeof *b);
    b->base = sector * s->flash->sector_size;
    if (!bank_head(s, 0, b)) {
        b->fixed = 1;
        if (!bank_head(s, 2, b)) {
            return false;
        }
    }
    bank_seed(b);
    b->copied = SLOTS * s->head;
    b->ready = bank_ready(s, 1, b);
    if (!b->ready) {
        b->fixed = 1;
        b->ready = bank_ready(s, 3, b);
    }
    b->believed = b->ready && bank_followed(s, b);
    return true;
}

/* --- the log ------------------------------------------------------------ */

static void walk_start(struct ra_store *s, struct ra_store_walk_ *w)
{
    memset(w, 0, sizeof *w);
    w->at = SLOTS * s->head;
    w->end = w->at;
    w->began = w->at;
}

static bool walk_take(struct ra_store *s, const struct ra_store_bank_ *b, struct ra_store_walk_ *w,
                      uint32_t at, const struct ra_store_entry_ *e)
{
    uint32_t cost = cost_of(s, e->size);
    if (cost > b->size - at) {
        return false;
    }
    w->at = at + cost;
    w->end = w->at;
    w->lost = 0;
    return true;
}

/* One window of bytes in which no header is where it should be. */
static int walk_search(struct ra_store *s, const struct ra_store_bank_ *b, struct ra_store_walk_ *w,
                       struct ra_store_entry_ *e)
{
    uint8_t p[PIECE + HEAD];
    uint32_t unit = s->flash->program_unit;
    uint32_t stop = w->at + least(b->size - w->at, unit > PIECE ? unit : PIECE);
    if (w->at >= b->size) {
        return WALK_END;
    }
    for (uint32_t at = w->at; at < stop; at += PIECE) {
        uint32_t n = least(sizeof p, b->size - at);
        uint32_t own = least(PIECE, stop - at);
        read_at(s, b->base + at, p, n);
        if (is_blank(s, p, own)) {
            continue;
        }
        for (uint32_t i = 0; i < own; i++) {
            if ((at + i) % unit == 0 && i + HEAD <= n &&
                head_read(p + i, b, b->base + at + i, false, e) != 0 &&
                walk_take(s, b, w, at + i, e)) {
                return WALK_RECORD;
            }
            if (p[i] != s->flash->erased) {
                w->garbage = 1;
                w->end = at + i + 1u;
            }
        }
    }
    w->at = stop;
    return WALK_MORE;
}

static int walk_next(struct ra_store *s, const struct ra_store_bank_ *b, struct ra_store_walk_ *w,
                     enum walk_mode mode, struct ra_store_entry_ *e)
{
    uint8_t h[HEAD];
    if (w->lost == 0) {
        if (b->size - w->at < HEAD) {
            w->blank = 1;
            return WALK_END;
        }
        uint32_t at = b->base + w->at;
        read_at(s, at, h, HEAD);
        unsigned found = head_read(h, b, at, mode != WALK_LIST, e);
        if (found != 0 && walk_take(s, b, w, w->at, e)) {
            s->info.repaired += mode == WALK_SEARCH && found == 2 ? 1u : 0u;
            return WALK_RECORD;
        }
        if (mode != WALK_SEARCH) {
            w->blank = range_blank(s, at, s->head);
            if (mode == WALK_LIST || w->blank != 0) {
                return WALK_END;
            }
        }
        w->lost = 1;
        w->began = w->at;
    }
    if (mode == WALK_OLDER && w->at - w->began > cost_of(s, RA_RECORD_MAX + RA_SEAL_OVERHEAD)) {
        return WALK_END;
    }
    return walk_search(s, b, w, e);
}

/* The names of a drop. One wrong bit is put right: a name that came back to life
 * would be worse. Returns their number, 0 when they cannot be read. */
static uint32_t drop_read(struct ra_store *s, const struct ra_store_entry_ *e, uint8_t p[PIECE])
{
    if (e->size > RA_STORE_DROP_MAX * KEY_BYTES || e->size % KEY_BYTES != 0) {
        return 0;
    }
    read_at(s, e->at + HEAD, p, e->size);
    uint32_t difference = ra_crc32(0, p, e->size) ^ e->crc;
    if (difference != 0 && ra_crc32_repair(p, e->size, difference) == 0) {
        return 0;
    }
    return e->size / KEY_BYTES;
}

static uint32_t name_of(uint32_t type, uint32_t id)
{
    return type << 16 | id;
}

static uint32_t drop_name(const uint8_t *p)
{
    return name_of(p[0], get16(p + 2));
}

/* The newest good copy of a name besides `bad`, not newer than that (a move leaves the same in
 * the old bank), and not dropped since. False, with `out` untouched, when there is none. */
static bool find_older(struct ra_store *s, const struct ra_store_entry_ *bad,
                       struct ra_store_entry_ *out)
{
    struct ra_store_bank_ b;
    struct ra_store_walk_ w;
    struct ra_store_entry_ e;
    uint8_t names[PIECE];
    struct ra_store_entry_ best = {.seq = 0};
    uint32_t dropped = 0;
    uint32_t wanted = name_of(bad->type, bad->id);
    bool found = false;
    for (uint32_t sector = 0; sector < s->flash->sector_count;) {
        if (!bank_read(s, sector, &b)) {
            sector++;
            continue;
        }
        sector += b.size / s->flash->sector_size;
        walk_start(s, &w);
        for (int k = WALK_MORE; k != WALK_END;) {
            k = walk_next(s, &b, &w, WALK_OLDER, &e);
            if (k != WALK_RECORD || e.seq > bad->seq || e.at == bad->at) {
                continue;
            }
            uint32_t n = e.type == TYPE_DROP ? drop_read(s, &e, names) : 0;
            for (uint32_t i = 0; i < n; i++) {
                if (drop_name(names + i * KEY_BYTES) == wanted && e.seq > dropped) {
                    dropped = e.seq;
                }
            }
            if (name_of(e.type, e.id) == wanted && (e.flags & FLAG_LOST) == 0 &&
                (!found || e.seq > best.seq || (e.seq == best.seq && b.seq == s->active.seq)) &&
                payload_good(s, &e)) {
                /* Of two copies of one record the active bank's: the other may be about to go. */
                best = e;
                found = true;
            }
        }
    }
    if (!found || best.seq <= dropped) {
        return false;
    }
    *out = best;
    return true;
}

/* --- the list of live records ------------------------------------------- */

/* Where the name is, or where it belongs. */
static uint32_t entry_place(const struct ra_store *s, uint32_t name)
{
    uint32_t low = 0;
    uint32_t high = s->entries;
    while (low < high) {
        uint32_t middle = (low + high) / 2u;
        if (name_of(s->entry[middle].type, s->entry[middle].id) < name) {
            low = middle + 1u;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool entry_is(const struct ra_store *s, uint32_t i, uint32_t name)
{
    return i < s->entries && name_of(s->entry[i].type, s->entry[i].id) == name;
}

static uint32_t entry_cost(const struct ra_store *s, const struct ra_store_entry_ *e)
{
    return cost_of(s, (e->flags & (FLAG_BAD | FLAG_LOST)) != 0 ? 0 : e->size);
}

static void entry_replace(struct ra_store *s, uint32_t i, const struct ra_store_entry_ *e)
{
    s->live -= entry_cost(s, &s->entry[i]);
    s->entry[i] = *e;
    s->live += entry_cost(s, e);
}

static void entry_set(struct ra_store *s, const struct ra_store_entry_ *e)
{
    uint32_t name = name_of(e->type, e->id);
    uint32_t i = entry_place(s, name);
    if (entry_is(s, i, name)) {
        if (s->entry[i].seq <= e->seq) {
            entry_replace(s, i, e);
        }
        return;
    }
    if (s->entries == RA_STORE_KEYS_MAX) {
        s->overflow = 1;
        return;
    }
    struct ra_store_entry_ next = *e;
    for (s->entries++; i < s->entries; i++) { /* newlib's memmove goes upwards byte by byte */
        struct ra_store_entry_ here = s->entry[i];
        s->entry[i] = next;
        next = here;
    }
    s->live += entry_cost(s, e);
}

static void entry_drop(struct ra_store *s, uint32_t name, uint32_t seq)
{
    uint32_t i = entry_place(s, name);
    if (entry_is(s, i, name) && s->entry[i].seq < seq) {
        s->live -= entry_cost(s, &s->entry[i]);
        s->entries--;
        memmove(&s->entry[i], &s->entry[i + 1u], (s->entries - i) * sizeof s->entry[0]);
    }
}

static void drop_apply(struct ra_store *s, const uint8_t *names, uint32_t n, uint32_t seq)
{
    for (uint32_t i = 0; i < n; i++) {
        entry_drop(s, drop_name(names + i * KEY_BYTES), seq);
    }
}

/* The payload of a live record turned out to be damaged. */
static void entry_damaged(struct ra_store *s, uint32_t i)
{
    struct ra_store_entry_ e = s->entry[i];
    bool tail = (e.flags & FLAG_TAIL) != 0;
    s->info.damaged += tail ? 0u : 1u;
    s->heal = 1;
    if (find_older(s, &s->entry[i], &e)) {
        entry_replace(s, i, &e);
    } else if (tail) {
        /* It was never acknowledged, and there was none before it. */
        entry_drop(s, name_of(e.type, e.id), e.seq + 1u);
    } else {
        e.flags |= FLAG_BAD;
        entry_replace(s, i, &e);
    }
}

/* --- mount --------------------------------------------------------------- */

static void scan_note(struct ra_store *s, const struct ra_store_bank_ *b)
{
    if (b->seq > s->highest_bank) {
        s->highest_bank = b->seq;
    }
    if (b->believed != 0 && b->seq > s->active.seq) {
        s->active = *b;
    }
    if (b->ready != 0 && b->seq > s->newest.seq) {
        s->newest = *b;
    }
    if (b->seq > s->salvage.seq) {
        s->salvage = *b;
    }
}

/* What was found in the headers of all banks -> the bank that is mounted. First row that
 * fits; the last takes all.
 *
 *     a READY bank in which something follows READY     the newest of these
 *     a READY bank                                      the newest: there was no older one
 *     a bank without READY                              the newest, for what it may hold
 *     none                                              nothing: a new store
 */
static void scan_choose(struct ra_store *s)
{
    if (s->active.seq == 0) {
        s->active = s->newest.seq != 0 ? s->newest : s->salvage;
    }
    walk_start(s, &s->walk);
    s->next_seq = s->active.next_seq != 0 ? s->active.next_seq : 1u;
    s->pos = s->active.copied;
    if (s->active.seq == 0) {
        s->mount = MOUNT_DONE;
    } else if (s->active.ready == 0 || s->active.fixed != 0) {
        s->mount = MOUNT_SEARCH;
        s->info.repaired++;
    } else {
        s->mount = MOUNT_LIST;
    }
}

static void mount_scan(struct ra_store *s)
{
    struct ra_store_bank_ b;
    for (unsigned i = 0; i < 2u && s->sector < s->flash->sector_count; i++) {
        if (bank_read(s, s->sector, &b)) {
            scan_note(s, &b);
            s->sector += b.size / s->flash->sector_size;
        } else {
            s->sector++;
        }
    }
    if (s->sector >= s->flash->sector_count) {
        scan_choose(s);
    }
}

static void note_record(struct ra_store *s, const struct ra_store_entry_ *e)
{
    s->last_type = e->type;
    if (e->seq >= s->next_seq) {
        s->next_seq = e->seq + 1u;
    }
    if (e->at - s->active.base >= s->active.copied) {
        s->solid = 1;
    }
}

static void mount_search(struct ra_store *s)
{
    s->entries = 0;
    s->live = 0;
    s->overflow = 0;
    s->solid = 0;
    s->last_type = 0;
    s->unclean = 1;
    s->bad.type = 0;
    memset(&s->record, 0, sizeof s->record);
    walk_start(s, &s->walk);
    s->mount = MOUNT_SEARCH;
}

/* A marker that a cut left half done may read well once. */
static bool settled_firmly(struct ra_store *s)
{
    struct ra_store_entry_ e;
    uint8_t h[HEAD];
    uint32_t at = s->active.base + s->walk.at - s->head;
    for (unsigned i = 0; i < 3u; i++) {
        read_at(s, at, h, HEAD);
        if (head_read(h, &s->active, at, false, &e) == 0) {
            return false;
        }
    }
    return true;
}

/* The log by its headers alone, as long as all is in order. */
static void mount_list(struct ra_store *s)
{
    struct ra_store_entry_ e;
    uint8_t names[PIECE];
    for (unsigned i = 0; i < 8u; i++) {
        if (walk_next(s, &s->active, &s->walk, WALK_LIST, &e) == WALK_END) {
            if (s->last_type != TYPE_SETTLED || s->walk.blank == 0 || !settled_firmly(s)) {
                mount_search(s);
                return;
            }
            s->pos = s->walk.end;
            s->steady = 1;
            s->solid = 1;
            s->settled = 1;
            s->mount = MOUNT_DONE;
            return;
        }
        note_record(s, &e);
        if (e.type == TYPE_DROP) {
            uint32_t n = drop_read(s, &e, names);
            if (n == 0) {
                mount_search(s);
                return;
            }
            drop_apply(s, names, n, e.seq);
        } else if (e.type <= RA_STORE_TYPE_MAX) {
            entry_set(s, &e);
        }
    }
}

/* A record before the end of the log has a bad payload. MOUNT_OLDER looks for another copy. */
static void mount_damaged(struct ra_store *s, const struct ra_store_entry_ *bad)
{
    uint32_t name = name_of(bad->type, bad->id);
    uint32_t i = entry_place(s, name);
    if (bad->type == TYPE_DROP) {
        s->info.damaged++;
    } else if (!entry_is(s, i, name) || s->entry[i].seq < bad->seq) {
        struct ra_store_entry_ e = *bad;
        e.flags |= FLAG_BAD;
        entry_set(s, &e);
        s->info.damaged++;
    }
}

/* Whether the way was lost at a half programmed SETTLED, and found again behind it: a cut
 * can leave one that reads well at the next mount and no longer at a later one. */
static bool torn_settled(struct ra_store *s, const struct ra_store_entry_ *next)
{
    uint8_t found[HEAD];
    uint8_t whole[HEAD];
    struct ra_store_entry_ e = {
        .at = s->active.base + s->walk.began, .seq = s->next_seq, .type = TYPE_SETTLED};
    if (next->at != e.at + s->head) {
        return false;
    }
    head_write(whole, &s->active, &e);
    read_at(s, e.at, found, HEAD);
    for (unsigned i = 0; i < HEAD; i++) {
        uint8_t too_much =
            (uint8_t)((found[i] ^ s->flash->erased) & ~(whole[i] ^ s->flash->erased));
        if (too_much != 0) {
            return false;
        }
    }
    return true;
}

/* What lies between the last good record and this one was torn by a cut if STEADY
 * follows it, and is damage otherwise. */
static void mount_between(struct ra_store *s, const struct ra_store_entry_ *e)
{
    if (e->type != TYPE_STEADY) {
        if (s->walk.garbage != 0 && !torn_settled(s, e)) {
            s->info.damaged++;
        }
        if (s->bad.type != 0) {
            mount_damaged(s, &s->bad);
        }
    }
    s->walk.garbage = 0;
    s->bad.type = 0;
}

/* The last record read was the last one before a cut, and may be whole by chance. */
static void mark_tail(struct ra_store *s)
{
    uint32_t i = entry_place(s, name_of(s->record.type, s->record.id));
    if (i < s->entries && s->entry[i].at == s->record.at &&
        s->record.at - s->active.base >= s->active.copied) {
        s->entry[i].flags |= FLAG_TAIL;
    }
}

static void mount_end(struct ra_store *s)
{
    /* Copied records were complete before READY: there is no torn one among them. */
    if (s->bad.type != 0 && s->bad.at - s->active.base < s->active.copied) {
        mount_damaged(s, &s->bad);
    }
    if (s->walk.garbage != 0 && s->walk.began < s->active.copied) {
        s->info.damaged++;
    }
    if (s->active.ready == 0 && s->entries > 0) {
        s->info.damaged++;
    }
    s->pos = s->walk.end > s->active.copied ? s->walk.end : s->active.copied;
    if (s->walk.garbage != 0) {
        /* The first program call of a record was for all of its header, and what came after a
         * torn one was begun behind that: units of them may read as erased. */
        uint32_t from = s->walk.began > s->active.copied ? s->walk.began : s->active.copied;
        s->pos = from + (s->pos - from + s->head - 1u) / s->head * s->head;
    }
    s->pos = least(s->pos, s->active.size);
    if (s->last_type == s->record.type) {
        mark_tail(s);
    }
    s->copy_index = 0;
    s->mount = MOUNT_OLDER;
}

static void mount_record(struct ra_store *s, const struct ra_store_entry_ *e)
{
    uint8_t names[PIECE];
    mount_between(s, e);
    note_record(s, e);
    if (e->type == TYPE_STEADY) {
        mark_tail(s);
    }
    if (e->type == TYPE_DROP) {
        uint32_t n = drop_read(s, e, names);
        drop_apply(s, names, n, e->seq);
        if (n == 0) {
            s->bad = *e;
        }
    } else if (e->type <= RA_STORE_TYPE_MAX) {
        s->record = *e;
        s->check_at = e->at + HEAD;
        s->check_left = e->size;
        s->check_crc = 0;
        s->mount = MOUNT_CHECK;
    }
}

/* One slice of the CRC of a payload; true when all of it was read. */
static bool check_slice(struct ra_store *s)
{
    uint32_t n = least(s->check_left, SLICE);
    s->check_crc = range_crc(s, s->check_crc, s->check_at, n);
    s->check_at += n;
    s->check_left -= n;
    return s->check_left == 0;
}

static void mount_search_slice(struct ra_store *s)
{
    struct ra_store_entry_ e;
    for (unsigned i = 0; i < SLICE / PIECE && s->mount == MOUNT_SEARCH; i++) {
        int k = walk_next(s, &s->active, &s->walk, WALK_SEARCH, &e);
        if (k == WALK_RECORD) {
            mount_record(s, &e);
        } else if (k == WALK_END) {
            mount_end(s);
        }
    }
}

static void mount_older(struct ra_store *s)
{
    while (s->copy_index < s->entries) {
        struct ra_store_entry_ *bad = &s->entry[s->copy_index++];
        struct ra_store_entry_ e;
        if ((bad->flags & FLAG_BAD) != 0) {
            if (find_older(s, bad, &e)) {
                entry_replace(s, s->copy_index - 1u, &e);
            }
            return;
        }
    }
    s->info.unclean = s->unclean != 0;
    s->mount = MOUNT_DONE;
}

ra_err ra_store_mount_step(struct ra_store *s)
{
    if (s == NULL || s->flash == NULL) {
        return RA_E_STATE;
    }
    switch (s->mount) {
    case MOUNT_SCAN:
        mount_scan(s);
        if (s->mount == MOUNT_SEARCH) {
            mount_search(s);
        }
        break;
    case MOUNT_LIST:
        mount_list(s);
        break;
    case MOUNT_SEARCH:
        mount_search_slice(s);
        break;
    case MOUNT_CHECK:
        if (check_slice(s)) {
            if (s->check_crc == s->record.crc) {
                entry_set(s, &s->record);
            } else {
                s->bad = s->record;
            }
            s->mount = MOUNT_SEARCH;
        }
        break;
    case MOUNT_OLDER:
        mount_older(s);
        break;
    default:
        return RA_OK;
    }
    return s->mount == MOUNT_DONE ? RA_OK : RA_AGAIN;
}

/* --- programming ---------------------------------------------------------- */

static void started(struct ra_store *s, int status)
{
    s->status = (uint8_t)status;
    s->busy = status == HAL_FLASH_BUSY;
}

/* True when no flash operation is under way. */
static bool flash_idle(struct ra_store *s)
{
    if (s->busy != 0) {
        started(s, s->flash->poll(s->flash->dev));
    }
    return s->busy == 0;
}

/* Prepares to program `size` bytes at `at`; `from` stays where it is until it is done. */
static void io_begin(struct ra_store *s, uint32_t at, const uint8_t *from, uint32_t size)
{
    s->io_at = at;
    s->io_from = from;
    s->io_left = size;
    s->io_now = 0;
}

static bool io_verified(struct ra_store *s)
{
    uint8_t piece[PIECE];
    for (uint32_t i = 0; i < s->io_now; i += PIECE) {
        uint32_t n = least(s->io_now - i, PIECE);
        read_at(s, s->io_at + i, piece, n);
        if (memcmp(piece, s->io_from + i, n) != 0) {
            return false;
        }
    }
    return true;
}

/* Called with the flash idle: RA_AGAIN until all is programmed and read back. */
static ra_err io_run(struct ra_store *s)
{
    uint32_t page = least(s->flash->program_max, CHUNK);
    if (s->io_now != 0) {
        if (s->status != HAL_FLASH_DONE) {
            return RA_E_FLASH_IO;
        }
        if (!io_verified(s)) {
            return RA_E_FLASH_VERIFY;
        }
        s->io_at += s->io_now;
        s->io_from += s->io_now;
        s->io_left -= s->io_now;
    }
    if (s->io_left == 0) {
        return RA_OK;
    }
    s->io_now = least(s->io_left, page - s->io_at % page);
    s->info.programs++;
    s->info.programmed += s->io_now;
    started(s, s->flash->program(s->flash->dev, s->io_at, s->io_from, s->io_now));
    return RA_AGAIN;
}

/* A header without payload, in the chunk buffer. `crc` is READY's. */
static void io_header(struct ra_store *s, const struct ra_store_bank_ *b, uint32_t offset,
                      uint8_t type, uint32_t crc)
{
    struct ra_store_entry_ e = {
        .at = b->base + offset, .seq = s->next_seq, .crc = crc, .type = type};
    memset(s->chunk, s->flash->erased, s->head);
    head_write(s->chunk, b, &e);
    io_begin(s, e.at, s->chunk, s->head);
}

static void io_bank(struct ra_store *s, const struct ra_store_bank_ *b, uint32_t slot)
{
    uint32_t at = b->base + slot * s->head;
    memset(s->chunk, s->flash->erased, s->head);
    bank_write(s, b, at, s->chunk);
    io_begin(s, at, s->chunk, s->head);
}

static void marker_begin(struct ra_store *s, uint8_t type)
{
    s->marker = type;
    io_header(s, &s->active, s->pos, type, 0);
    s->next_seq++;
    s->job = JOB_MARKER;
}

static void marker_end(struct ra_store *s, ra_err e)
{
    s->pos += s->head;
    s->job = JOB_IDLE;
    if (e != RA_OK) {
        s->heal = 1;
        s->steady = 0;
    } else if (s->marker == TYPE_SETTLED) {
        s->settled = 1;
    } else {
        s->steady = 1;
        s->solid = 1;
    }
}

/* --- put and drop ---------------------------------------------------------- */

static void put_begin(struct ra_store *s)
{
    s->put.at = s->active.base + s->pos;
    head_write(s->buffer, &s->active, &s->put);
    /* The first call covers the header's units alone, so that the next mount sees by
     * them whether a record was ever begun. */
    io_begin(s, s->put.at, s->buffer, s->head);
    s->settled = 0;
    s->job = JOB_PUT_HEAD;
}

static void put_finish(struct ra_store *s, ra_err e)
{
    s->put_result = e;
    s->put_state = PUT_NONE;
    s->put_bytes = 0;
    ra_wipe(s->buffer, sizeof s->buffer);
}

static void put_end(struct ra_store *s, ra_err e)
{
    s->pos += s->put_bytes;
    s->job = JOB_IDLE;
    if (e == RA_OK) {
        if (s->put.type == TYPE_DROP) {
            drop_apply(s, s->buffer + HEAD, s->put.size / KEY_BYTES, s->put.seq);
        } else {
            entry_set(s, &s->put);
        }
        put_finish(s, RA_OK);
        return;
    }
    /* Its bytes stay where they are, perhaps whole: nothing is trusted behind them. */
    s->heal = 1;
    s->steady = 0;
    if (++s->put_tries > 1u) {
        put_finish(s, e);
    }
}

/* --- moving to another bank ------------------------------------------------ */

static bool overlap(uint32_t a, uint32_t a_size, uint32_t b, uint32_t b_size)
{
    return a < b + b_size && b < a + a_size;
}

/* Live records, at most, that are not in the active bank: copies that serve in place of
 * damaged ones. Returns the first in the range, or s->entries. */
static uint32_t stray(const struct ra_store *s, uint32_t base, uint32_t size)
{
    for (uint32_t i = 0; i < s->entries; i++) {
        const struct ra_store_entry_ *e = &s->entry[i];
        if ((e->flags & (FLAG_BAD | FLAG_LOST)) == 0 && overlap(e->at, 1, base, size) &&
            !overlap(e->at, 1, s->active.base, s->active.size)) {
            return i;
        }
    }
    return s->entries;
}

/* The sectors to erase for a bank at `first`: its own, and all of any old bank of another
 * shape that it overlaps, so that no old header stands over new records, and no old
 * payload where a bank's header could be looked for. */
static void erase_range(struct ra_store *s, uint32_t first, uint32_t sectors)
{
    struct ra_store_bank_ b;
    uint32_t size = s->flash->sector_size;
    uint32_t low = first;
    uint32_t high = first + sectors;
    uint32_t i = 0;
    while (i <
           first + sectors) { /* as mount_scan walks: what it would meet first is the old bank */
        uint32_t next = i + 1u;
        if (bank_read(s, i, &b)) {
            next = (b.base + b.size) / size;
            if (next > first && !overlap(b.base, b.size, s->active.base, s->active.size)) {
                low = least(low, i);
                high = high > next ? high : next;
            }
        }
        i = next;
    }
    uint32_t rest = s->flash->sector_count - high;
    if (s->scrub != 0 && rest < s->bank_sectors &&
        !overlap(high * size, rest * size, s->active.base, s->active.size)) {
        high += rest; /* no bank's turn comes there: a smaller one, or another division, left it */
    }
    s->sector = high;
    s->sector_end = low;
}

static bool passed_over(const struct ra_store *s, uint32_t first)
{
    for (uint32_t i = 0; i < s->failed_count; i++) {
        if (s->failed[i] == first) {
            return true;
        }
    }
    return false;
}

static bool may_be_target(struct ra_store *s, uint32_t first, uint32_t sectors)
{
    uint32_t size = s->flash->sector_size;
    if (first + sectors > s->flash->sector_count || passed_over(s, first) ||
        overlap(first * size, sectors * size, s->active.base, s->active.size)) {
        return false;
    }
    erase_range(s, first, sectors);
    return stray(s, s->sector_end * size, (s->sector - s->sector_end) * size) == s->entries;
}

/* Banks take turns: the next place behind the active bank, at a multiple of the bank's
 * size if possible. Other places, and smaller ones, are for a region that was divided
 * differently before, or has a worn sector. */
static bool choose_target(struct ra_store *s)
{
    uint32_t size = s->flash->sector_size;
    uint32_t count = s->flash->sector_count;
    uint32_t after = (s->active.base + s->active.size) / size;
    uint32_t least_bytes = (SLOTS + 3u) * s->head + s->live + s->put_bytes;
    if (s->failed_count == sizeof s->failed / sizeof s->failed[0]) {
        return false;
    }
    for (uint32_t sectors = s->bank_sectors; sectors * size >= least_bytes; sectors--) {
        for (uint32_t step = sectors == s->bank_sectors ? sectors : 1u; step > 0;
             step = step > 1u ? 1u : 0) {
            uint32_t places = count / step;
            uint32_t start = (after + step - 1u) / step;
            for (uint32_t i = 0; i < places; i++) {
                uint32_t first = (start + i) % places * step;
                if (may_be_target(s, first, sectors)) {
                    s->target.base = first * size;
                    s->target.size = sectors * size;
                    return true;
                }
            }
        }
    }
    return false;
}

static void copy_next(struct ra_store *s)
{
    struct ra_store_entry_ *e = &s->entry[s->copy_index];
    s->copy_offset = 0;
    s->copy_crc = 0;
    s->check_at = e->at + HEAD;
    s->check_left = (e->flags & (FLAG_BAD | FLAG_LOST)) != 0 ? 0 : e->size;
    s->check_crc = 0;
    s->job = JOB_CHECK;
}

/* A bank that an older copy is needed from is not erased: the copy comes here first. */
static bool rescue_begin(struct ra_store *s)
{
    uint32_t i = stray(s, 0, s->flash->sector_size * s->flash->sector_count);
    if (i == s->entries) {
        return false;
    }
    if (s->active.size - s->pos < entry_cost(s, &s->entry[i]) + s->head) {
        struct ra_store_entry_ e = s->entry[i];
        e.flags |= FLAG_BAD;
        entry_replace(s, i, &e);
        return true;
    }
    if (s->steady == 0) {
        marker_begin(s, TYPE_STEADY);
        return true;
    }
    s->rescue = 1;
    s->settled = 0;
    s->copy_index = i;
    s->copy_pos = s->pos;
    copy_next(s);
    return true;
}

static void move_begin(struct ra_store *s)
{
    if (s->active.seq != 0 && s->solid == 0 && s->active.size - s->pos >= s->head) {
        marker_begin(s, TYPE_STEADY);
        return;
    }
    if (s->overflow != 0) {
        /* More records than this build can list: copying would lose the others. */
        s->stuck = 1;
        return;
    }
    if (!choose_target(s)) {
        if (s->active.seq == 0 || !rescue_begin(s)) {
            s->stuck = 1;
        }
        return;
    }
    s->rescue = 0;
    s->tries = 0;
    s->job = JOB_ERASE;
}

static void move_failed(struct ra_store *s)
{
    uint32_t size = s->flash->sector_size;
    if (++s->tries < TRIES) {
        erase_range(s, s->target.base / size, s->target.size / size);
        s->job = JOB_ERASE;
        return;
    }
    s->failed[s->failed_count++] = s->target.base / size;
    s->info.worn++;
    s->job = JOB_IDLE;
}

/* From the last sector to the first: the header goes last, so that whatever is left of an
 * old bank is covered by its header. */
static void erase_next(struct ra_store *s)
{
    if (s->sector > s->sector_end) {
        s->sector--;
        s->info.erases++;
        s->job = JOB_ERASING;
        started(s, s->flash->erase(s->flash->dev, s->sector));
        return;
    }
    s->target.seq = ++s->highest_bank;
    uint8_t mix[16];
    put32(mix, s->active.salt);
    put32(mix + 4, s->target.seq);
    put32(mix + 8, s->next_seq);
    put32(mix + 12, s->live);
    s->target.salt = ra_crc32(0, mix, sizeof mix);
    if (s->random != NULL && ra_random_ready(s->random) &&
        ra_random_bytes(s->random, mix, 4) == RA_OK) {
        s->target.salt = get32(mix);
    }
    bank_seed(&s->target);
    io_bank(s, &s->target, 0);
    s->job = JOB_BANK;
}

static void blank_slice(struct ra_store *s)
{
    uint32_t n = least(s->check_left, SLICE);
    if (!range_blank(s, s->check_at, n)) {
        move_failed(s);
        return;
    }
    s->check_at += n;
    s->check_left -= n;
    if (s->check_left == 0) {
        s->job = JOB_ERASE;
    }
}

static const struct ra_store_bank_ *copy_bank(const struct ra_store *s)
{
    return s->rescue != 0 ? &s->active : &s->target;
}

/* The next bytes of the record that is being copied. */
static void copy_chunk(struct ra_store *s)
{
    struct ra_store_entry_ e = s->entry[s->copy_index];
    uint32_t source = e.at + HEAD;
    uint32_t at = copy_bank(s)->base + s->copy_pos;
    if ((e.flags & (FLAG_BAD | FLAG_LOST)) != 0) {
        e.flags = FLAG_LOST;
        e.size = 0;
        e.crc = 0;
    }
    e.at = at;
    at += s->copy_offset;
    uint32_t cost = cost_of(s, e.size);
    uint32_t n = s->copy_offset == 0 ? s->head : least(cost - s->copy_offset, CHUNK - at % CHUNK);
    uint32_t skip = 0;
    memset(s->chunk, s->flash->erased, n);
    if (s->copy_offset == 0) {
        head_write(s->chunk, copy_bank(s), &e);
        skip = HEAD;
    }
    uint32_t done = s->copy_offset + skip - HEAD;
    uint32_t take = least(n - skip, e.size - least(done, e.size));
    if (take > 0) {
        read_at(s, source + done, s->chunk + skip, take);
        s->copy_crc = ra_crc32(s->copy_crc, s->chunk + skip, take);
    }
    s->copy_offset += n;
    io_begin(s, at, s->chunk, n);
}

static void ready_begin(struct ra_store *s)
{
    s->target.copied = s->copy_pos;
    io_header(s, &s->target, s->head, TYPE_READY, s->copy_pos);
    s->job = JOB_READY;
}

static void copy_on(struct ra_store *s)
{
    if (s->copy_index < s->entries) {
        copy_next(s);
    } else {
        ready_begin(s);
    }
}

static void rescue_end(struct ra_store *s)
{
    s->entry[s->copy_index].at = s->active.base + s->pos;
    s->pos = s->copy_pos;
    s->rescue = 0;
    s->job = JOB_IDLE;
}

/* A whole record is in the other bank. */
static void copy_end(struct ra_store *s)
{
    struct ra_store_entry_ *e = &s->entry[s->copy_index];
    bool lost = (e->flags & (FLAG_BAD | FLAG_LOST)) != 0;
    s->copy_pos += entry_cost(s, e);
    if (!lost && s->copy_crc != e->crc) {
        /* The source read differently this time. */
        s->info.begun_anew++;
        if (++s->flaky >= TRIES || (e->flags & FLAG_TAIL) != 0) {
            s->flaky = 0;
            entry_damaged(s, s->copy_index);
        }
        if (s->rescue != 0) {
            s->pos = s->copy_pos;
        }
        s->job = JOB_IDLE;
        return;
    }
    if (s->rescue != 0) {
        rescue_end(s);
        return;
    }
    s->copy_index++;
    copy_on(s);
}

static void copy_check(struct ra_store *s)
{
    struct ra_store_entry_ *e = &s->entry[s->copy_index];
    if (!check_slice(s)) {
        return;
    }
    if ((e->flags & (FLAG_BAD | FLAG_LOST)) == 0 && s->check_crc != e->crc) {
        entry_damaged(s, s->copy_index);
        if (s->rescue != 0) {
            s->job = JOB_IDLE;
        } else {
            copy_on(s);
        }
        return;
    }
    copy_chunk(s);
    s->job = JOB_COPY;
}

/* All is in the other bank, and something follows its READY: it is the active one now. */
static void move_end(struct ra_store *s)
{
    uint32_t at = s->target.base + SLOTS * s->head;
    for (uint32_t i = 0; i < s->entries; i++) {
        struct ra_store_entry_ *e = &s->entry[i];
        if ((e->flags & FLAG_BAD) != 0) {
            e->flags = FLAG_LOST;
            e->size = 0;
        }
        e->flags &= FLAG_SEALED | FLAG_LOST;
        e->at = at;
        at += entry_cost(s, e);
    }
    s->active = s->target;
    s->pos = s->target.copied;
    s->unclean = 0;
    s->heal = 0;
    if (s->scrub != 0) {
        s->scrub--;
    }
    s->steady = 1;
    s->solid = 1;
    s->settled = 0;
    s->job = JOB_IDLE;
}

/* --- the steps -------------------------------------------------------------- */

static bool room_for(const struct ra_store *s, uint32_t bytes)
{
    return s->active.seq != 0 && s->active.size - s->pos >= bytes;
}

/* What to do next, with nothing under way. First line that applies. */
static ra_err decide(struct ra_store *s)
{
    bool waiting = s->put_state == PUT_WAITING;
    bool move =
        s->unclean != 0 || s->heal != 0 || s->active.seq == 0 || (s->scrub != 0 && s->settled != 0);
    if (waiting) {
        move = move || !room_for(s, s->put_bytes + s->head);
    } else if (s->settled == 0) {
        move = move || !room_for(s, s->head);
    }
    if (move && s->stuck == 0) {
        move_begin(s);
        return RA_AGAIN;
    }
    if (waiting && !room_for(s, s->put_bytes)) {
        put_finish(s, RA_E_FLASH_WORN);
        return RA_AGAIN;
    }
    if (s->steady == 0 && room_for(s, s->put_bytes + s->head) && (waiting || s->settled == 0)) {
        marker_begin(s, TYPE_STEADY);
        return RA_AGAIN;
    }
    if (waiting) {
        put_begin(s);
        return RA_AGAIN;
    }
    if (s->settled == 0 && room_for(s, s->head)) {
        marker_begin(s, TYPE_SETTLED);
        return RA_AGAIN;
    }
    s->settled = 1;
    return RA_OK;
}

static void copy_or_put(struct ra_store *s, ra_err e)
{
    switch (s->job) {
    case JOB_MARKER:
        marker_end(s, e);
        break;
    case JOB_PUT_HEAD:
        if (e == RA_OK && s->put_bytes > s->head) {
            io_begin(s, s->put.at + s->head, s->buffer + s->head, s->put_bytes - s->head);
            s->job = JOB_PUT_REST;
        } else {
            put_end(s, e);
        }
        break;
    case JOB_PUT_REST:
        put_end(s, e);
        break;
    default: /* JOB_COPY */
        if (e != RA_OK && s->rescue != 0) {
            s->pos += entry_cost(s, &s->entry[s->copy_index]);
            s->job = JOB_IDLE;
        } else if (e != RA_OK) {
            move_failed(s);
        } else if (s->copy_offset < entry_cost(s, &s->entry[s->copy_index])) {
            copy_chunk(s);
        } else {
            copy_end(s);
        }
        break;
    }
}

static void move_programmed(struct ra_store *s, ra_err e)
{
    switch (s->job) {
    case JOB_BANK:
    case JOB_READY:
        if (e != RA_OK) {
            move_failed(s);
        } else if (s->job == JOB_READY) {
            io_bank(s, &s->target, 2);
            s->job = JOB_BANK_AGAIN;
        } else {
            s->copy_index = 0;
            s->copy_pos = SLOTS * s->head;
            copy_on(s);
        }
        break;
    case JOB_BANK_AGAIN:
        /* READY was read back: whatever becomes of the second pair, this bank counts. */
        io_header(s, &s->target, 3u * s->head, TYPE_READY, s->target.copied);
        s->job = JOB_READY_AGAIN;
        break;
    default:
        move_end(s);
        break;
    }
}

static void work(struct ra_store *s)
{
    ra_err e;
    switch (s->job) {
    case JOB_ERASE:
        erase_next(s);
        break;
    case JOB_ERASING:
        if (s->status != HAL_FLASH_DONE) {
            move_failed(s);
        } else {
            s->check_at = s->sector * s->flash->sector_size;
            s->check_left = s->flash->sector_size;
            s->job = JOB_BLANK;
        }
        break;
    case JOB_BLANK:
        blank_slice(s);
        break;
    case JOB_CHECK:
        copy_check(s);
        break;
    default:
        e = io_run(s);
        if (e != RA_AGAIN) {
            if (s->job <= JOB_COPY) {
                copy_or_put(s, e);
            } else {
                move_programmed(s, e);
            }
        }
        break;
    }
}

ra_err ra_store_step(struct ra_store *s)
{
    if (s == NULL || s->mount != MOUNT_DONE) {
        return RA_E_STATE;
    }
    bool was_busy = s->busy != 0;
    if (!flash_idle(s)) {
        return RA_AGAIN;
    }
    bool leave = was_busy && s->read_wanted != 0;
    s->read_wanted = 0;
    if (leave) {
        return RA_AGAIN;
    }
    if (s->job == JOB_IDLE) {
        return decide(s);
    }
    work(s);
    return RA_AGAIN;
}

/* Whether the live records, with `more` bytes and without `less` of them, still fit a bank
 * that leaves room for a drop; and whether `more` can be written before `less` is gone. */
static bool fits(const struct ra_store *s, uint32_t more, uint32_t less)
{
    uint32_t bank = s->bank_sectors * s->flash->sector_size;
    uint32_t fixed = (SLOTS + 3u) * s->head;
    uint32_t drop = cost_of(s, RA_STORE_DROP_MAX * KEY_BYTES);
    bool now = s->unclean == 0 && s->heal == 0 && room_for(s, more + 2u * s->head);
    return fixed + s->live + more - less + drop <= bank && (now || fixed + s->live + more <= bank);
}

static ra_err put_check(const struct ra_store *s)
{
    if (s == NULL || s->mount != MOUNT_DONE) {
        return RA_E_STATE;
    }
    if (s->put_state != PUT_NONE) {
        return RA_E_BUSY;
    }
    return s->next_seq >= SEQ_MAX || s->overflow != 0 ? RA_E_STORE_FULL : RA_OK;
}

static void put_accept(struct ra_store *s, uint8_t type, uint16_t id, uint8_t flags, size_t size)
{
    s->put.type = type;
    s->put.id = id;
    s->put.flags = flags;
    s->put.size = (uint16_t)size;
    s->put.seq = s->next_seq++;
    s->put.crc = ra_crc32(0, s->buffer + HEAD, size);
    s->put_bytes = cost_of(s, (uint32_t)size);
    memset(s->buffer + HEAD + size, s->flash->erased, s->put_bytes - HEAD - size);
    s->put_state = PUT_WAITING;
    s->put_tries = 0;
    s->put_result = RA_OK;
    if (s->stuck != 0 && !room_for(s, s->put_bytes + s->head)) {
        /* The bank that failed longest ago gets another chance before the put is refused. */
        s->stuck = 0;
        if (s->failed_count != 0) {
            s->failed_count--;
            memmove(s->failed, s->failed + 1, s->failed_count * sizeof s->failed[0]);
        }
    }
}

/* What a sealed record is bound to. */
#define AAD_BYTES 10u
static void aad_write(uint8_t aad[AAD_BYTES], const struct ra_store_entry_ *e, uint32_t size)
{
    aad[0] = e->type;
    aad[1] = FLAG_SEALED;
    put16(aad + 2, e->id);
    put16(aad + 4, size);
    put32(aad + 6, e->seq);
}

static bool have_key(const struct ra_store *s)
{
    return s->seal != NULL && s->seal->have_key != 0;
}

ra_err ra_store_put(struct ra_store *s, uint8_t type, uint16_t id, const void *data, size_t size)
{
    ra_err e = put_check(s);
    if (e != RA_OK) {
        return e;
    }
    if (type == 0 || type > RA_STORE_TYPE_MAX || (data == NULL && size != 0)) {
        return RA_E_ARGUMENT;
    }
    if (size > RA_RECORD_MAX) {
        return RA_E_LIMIT;
    }
    uint32_t name = name_of(type, id);
    uint32_t i = entry_place(s, name);
    bool there = entry_is(s, i, name);
    uint32_t stored = (uint32_t)size + (have_key(s) ? RA_SEAL_OVERHEAD : 0u);
    if ((!there && s->entries == RA_STORE_KEYS_MAX) ||
        !fits(s, cost_of(s, stored), there ? entry_cost(s, &s->entry[i]) : 0)) {
        return RA_E_STORE_FULL;
    }
    uint8_t *to = s->buffer + HEAD;
    uint8_t flags = 0;
    if (have_key(s)) {
        uint8_t aad[AAD_BYTES];
        struct ra_store_entry_ sealed = {.type = type, .id = id, .seq = s->next_seq};
        uint8_t *text = to + RA_SEAL_NONCE_SIZE;
        aad_write(aad, &sealed, (uint32_t)size);
        if (size > 0) {
            memcpy(text, data, size);
        }
        e = ra_seal_close(s->seal, s->random, aad, sizeof aad, text, size, to, text + size);
        if (e != RA_OK) {
            ra_wipe(text, size);
            return e;
        }
        flags = FLAG_SEALED;
    } else if (size > 0) {
        memcpy(to, data, size);
    }
    put_accept(s, type, id, flags, stored);
    return RA_OK;
}

ra_err ra_store_drop(struct ra_store *s, const struct ra_store_key *keys, size_t n)
{
    ra_err e = put_check(s);
    if (e != RA_OK) {
        return e;
    }
    if (n > RA_STORE_DROP_MAX || (keys == NULL && n != 0)) {
        return RA_E_ARGUMENT;
    }
    size_t there = 0;
    for (size_t i = 0; i < n; i++) {
        if (ra_store_find(s, keys[i].type, keys[i].id)) {
            uint8_t *p = s->buffer + HEAD + there * KEY_BYTES;
            put16(p, keys[i].type);
            put16(p + 2, keys[i].id);
            there++;
        }
    }
    if (there == 0) {
        s->put_result = RA_OK;
        return RA_OK;
    }
    put_accept(s, TYPE_DROP, 0, 0, there * KEY_BYTES);
    return RA_OK;
}

ra_err ra_store_result(const struct ra_store *s)
{
    return s->put_state != PUT_NONE ? RA_AGAIN : s->put_result;
}

/* --- reading records --------------------------------------------------------- */

/* Nonce, text and tag (or the text alone) to their places, and the CRC over all of them. */
static uint32_t get_read(struct ra_store *s, const struct ra_store_entry_ *e, uint8_t *out,
                         uint8_t ends[RA_SEAL_OVERHEAD])
{
    uint32_t at = e->at + HEAD;
    uint32_t size = e->size;
    uint32_t crc = 0;
    bool sealed = (e->flags & FLAG_SEALED) != 0;
    if (sealed) {
        size -= RA_SEAL_OVERHEAD;
        read_at(s, at, ends, RA_SEAL_NONCE_SIZE);
        crc = ra_crc32(crc, ends, RA_SEAL_NONCE_SIZE);
        at += RA_SEAL_NONCE_SIZE;
    }
    for (uint32_t i = 0; i < size; i += SLICE) {
        uint32_t n = least(size - i, SLICE);
        read_at(s, at + i, out + i, n);
        crc = ra_crc32(crc, out + i, n);
    }
    if (sealed) {
        read_at(s, at + size, ends + RA_SEAL_NONCE_SIZE, RA_SEAL_TAG_SIZE);
        crc = ra_crc32(crc, ends + RA_SEAL_NONCE_SIZE, RA_SEAL_TAG_SIZE);
    }
    return crc;
}

static ra_err get_entry(struct ra_store *s, const struct ra_store_entry_ *e, uint8_t *out,
                        size_t cap, size_t *size)
{
    uint8_t ends[RA_SEAL_OVERHEAD];
    bool sealed = (e->flags & FLAG_SEALED) != 0;
    uint32_t over = sealed ? RA_SEAL_OVERHEAD : 0;
    if ((e->flags & (FLAG_BAD | FLAG_LOST)) != 0) {
        return RA_E_RECORD_DAMAGED;
    }
    if (sealed != have_key(s) || e->size < over) {
        return RA_E_RECORD_SEAL;
    }
    *size = e->size - over;
    if (cap < *size) {
        return RA_E_SPACE;
    }
    /* Twice, since a cell that a cut left in between may read well the second time. */
    bool good = get_read(s, e, out, ends) == e->crc;
    if (!good) {
        good = get_read(s, e, out, ends) == e->crc;
    }
    if (!good) {
        return RA_AGAIN;
    }
    if (!sealed) {
        return RA_OK;
    }
    uint8_t aad[AAD_BYTES];
    aad_write(aad, e, (uint32_t)*size);
    return ra_seal_open(s->seal, aad, sizeof aad, out, *size, ends, ends + RA_SEAL_NONCE_SIZE);
}

/* What serves in place of the damaged `e`; false when that never was. While copies are under
 * way the list stays as it is: the copying finds the damage too. */
static bool get_older(struct ra_store *s, uint32_t name, struct ra_store_entry_ *e)
{
    uint32_t i = entry_place(s, name);
    if (s->job <= JOB_PUT_REST) {
        entry_damaged(s, i);
        if (!entry_is(s, i, name)) {
            return false;
        }
        *e = s->entry[i];
        return true;
    }
    struct ra_store_entry_ older = *e;
    if (find_older(s, e, &older)) {
        *e = older;
        return true;
    }
    e->flags |= FLAG_BAD;
    return (e->flags & FLAG_TAIL) == 0;
}

ra_err ra_store_get(struct ra_store *s, uint8_t type, uint16_t id, void *out, size_t cap,
                    size_t *size)
{
    if (s == NULL || s->mount != MOUNT_DONE) {
        return RA_E_STATE;
    }
    if (size == NULL || (out == NULL && cap != 0)) {
        return RA_E_ARGUMENT;
    }
    *size = 0;
    uint32_t i = entry_place(s, name_of(type, id));
    if (!entry_is(s, i, name_of(type, id))) {
        return RA_E_NOT_FOUND;
    }
    if (!flash_idle(s)) {
        s->read_wanted = 1;
        return RA_AGAIN;
    }
    struct ra_store_entry_ e = s->entry[i];
    ra_err err = get_entry(s, &e, out, cap, size);
    while (err == RA_AGAIN) {
        err =
            get_older(s, name_of(type, id), &e) ? get_entry(s, &e, out, cap, size) : RA_E_NOT_FOUND;
    }
    if (err != RA_OK) {
        if (cap > 0 && err != RA_E_SPACE) {
            ra_wipe(out, cap);
        }
        *size = err == RA_E_SPACE ? *size : 0;
    }
    return err;
}

bool ra_store_stat(const struct ra_store *s, uint8_t type, uint16_t id, size_t *size, uint32_t *seq)
{
    uint32_t i = entry_place(s, name_of(type, id));
    if (!entry_is(s, i, name_of(type, id))) {
        return false;
    }
    const struct ra_store_entry_ *e = &s->entry[i];
    uint32_t over = (e->flags & FLAG_SEALED) != 0 ? RA_SEAL_OVERHEAD : 0;
    bool lost = (e->flags & (FLAG_BAD | FLAG_LOST)) != 0;
    if (size != NULL) {
        *size = lost || e->size < over ? 0 : e->size - over;
    }
    if (seq != NULL) {
        *seq = e->seq;
    }
    return true;
}

bool ra_store_whole(const struct ra_store *s, uint8_t type, uint16_t id)
{
    uint32_t i = entry_place(s, name_of(type, id));
    return entry_is(s, i, name_of(type, id)) && (s->entry[i].flags & (FLAG_BAD | FLAG_LOST)) == 0;
}

bool ra_store_find(const struct ra_store *s, uint8_t type, uint16_t id)
{
    return ra_store_stat(s, type, id, NULL, NULL);
}

void ra_store_cursor_init(struct ra_store_cursor *c, uint8_t type)
{
    c->type_ = type;
    c->next_ = name_of(type, 0);
}

bool ra_store_next(const struct ra_store *s, struct ra_store_cursor *c, struct ra_store_key *key)
{
    uint32_t i = entry_place(s, c->next_);
    if (i == s->entries || (c->type_ != RA_STORE_TYPE_ANY && s->entry[i].type != c->type_)) {
        return false;
    }
    key->type = s->entry[i].type;
    key->id = s->entry[i].id;
    c->next_ = name_of(key->type, key->id) + 1u;
    return true;
}

void ra_store_scrub(struct ra_store *s)
{
    /* Each place once, and one more for a bank that lies across two. */
    s->scrub = (uint8_t)least(s->flash->sector_count / s->bank_sectors + 1u, 255u);
}

bool ra_store_settled(const struct ra_store *s)
{
    return s->mount == MOUNT_DONE && s->job == JOB_IDLE && s->put_state == PUT_NONE &&
           s->settled != 0 && ((s->unclean == 0 && s->heal == 0 && s->scrub == 0) || s->stuck != 0);
}

bool ra_store_was_unclean(const struct ra_store *s)
{
    return s->info.unclean;
}

uint32_t ra_store_damaged(const struct ra_store *s)
{
    return s->info.damaged;
}

void ra_store_info(const struct ra_store *s, struct ra_store_info *info)
{
    *info = s->info;
    info->bank_bytes = s->active.size;
    info->bank_base = s->active.base;
    info->bank_seq = s->active.seq;
    info->banks = s->flash != NULL ? s->flash->sector_count / s->bank_sectors : 0;
    info->used = s->active.seq != 0 ? s->pos : 0;
    info->live = s->live;
    info->records = s->entries;
    info->next_seq = s->next_seq;
    info->sealed = have_key(s);
}

/* --- limits and geometry ------------------------------------------------------ */

#define TXN_MAX 512 /* a transaction or a commit, with room to grow */
#define CONFIG_MAX 2048
#define EVENT_MAX 192
#define PASSWORD_MAX 56

static const struct ra_store_need build_needs[] = {
    {RA_ROLES_MAX * 3, RA_KEY_DER_MAX},
    {RA_ROLES_MAX * 3, RA_CERT_MAX},
    {RA_ROLES_MAX * 3, RA_CHAIN_MAX},
    {RA_ROLES_MAX + 1, TXN_MAX},
    {RA_ANCHORS_MAX, RA_CERT_MAX},
    {1, CONFIG_MAX},
    {RA_EVENTS, EVENT_MAX},
    {1, PASSWORD_MAX},
};

_Static_assert(RA_ROLES_MAX * 10 + 1 + RA_ANCHORS_MAX + 2 + RA_EVENTS <= RA_STORE_KEYS_MAX,
               "RA_STORE_KEYS_MAX holds every record of this build's limits");

uint32_t ra_store_bank_bytes(const struct hal_flash *flash, const struct ra_store_need *needs,
                             size_t count)
{
    uint32_t sum =
        8u * in_units(flash, HEAD) + in_units(flash, HEAD + RA_STORE_DROP_MAX * KEY_BYTES);
    uint32_t largest = 0;
    if (needs == NULL) {
        needs = build_needs;
        count = sizeof build_needs / sizeof build_needs[0];
    }
    for (size_t i = 0; i < count; i++) {
        uint32_t cost = in_units(flash, HEAD + needs[i].size + RA_SEAL_OVERHEAD);
        largest = largest > cost ? largest : cost;
        sum += needs[i].count * cost;
    }
    sum += largest;
    return (sum + flash->sector_size - 1u) / flash->sector_size * flash->sector_size;
}

uint32_t ra_store_min_bytes(const struct hal_flash *flash, const struct ra_store_need *needs,
                            size_t count)
{
    return 2u * ra_store_bank_bytes(flash, needs, count);
}

static bool power_of_two(uint32_t x)
{
    return x != 0 && (x & (x - 1u)) == 0;
}

static bool geometry_good(const struct hal_flash *f)
{
    return power_of_two(f->program_unit) && f->program_unit <= 256u &&
           power_of_two(f->program_max) && f->program_max >= f->program_unit &&
           f->program_max <= 4096u && f->sector_size >= 512u && f->sector_size <= 0x100000u &&
           f->sector_size % f->program_max == 0 && f->sector_count >= 2u &&
           f->sector_count <= 0x7fffffffu / f->sector_size &&
           (f->erased == 0xffu || f->erased == 0) && f->read != NULL && f->program != NULL &&
           f->erase != NULL && f->poll != NULL;
}

ra_err ra_store_init_needs(struct ra_store *s, const struct hal_flash *flash,
                           const struct ra_seal *seal, struct ra_random *random,
                           const struct ra_store_need *needs, size_t count)
{
    if (s == NULL || flash == NULL || (seal != NULL && seal->have_key != 0 && random == NULL)) {
        return RA_E_ARGUMENT;
    }
    memset(s, 0, sizeof *s);
    if (!geometry_good(flash)) {
        return RA_E_FLASH_GEOMETRY;
    }
    uint32_t keys = 0;
    for (size_t i = 0; needs != NULL && i < count; i++) {
        keys += needs[i].count;
        if (needs[i].size > RA_RECORD_MAX || keys > RA_STORE_KEYS_MAX) {
            return RA_E_LIMIT;
        }
    }
    uint32_t bank = ra_store_bank_bytes(flash, needs, count);
    if (bank / flash->sector_size > flash->sector_count / 2u) {
        return RA_E_FLASH_SMALL;
    }
    s->flash = flash;
    s->seal = seal;
    s->random = random;
    s->head = in_units(flash, HEAD);
    s->bank_sectors = bank / flash->sector_size;
    return RA_OK;
}

ra_err ra_store_init(struct ra_store *s, const struct hal_flash *flash, const struct ra_seal *seal,
                     struct ra_random *random)
{
    return ra_store_init_needs(s, flash, seal, random, NULL, 0);
}
