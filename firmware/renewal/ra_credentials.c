#include "ra_credentials.h"

#include <string.h>

#define VERSION 1

/* A cursor over a record's fixed layout. Reading past the end gives zeros and
 * is remembered, so that a decoder checks once, at its end. */
struct cursor {
    uint8_t *out;
    const uint8_t *in;
    size_t size, at;
    bool over;
};

static void put(struct cursor *c, uint64_t v, unsigned bytes)
{
    for (; bytes != 0; bytes--, v >>= 8) {
        c->out[c->at++] = (uint8_t)v;
    }
}

static uint64_t get(struct cursor *c, unsigned bytes)
{
    uint64_t v = 0;
    if (c->size - c->at < bytes) {
        c->over = true;
        return 0;
    }
    for (unsigned i = 0; i < bytes; i++) {
        v |= (uint64_t)c->in[c->at++] << (8 * i);
    }
    return v;
}

static int64_t get_time(struct cursor *c)
{
    return (int64_t)get(c, 8);
}

static void put_text(struct cursor *c, const char *s)
{
    size_t n = strlen(s);
    put(c, n, 1);
    memcpy(c->out + c->at, s, n);
    c->at += n;
}

static void get_text(struct cursor *c, char *s, size_t max)
{
    size_t n = (size_t)get(c, 1);
    if (n > max || c->size - c->at < n) {
        c->over = true;
        n = 0;
    }
    memcpy(s, c->in + c->at, n);
    s[n] = '\0';
    c->at += n;
}

static const struct {
    const char *text, *word, *template;
} roles[RA_ROLES] = {
    [RA_ROLE_AGENT] = {"Enrollment Agent", "agent", "EnrollmentAgentOffline"},
    [RA_ROLE_ENCRYPTION] = {"CEP Encryption", "encryption", "CEPEncryption"},
    [RA_ROLE_DEVICE] = {"Device", "device", ""},
};

bool ra_roles_paired(unsigned a, unsigned b)
{
    return a != b && a < RA_PAIR && b < RA_PAIR;
}

const char *ra_role_text(enum ra_role role)
{
    return roles[role].text;
}

const char *ra_role_word(enum ra_role role)
{
    return roles[role].word;
}

const char *ra_role_template(enum ra_role role)
{
    return roles[role].template;
}

uint16_t ra_generation_id(enum ra_role role, uint32_t generation)
{
    return (uint16_t)((unsigned)role << 8 | (generation & 0xffu));
}

size_t ra_commit_encode(const struct ra_commit *c, uint8_t out[RA_COMMIT_SIZE])
{
    struct cursor to = {.out = out};
    unsigned slots = RA_ROLES_MAX;
    /* What is read at every boot is kept short: slots never used are not stored. */
    while (slots != 0 && c->slot[slots - 1].newest == 0) {
        slots--;
    }
    put(&to, VERSION, 1);
    put(&to, slots, 1);
    put(&to, (uint64_t)c->time_floor, 8);
    for (unsigned i = 0; i < slots; i++) {
        const struct ra_slot *s = &c->slot[i];
        put(&to, s->active, 4);
        put(&to, s->previous, 4);
        put(&to, s->newest, 4);
        put(&to, (uint64_t)s->active_not_before, 8);
        put(&to, (uint64_t)s->active_not_after, 8);
        put(&to, (uint64_t)s->previous_not_after, 8);
        put(&to, (uint64_t)s->probation_until, 8);
        put(&to, s->seed, 4);
    }
    return to.at;
}

ra_err ra_commit_decode(struct ra_commit *c, const uint8_t *in, size_t size)
{
    struct cursor from = {.in = in, .size = size};
    bool known = get(&from, 1) == VERSION;
    unsigned slots = (unsigned)get(&from, 1);
    memset(c, 0, sizeof *c);
    known = known && slots <= RA_ROLES_MAX;
    c->time_floor = get_time(&from);
    for (unsigned i = 0; known && i < slots; i++) {
        struct ra_slot *s = &c->slot[i];
        s->active = (uint32_t)get(&from, 4);
        s->previous = (uint32_t)get(&from, 4);
        s->newest = (uint32_t)get(&from, 4);
        s->active_not_before = get_time(&from);
        s->active_not_after = get_time(&from);
        s->previous_not_after = get_time(&from);
        s->probation_until = get_time(&from);
        s->seed = (uint32_t)get(&from, 4);
    }
    if (!known || from.over || from.at != size) {
        memset(c, 0, sizeof *c);
        return RA_E_RECORD_DAMAGED;
    }
    return RA_OK;
}

size_t ra_txn_encode(const struct ra_txn *t, uint8_t out[RA_TXN_SIZE_MAX])
{
    struct cursor to = {.out = out};
    put(&to, VERSION, 1);
    unsigned hash = t->hash > RA_HASH_SHA256 ? t->hash - RA_HASH_SHA256 : 0;
    put(&to,
        (uint64_t)t->phase | hash << 3 | (t->by_hand ? 0x20u : 0u) | (t->first ? 0x40u : 0u) |
            (t->alone ? 0x80u : 0u),
        1);
    put(&to, (uint64_t)t->protocol | (uint64_t)t->variant << 4, 1);
    put(&to, t->generation, 4);
    put_text(&to, t->request_id);
    memcpy(to.out + to.at, t->request_sha256, sizeof t->request_sha256);
    to.at += sizeof t->request_sha256;
    put(&to, t->budget.day, 4);
    put(&to, t->budget.spent, 2);
    put(&to, t->attempts, 2);
    put(&to, t->failures, 2);
    put(&to, t->rollbacks, 1);
    put(&to, (uint64_t)t->started, 8);
    put(&to, (uint64_t)t->submitted, 8);
    put(&to, (uint64_t)t->next, 8);
    put(&to, (uint64_t)(-t->cause), 2);
    put(&to, t->hresult, 4);
    put_text(&to, t->peer);
    if (t->signer != 0) {
        put(&to, t->signer, 2);
    }
    return to.at;
}

ra_err ra_txn_decode(struct ra_txn *t, const uint8_t *in, size_t size)
{
    struct cursor from = {.in = in, .size = size};
    bool known = get(&from, 1) == VERSION;
    uint8_t phase = (uint8_t)get(&from, 1);
    memset(t, 0, sizeof *t);
    t->phase = (enum ra_phase)(phase & 0x07u);
    t->hash = (uint8_t)(RA_HASH_SHA256 + (phase >> 3 & 3u));
    t->by_hand = (phase & 0x20u) != 0;
    t->alone = (phase & 0x80u) != 0;
    t->first = (phase & 0x40u) != 0;
    t->protocol = (uint8_t)get(&from, 1);
    t->variant = t->protocol >> 4;
    t->protocol &= 0x0fu;
    t->generation = (uint32_t)get(&from, 4);
    get_text(&from, t->request_id, RA_REQUEST_ID_MAX);
    for (unsigned i = 0; i < sizeof t->request_sha256; i++) {
        t->request_sha256[i] = (uint8_t)get(&from, 1);
    }
    t->budget.day = (uint32_t)get(&from, 4);
    t->budget.spent = (uint16_t)get(&from, 2);
    t->attempts = (uint16_t)get(&from, 2);
    t->failures = (uint16_t)get(&from, 2);
    t->rollbacks = (uint8_t)get(&from, 1);
    t->started = get_time(&from);
    t->submitted = get_time(&from);
    t->next = get_time(&from);
    t->cause = -(ra_err)get(&from, 2);
    t->hresult = (uint32_t)get(&from, 4);
    get_text(&from, t->peer, RA_PEER_TEXT_MAX);
    if (from.at < size) {
        t->signer = (uint16_t)get(&from, 2); /* of SCEP only */
    }
    if (!known || from.over || from.at != size || t->phase >= RA_PHASE_COUNT ||
        t->hash > RA_HASH_SHA512) {
        memset(t, 0, sizeof *t);
        return RA_E_RECORD_DAMAGED;
    }
    return RA_OK;
}

ra_err ra_commit_load(struct ra_commit *c, struct ra_store *s)
{
    uint8_t record[RA_COMMIT_SIZE];
    size_t size = 0;
    ra_err e = ra_store_get(s, RA_RECORD_COMMIT, 0, record, sizeof record, &size);
    if (e != RA_OK) {
        memset(c, 0, sizeof *c);
        return e;
    }
    return ra_commit_decode(c, record, size);
}

ra_err ra_txn_load(struct ra_txn *t, struct ra_store *s, enum ra_role role)
{
    uint8_t record[RA_TXN_SIZE_MAX];
    size_t size = 0;
    ra_err e = ra_store_get(s, RA_RECORD_TXN, (uint16_t)role, record, sizeof record, &size);
    if (e != RA_OK) {
        memset(t, 0, sizeof *t);
        return e;
    }
    return ra_txn_decode(t, record, size);
}

bool ra_txn_open(const struct ra_txn *t, const struct ra_slot *slot)
{
    if (t->phase == RA_PHASE_NONE) {
        return false;
    }
    /* Not the active one: after a rollback that is the older, and the transaction in
     * flash would bring the pair back that was given up. */
    return t->phase == RA_PHASE_WAIT ? t->generation >= slot->newest : t->generation > slot->newest;
}
