/* What the store makes of a flash that it would never leave behind itself: headers with every CRC
 * right that mean nothing, logs cut and damaged at once, cells that read differently each time, a
 * part that says it is done and is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "crypto_vectors.h"
#include "fake_flash.h"
#include "ra_crc.h"
#include "ra_store.h"

#define STEPS 200000u
#define MAGIC 0x5261u
#define BANK_MAGIC 0x314b4e42u
#define HEAD 20u
#define SETTLED 0xf1u
#define READY 0xf2u
#define DROP 0xf3u

static const struct ra_store_need needs[] = {{8, 100}, {2, 700}};
static const struct fake_geometry many = {1024, 24, 8, 64, 0xff};
static const struct fake_geometry two = {4096, 2, 16, 256, 0xff};

static struct fake_flash f;
static struct hal_flash hal; /* the model behind the functions below */
static struct ra_store s;
static struct ra_store_info info;
static uint8_t out[RA_RECORD_MAX];
static size_t size;

/* --- a part that does not do what it says --------------------------------- */

static uint32_t odd_at;    /* reads of this byte ... */
static unsigned odd_good;  /* are right so many times and then wrong, over and over, */
static unsigned odd_wrong; /* so often                                               */
static unsigned odd_reads;
static unsigned program_fails; /* counts down to the program call that does */
static unsigned erase_fails;   /* all that are left fail, from this one on */
static unsigned erase_lies;    /* so many erases say that they are done and change nothing */

static int odd_read(void *dev, uint32_t at, void *to, uint32_t n)
{
    int status = f.hal.read(dev, at, to, n);
    if (odd_wrong != 0 && odd_at >= at && odd_at < at + n &&
        odd_reads++ % (odd_good + 1u) == odd_good) {
        ((uint8_t *)to)[odd_at - at] ^= 0x24u;
        odd_wrong--;
    }
    return status;
}

static int odd_program(void *dev, uint32_t at, const void *from, uint32_t n)
{
    if (program_fails != 0 && --program_fails == 0) {
        return HAL_FLASH_FAILED;
    }
    return f.hal.program(dev, at, from, n);
}

static int odd_erase(void *dev, uint32_t sector)
{
    if (erase_fails != 0 && --erase_fails == 0) {
        erase_fails = 1;
        return HAL_FLASH_FAILED;
    }
    if (erase_lies != 0) {
        erase_lies--;
        return HAL_FLASH_DONE;
    }
    return f.hal.erase(dev, sector);
}

static void reads_wrong(uint32_t at, unsigned good, unsigned wrong)
{
    odd_at = at;
    odd_good = good;
    odd_wrong = wrong;
    odd_reads = 0;
}

/* --- helpers --------------------------------------------------------------- */

static void mount(void)
{
    nor_model_power_on(&f.model);
    assert_int_equal(ra_store_init_needs(&s, &hal, NULL, NULL, needs, 2), RA_OK);
    for (unsigned i = 0; ra_store_mount_step(&s) != RA_OK; i++) {
        assert_true(i < STEPS);
    }
    ra_store_info(&s, &info);
}

static void start(const struct fake_geometry *g)
{
    odd_wrong = program_fails = erase_fails = erase_lies = 0;
    fake_flash_start(&f, g);
    hal = f.hal;
    hal.read = odd_read;
    hal.program = odd_program;
    hal.erase = odd_erase;
    mount();
}

static void settle(void)
{
    for (unsigned i = 0; ra_store_step(&s) == RA_AGAIN; i++) {
        assert_true(i < STEPS);
    }
    assert_true(ra_store_settled(&s));
    ra_store_info(&s, &info);
}

static ra_err finish(ra_err accepted)
{
    if (accepted != RA_OK) {
        return accepted;
    }
    for (unsigned i = 0; ra_store_result(&s) == RA_AGAIN; i++) {
        assert_true(i < STEPS);
        (void)ra_store_step(&s);
    }
    ra_store_info(&s, &info);
    return ra_store_result(&s);
}

static ra_err get(unsigned id)
{
    ra_err e;
    for (unsigned i = 0;
         (e = ra_store_get(&s, 1, (uint16_t)id, out, sizeof out, &size)) == RA_AGAIN; i++) {
        assert_true(i < STEPS);
        (void)ra_store_step(&s);
    }
    return e;
}

/* Bytes that tell record and version apart. */
static uint8_t *content(unsigned id, unsigned version, size_t n)
{
    static uint8_t bytes[700];
    uint32_t x = id * 7919u + version * 104729u + 1u;
    for (size_t i = 0; i < n; i++) {
        x = x * 1664525u + 1013904223u;
        bytes[i] = (uint8_t)(x >> 24);
    }
    return bytes;
}

static ra_err put(unsigned id, unsigned version, size_t n)
{
    return finish(ra_store_put(&s, 1, (uint16_t)id, content(id, version, n), n));
}

static bool holds(unsigned id, unsigned version, size_t n)
{
    return get(id) == RA_OK && size == n && memcmp(out, content(id, version, n), n) == 0;
}

/* The payload's address, the `which`-th copy in the region, from 0. */
static uint32_t copy_of(unsigned id, unsigned version, size_t n, unsigned which)
{
    const uint8_t *p = content(id, version, n);
    for (uint32_t i = 0; i + n <= f.model.size; i++) {
        if (memcmp(f.model.memory + i, p, n) == 0 && which-- == 0) {
            return i;
        }
    }
    fail_msg("record %u is not there", id);
    return 0;
}

/* As if bits had changed at rest. */
static void spoil(uint32_t at)
{
    for (uint32_t i = 0; i < 5u; i++) {
        f.model.memory[at + i] ^= (uint8_t)(0x91u + i);
    }
    nor_model_format(&f.model, false);
}

/* Records 0 .. 5 at version 1, all in order. */
static void small_store(const struct fake_geometry *g)
{
    start(g);
    for (unsigned i = 0; i < 6u; i++) {
        assert_int_equal(put(i, 1, 40u + i), RA_OK);
    }
    settle();
}

static bool small_store_is_whole(void)
{
    for (unsigned i = 0; i < 6u; i++) {
        if (!holds(i, 1, 40u + i)) {
            return false;
        }
    }
    return true;
}

/* Fills the active bank until a move has been made: every record is copied. */
static void next_bank(void)
{
    uint32_t seq = info.bank_seq;
    for (unsigned i = 0; info.bank_seq == seq; i++) {
        assert_int_equal(put(9, 1000u + i, 700), RA_OK);
    }
}

/* --- forging ------------------------------------------------------------------ */

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

struct head {
    uint32_t magic, type, flags, id, size, seq, crc;
};

/* A record's header at `at`, of the bank that begins at `bank`, every CRC right. */
static void forge(uint32_t bank, uint32_t at, struct head h)
{
    uint8_t *p = f.model.memory + at, seed[8], place[4];
    memcpy(seed, f.model.memory + bank + 12, 4);
    memcpy(seed + 4, f.model.memory + bank + 8, 4);
    put32(place, at);
    put16(p, h.magic);
    p[2] = (uint8_t)h.type;
    p[3] = (uint8_t)h.flags;
    put16(p + 4, h.id);
    put16(p + 6, h.size);
    put32(p + 8, h.seq);
    put32(p + 12, h.crc);
    put32(p + 16, ra_crc32(ra_crc32(ra_crc32(0, seed, 8), place, 4), p, 16));
    nor_model_format(&f.model, false);
}

struct bank {
    uint32_t magic, shape, sectors, seq;
};

static void forge_bank(uint32_t at, struct bank b)
{
    uint8_t *p = f.model.memory + at, place[4];
    put32(place, at);
    put32(p, b.magic);
    put16(p + 4, b.shape);
    put16(p + 6, b.sectors);
    put32(p + 8, b.seq);
    put32(p + 12, 0x600d5a17u);
    put32(p + 16, ra_crc32(ra_crc32(0, place, 4), p, 16));
    nor_model_format(&f.model, false);
}

/* A record of a few bytes at the end of the log, `gap` behind it. */
static void forge_record(uint32_t gap, struct head h, const void *bytes)
{
    uint32_t at = info.bank_base + info.used + gap;
    if (bytes != NULL) {
        memcpy(f.model.memory + at + HEAD, bytes, h.size);
        h.crc = ra_crc32(0, bytes, h.size);
    }
    forge(info.bank_base, at, h);
}

/* --- headers ------------------------------------------------------------------- */

/* Only one that is ours in every field is a record, at the end of the log and behind damage. */
static void headers_that_are_not_ours(void **state)
{
    (void)state;
    for (uint32_t gap = 0; gap < 48u; gap += 24u) {
        for (unsigned i = 0; i < 4u; i++) {
            struct head h = {MAGIC, 1, 0, 3, 4, 900, 0};
            small_store(&many);
            uint32_t bank_end = info.bank_bytes - info.used - gap;
            h.magic ^= i == 1 ? 0x40u : 0;
            h.seq = i == 2 ? 0xfffffff1u : h.seq;
            if (gap != 0) {
                memset(f.model.memory + info.bank_base + info.used, 0x42, gap);
            }
            forge_record(gap, h, "mine");
            if (i == 3) {
                h.size = bank_end - HEAD + 1u;
                forge_record(gap, h, NULL);
            }
            mount();
            assert_true(info.unclean);
            if (i == 0) {
                assert_int_equal(get(3), RA_OK);
                assert_int_equal(size, 4);
                assert_memory_equal(out, "mine", 4);
                assert_int_equal(info.next_seq, 901);
            } else {
                assert_true(small_store_is_whole());
                assert_true(info.next_seq < 100u);
            }
            settle();
            mount();
            assert_int_equal(ra_store_damaged(&s), 0);
        }
    }
}

/* A bank that is none does not stand before the one that is served. */
static void banks_that_are_none(void **state)
{
    static const struct bank good = {BANK_MAGIC, 0x8000u | 8u, 4, 77};
    (void)state;
    for (unsigned i = 0; i < 12u; i++) {
        struct bank b = good;
        uint32_t at = 12u * 1024u;
        small_store(&many);
        struct head ready = {MAGIC, READY, 0, 0, 0, 500, 4u * 24u};
        b.magic ^= i == 1 ? 0x100u : 0;
        b.shape ^= i == 2 ? 0x8000u : 0;
        b.sectors = i == 3 ? 0 : i == 4 ? 13 : b.sectors;
        b.seq = i == 5 ? 0 : i == 6 ? 0xfffffff1u : b.seq;
        ready.type = i == 7 ? SETTLED : ready.type;
        ready.crc = i == 8 ? 3u * 24u : i == 9 ? 4096u + 8u : i == 10 ? 4u * 24u + 1u : ready.crc;
        forge_bank(at, b);
        forge(at, at + 24u, ready);
        /* What follows READY, and so makes it a bank that is believed, is where it says. */
        forge(at, at + (i == 9 ? 4096u + 8u : 4u * 24u), (struct head){MAGIC, SETTLED, .seq = 501});
        if (i == 11) {
            /* The first header in order, and by the second READY alone a bank. */
            forge_bank(at + 2u * 24u, b);
            forge(at, at + 3u * 24u, ready);
            spoil(at + 24u);
        }
        mount();
        if (i == 0 || i == 11) {
            assert_int_equal(info.bank_seq, 77);
            assert_int_equal(info.records, 0);
            assert_int_equal(get(1), RA_E_NOT_FOUND);
        } else {
            assert_true(info.bank_seq < 77u);
            assert_true(small_store_is_whole());
            assert_int_equal(ra_store_damaged(&s), 0);
        }
    }
}

/* One sector is no bank where a unit is half of it. */
static void a_bank_smaller_than_its_headers(void **state)
{
    static const struct fake_geometry coarse = {512, 64, 256, 256, 0xff};
    (void)state;
    for (uint32_t sectors = 2; sectors < 4u; sectors++) {
        small_store(&coarse);
        uint32_t at = 48u * 512u;
        forge_bank(at, (struct bank){BANK_MAGIC, 0x8000u | 256u, sectors, 77});
        forge(at, at + 256u, (struct head){MAGIC, READY, 0, 0, 0, 500, 1024});
        forge(at, at + 768u, (struct head){MAGIC, READY, 0, 0, 0, 500, 1024});
        mount();
        assert_int_equal(info.bank_seq == 77u, sectors == 3u);
        if (sectors == 2u) {
            assert_true(small_store_is_whole());
        }
    }
}

/* The names of a drop are four bytes each, sixteen at most; what is not so drops nothing, and is
 * told of. */
static void drops_that_are_none(void **state)
{
    static const uint32_t sizes[] = {4, 0, 6, 68};
    uint8_t names[68];
    (void)state;
    for (unsigned i = 0; i < 4u; i++) {
        small_store(&many);
        for (unsigned j = 0; j < sizeof names; j += 4u) {
            put16(names + j, 1);
            put16(names + j + 2, 3);
        }
        uint32_t seq = info.next_seq;
        forge_record(0, (struct head){MAGIC, DROP, 0, 0, sizes[i], seq, 0}, names);
        forge_record((HEAD + sizes[i] + 7u) / 8u * 8u,
                     (struct head){MAGIC, SETTLED, .seq = seq + 1u}, NULL);
        mount();
        assert_int_equal(info.unclean, i != 0);
        assert_int_equal(ra_store_damaged(&s), i != 0);
        if (i == 0) {
            assert_int_equal(get(3), RA_E_NOT_FOUND);
        } else {
            assert_true(small_store_is_whole());
        }
        settle();
        mount();
        assert_int_equal(ra_store_damaged(&s), 0);
        assert_int_equal(ra_store_find(&s, 1, 3), i != 0);
    }
}

/* The number says which is newer, not the place in the log. */
static void the_highest_number_wins(void **state)
{
    static const uint8_t name[] = {1, 0, 3, 0};
    (void)state;
    for (unsigned i = 0; i < 6u; i++) {
        uint32_t seq = 0;
        small_store(&many);
        assert_true(ra_store_stat(&s, 1, 3, NULL, &seq));
        bool newer = i % 2u == 0, dropped = i / 2u == 1, bad = i / 2u == 2;
        struct head h = {
            MAGIC, dropped ? DROP : 1u, 0, dropped ? 0 : 3u, 4, newer ? info.next_seq : seq - 1u,
            0};
        forge_record(0, h, dropped ? name : (const uint8_t *)"mine");
        if (bad) {
            f.model.memory[info.bank_base + info.used + HEAD] ^= 0x11u;
        }
        forge_record(24, (struct head){MAGIC, SETTLED, .seq = info.next_seq + 1u}, NULL);
        if (bad) {
            /* Behind it something else, so that every payload is checked. */
            forge_record(48, (struct head){MAGIC, 1, 0, 7, 0, info.next_seq + 2u, 0}, NULL);
        }
        mount();
        if (newer && dropped) {
            assert_int_equal(get(3), RA_E_NOT_FOUND);
        } else if (newer && !bad) {
            assert_int_equal(get(3), RA_OK);
            assert_memory_equal(out, "mine", 4);
        } else {
            assert_true(small_store_is_whole()); /* the older copy of a damaged one too */
        }
        assert_int_equal(ra_store_damaged(&s), newer && bad);
    }
}

/* More names than can be listed: those that can are served, nothing is written any more, and so
 * nothing is lost that a larger build may list. */
static void more_records_than_can_be_listed(void **state)
{
    static const struct fake_geometry large = {8192, 8, 4, 64, 0xff};
    (void)state;
    for (unsigned more = 0; more < 2u; more++) {
        struct ra_store_key key = {1, 5};
        small_store(&large);
        uint32_t seq = info.next_seq, n = RA_STORE_KEYS_MAX - 6u + more, operations;
        for (uint32_t i = 0; i < n; i++) {
            forge_record(i * 24u, (struct head){MAGIC, 2, 0, i, 1, seq + i, 0}, "x");
        }
        mount();
        assert_int_equal(info.records, RA_STORE_KEYS_MAX);
        operations = f.model.operations;
        if (more == 0) {
            settle();
            assert_true(f.model.operations > operations);
            assert_int_equal(finish(ra_store_drop(&s, &key, 1)), RA_OK);
            continue;
        }
        assert_int_equal(ra_store_put(&s, 1, 1, "x", 1), RA_E_STORE_FULL);
        assert_int_equal(ra_store_drop(&s, &key, 1), RA_E_STORE_FULL);
        for (unsigned i = 0; i < 1000u; i++) {
            (void)ra_store_step(&s);
        }
        assert_int_equal(f.model.erases, info.bank_bytes / 8192u); /* of the first bank */
        assert_true(small_store_is_whole());
    }
}

/* The last number there is is never given out: the next would begin anew. */
static void numbers_end(void **state)
{
    (void)state;
    for (uint32_t left = 0; left < 3u; left++) {
        small_store(&many);
        forge_record(0, (struct head){MAGIC, 1, 0, 3, 4, 0xfffffff0u - left, 0}, "mine");
        mount();
        assert_int_equal(ra_store_put(&s, 1, 1, "x", 1), left < 2u ? RA_E_STORE_FULL : RA_OK);
        assert_int_equal(get(3), RA_OK);
    }
}

/* --- damage in a log that was cut ------------------------------------------------ */

/* A record in the middle: the copy before it serves, or the loss is told of. */
static void damage_before_a_cut(void **state)
{
    (void)state;
    for (unsigned older = 0; older < 2u; older++) {
        start(&many);
        if (older != 0) {
            assert_int_equal(put(1, 1, 60), RA_OK);
        }
        assert_int_equal(put(1, 2, 60), RA_OK);
        assert_int_equal(put(2, 1, 60), RA_OK);
        assert_false(ra_store_settled(&s)); /* no SETTLED yet: the power goes */
        spoil(copy_of(1, 2, 60, 0));
        mount();
        assert_true(info.unclean);
        assert_int_equal(ra_store_damaged(&s), 1);
        for (unsigned i = 0; i < 2u; i++) {
            if (older != 0) {
                assert_true(holds(1, 1, 60));
            } else {
                assert_int_equal(get(1), RA_E_RECORD_DAMAGED);
                assert_false(ra_store_whole(&s, 1, 1));
            }
            assert_true(holds(2, 1, 60) && ra_store_whole(&s, 1, 2));
            settle();
            mount();
            assert_int_equal(ra_store_damaged(&s), 0);
        }
        assert_false(ra_store_whole(&s, 1, 8));
    }
}

/* A move that has just ended: nothing was appended, the last copied record is damaged. It was
 * whole before READY came: a cut did not do that. */
static void damage_of_what_was_copied_last(void **state)
{
    (void)state;
    for (unsigned header = 0; header < 2u; header++) {
        start(&many);
        assert_int_equal(put(1, 1, 60), RA_OK);
        assert_int_equal(put(9, 1, 700), RA_OK);
        uint32_t seq = info.bank_seq;
        for (unsigned i = 0; info.bank_seq == seq; i++) {
            if (ra_store_result(&s) != RA_AGAIN) {
                assert_int_equal(ra_store_put(&s, 1, 1, content(1, 2u + i, 60), 60), RA_OK);
            }
            (void)ra_store_step(&s);
            ra_store_info(&s, &info);
        }
        spoil(copy_of(9, 1, 700, 1) - (header != 0 ? HEAD : 0));
        mount();
        assert_int_equal(info.bank_seq, seq + 1u);
        assert_int_equal(ra_store_damaged(&s), 1);
        if (header == 0) {
            assert_true(holds(9, 1, 700)); /* from the bank before */
        }
        settle();
        mount();
        assert_int_equal(ra_store_damaged(&s), 0);
        assert_int_equal(get(9), header == 0 ? RA_OK : RA_E_NOT_FOUND);
        assert_int_equal(get(1), RA_OK);
    }
}

/* Both READYs of the only bank are gone: what is in it is served, and copied. */
static void a_bank_without_ready(void **state)
{
    (void)state;
    small_store(&many);
    spoil(info.bank_base + 24u);
    spoil(info.bank_base + 3u * 24u);
    mount();
    assert_int_equal(ra_store_damaged(&s), 1);
    assert_true(small_store_is_whole());
    settle();
    mount();
    assert_int_equal(ra_store_damaged(&s), 0);
    assert_true(small_store_is_whole());
}

/* A SETTLED that a cut left half programmed, and records behind it: no damage. Bits too many in
 * the same place are. */
static void a_settled_half_programmed(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3u; i++) {
        small_store(&many);
        uint32_t at = info.bank_base + info.used - 24u;
        assert_int_equal(f.model.memory[at + 2], SETTLED);
        assert_int_equal(put(7, 1, 50), RA_OK);
        assert_int_equal(put(2, 2, 50), RA_OK);
        if (i == 0) {
            memset(f.model.memory + at + 9, 0xff, 15);
        } else {
            memset(f.model.memory + at + 9, 0, 11);
        }
        if (i == 2) { /* nor can it have been two */
            spoil(copy_of(7, 1, 50, 0) - HEAD);
        }
        nor_model_format(&f.model, false);
        mount();
        assert_int_equal(ra_store_damaged(&s), i != 0);
        assert_true(holds(2, 2, 50));
        assert_int_equal(get(7), i == 2 ? RA_E_NOT_FOUND : RA_OK);
    }
}

/* --- banks and moves --------------------------------------------------------------- */

/* A header that reads as a bank's only after the mount, over the active bank: what is served is
 * not erased with it. */
static void a_bank_that_appears_over_the_active_one(void **state)
{
    (void)state;
    small_store(&many);
    next_bank();
    settle();
    assert_int_equal(info.bank_base, 4096);
    for (unsigned i = 0; i < 4u; i++) {
        fake_flash_wear[4u + i] = 0;
    }
    forge_bank(0, (struct bank){BANK_MAGIC, 0x8000u | 8u, 24, 1});
    next_bank();
    assert_int_equal(info.bank_base, 8192);
    for (unsigned i = 0; i < 4u; i++) {
        assert_int_equal(fake_flash_wear[4u + i], 0);
    }
    assert_true(small_store_is_whole());
}

/* Every place but one is worn out: eight are tried, three times each, and no more. */
static void no_place_is_left(void **state)
{
    (void)state;
    small_store(&many);
    erase_fails = 1;
    ra_err e = RA_OK;
    unsigned puts = 0;
    for (; e == RA_OK; puts++) {
        e = put(9, puts, 700);
    }
    assert_int_equal(e, RA_E_FLASH_WORN);
    assert_int_equal(info.worn, 8);
    assert_int_equal(info.erases, 4u + 8u * 3u);
    assert_true(small_store_is_whole() && holds(9, puts - 2u, 700));
    settle();
    assert_true(ra_store_settled(&s));
    /* The next ones are refused where there is no room, each after another try of one place. */
    for (unsigned i = 1; i <= 10u; i++) {
        assert_int_equal(put(9, 99, 700), RA_E_FLASH_WORN);
        assert_int_equal(info.worn, 8u + i);
        assert_int_equal(info.erases, 4u + (8u + i) * 3u);
    }
    /* What fits is taken, and with flash that can be erased again all is. */
    erase_fails = 0;
    assert_int_equal(put(9, 99, 700), RA_OK);
    settle();
    mount();
    assert_true(small_store_is_whole() && holds(9, 99, 700));
}

/* A flash that cannot be erased at all, and was never used. */
static void a_flash_that_cannot_be_erased(void **state)
{
    (void)state;
    start(&two);
    erase_fails = 1;
    assert_int_equal(put(1, 1, 60), RA_E_FLASH_WORN);
    assert_int_equal(get(1), RA_E_NOT_FOUND);
    assert_int_equal(info.bank_bytes, 0);
    erase_fails = 0;
    assert_int_equal(put(1, 1, 60), RA_OK);
    assert_true(holds(1, 1, 60));
}

/* Done, says the part, and has not erased: read back it is not blank, and is erased again. */
static void an_erase_that_did_nothing(void **state)
{
    static const struct fake_geometry two_of_four = {1024, 8, 8, 64, 0xff};
    (void)state;
    small_store(&two_of_four);
    next_bank();
    uint32_t erases = info.erases;
    erase_lies = 1;
    next_bank();
    assert_int_equal(info.erases - erases, 4 + 1);
    assert_int_equal(erase_lies, 0);
    assert_int_equal(info.worn, 0);
    settle();
    mount();
    assert_true(small_store_is_whole());
}

/* --- cells that read differently ----------------------------------------------------- */

/* A payload that is right when checked and wrong when copied: the copy is made again, three times;
 * then an older copy serves. The last record before a cut is not waited for: it was never
 * acknowledged. */
static void a_payload_that_reads_differently(void **state)
{
    static const struct {
        unsigned wrong, damaged, version;
        bool last;
    } when[] = {{2, 0, 2, false}, {3, 1, 1, false}, {1, 0, 1, true}};
    (void)state;
    for (unsigned i = 0; i < 3u; i++) {
        start(&many);
        assert_int_equal(put(1, 1, 60), RA_OK);
        assert_int_equal(put(2, 1, 60), RA_OK);
        assert_int_equal(put(1, 2, 60), RA_OK);
        if (!when[i].last) {
            assert_int_equal(put(3, 1, 60), RA_OK);
        }
        mount(); /* after a cut */
        assert_true(info.unclean);
        reads_wrong(copy_of(1, 2, 60, 0), 1, when[i].wrong);
        uint32_t erases = info.erases;
        settle();
        assert_int_equal(odd_wrong, 0);
        assert_int_equal(info.begun_anew, when[i].wrong);
        assert_int_equal(info.erases - erases, (when[i].wrong + 1u) * s.bank_sectors);
        for (unsigned again = 0; again < 2u; again++) {
            assert_true(holds(2, 1, 60));
            assert_true(holds(1, when[i].version, 60));
            assert_int_equal(ra_store_damaged(&s), again == 0 ? when[i].damaged : 0);
            mount();
        }
    }
}

/* A record found damaged while another one's copies are under way: the older copy serves at once,
 * or the loss is told of, and so it is after the move. */
static void damage_found_while_copies_are_made(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3u; i++) {
        bool older = i == 0, tail = i == 2;
        small_store(&many);
        if (older) {
            assert_int_equal(put(7, 1, 60), RA_OK);
        }
        assert_int_equal(put(7, 2, 60), RA_OK);
        if (tail) { /* the last one before a cut: never acknowledged, and gone without a word */
            mount();
        } else {
            settle();
        }
        uint32_t at = copy_of(7, 2, 60, 0);
        uint32_t erases = info.erases;
        ra_err e = RA_OK;
        for (unsigned n = 0; info.erases == erases; n++) {
            if (!tail && ra_store_result(&s) != RA_AGAIN) {
                assert_int_equal(ra_store_put(&s, 1, 9, content(9, n, 700), 700), RA_OK);
            }
            (void)ra_store_step(&s);
            ra_store_info(&s, &info);
        }
        f.model.memory[at] ^= 0x18u;
        f.model.memory[at + 9u] ^= 0x18u;
        nor_model_format(&f.model, false);
        e = ra_store_get(&s, 1, 7, out, sizeof out, &size);
        assert_int_equal(e, older ? RA_OK : tail ? RA_E_NOT_FOUND : RA_E_RECORD_DAMAGED);
        assert_true(!older || memcmp(out, content(7, 1, 60), 60) == 0);
        settle();
        mount();
        assert_int_equal(get(7), e);
        assert_true(!older || holds(7, 1, 60));
        assert_true(small_store_is_whole());
    }
}

/* --- an older copy in the bank that is to be erased -------------------------------------- */

/* Two banks; of record 1 only the copy in the other one is good. `cut`: no SETTLED at the end;
 * `full`: there is no room for it in this bank. Mounted, and record 1 has been read. */
static uint32_t stray_store(bool cut, bool full)
{
    start(&two);
    assert_int_equal(put(1, 1, 60), RA_OK);
    next_bank();
    assert_int_equal(put(1, 2, 61), RA_OK);
    assert_int_equal(put(2, 1, 50), RA_OK);
    if (full) {
        assert_int_equal(put(9, 1, 700), RA_OK);
        uint32_t left = info.bank_bytes - info.used;
        while (left > 700u) {
            assert_int_equal(put(8, left, 300), RA_OK);
            left = info.bank_bytes - info.used;
        }
        /* All but the 32 bytes of SETTLED. */
        assert_int_equal(put(8, 1, left - 32u - HEAD), RA_OK);
    }
    if (!cut) {
        settle();
    }
    uint32_t one = copy_of(1, 1, 60, 0), other = copy_of(1, 1, 60, 1);
    bool first = one - info.bank_base < info.bank_bytes;
    spoil(first ? one : other);
    spoil(copy_of(1, 2, 61, 0));
    mount();
    assert_int_equal(info.unclean, cut);
    assert_true(holds(1, 1, 60));
    assert_int_equal(ra_store_damaged(&s), 1u + cut); /* a list mount reads only the newest */
    return first ? other : one;
}

/* STEADYs in the region. */
static unsigned steadies(void)
{
    static const uint8_t head[] = {MAGIC & 0xffu, MAGIC >> 8, 0xf4, 0, 0, 0, 0, 0};
    unsigned n = 0;
    for (uint32_t at = 0; at < f.model.size; at += two.unit) {
        n += memcmp(f.model.memory + at, head, sizeof head) == 0;
    }
    return n;
}

static void an_older_copy_is_brought_over(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 5u; i++) {
        uint32_t at = stray_store(i == 1, false), programs = info.programs;
        switch (i) {
        case 2: /* right when checked, wrong when copied, once */
            reads_wrong(at, 1, 1);
            break;
        case 3: /* the program call of its header fails, or that of its bytes */
        case 4:
            program_fails = i - 2u;
            break;
        default:
            break;
        }
        settle();
        assert_int_equal(odd_wrong + program_fails, 0);
        /* Behind a cut nothing is written before STEADY. */
        assert_int_equal(steadies(), i == 1);
        assert_string_equal(f.model.why, "");
        assert_true(info.programs > programs);
        for (unsigned again = 0; again < 2u; again++) {
            assert_true(holds(1, 1, 60) && holds(2, 1, 50));
            assert_int_equal(ra_store_damaged(&s), again != 0 ? 0 : i == 1 ? 2 : 1);
            mount();
            assert_false(info.unclean);
        }
    }
}

/* It has become unreadable since, or there is no room for it: the loss is told of, the rest is
 * served and moved. */
static void an_older_copy_that_cannot_be_brought_over(void **state)
{
    (void)state;
    for (unsigned full = 0; full < 2u; full++) {
        uint32_t at = stray_store(false, full != 0);
        if (full == 0) {
            reads_wrong(at, 0, 1000);
        }
        settle();
        odd_wrong = 0;
        for (unsigned again = 0; again < 2u; again++) {
            assert_int_equal(get(1), RA_E_RECORD_DAMAGED);
            assert_int_equal(get(2), RA_OK);
            assert_int_equal(get(9), RA_OK);
            mount();
            assert_false(info.unclean);
        }
        assert_int_equal(put(1, 3, 60), RA_OK);
        assert_true(holds(1, 3, 60));
    }
}

/* The copied records end where the bank does: no STEADY is written behind it, in what may be
 * another's sector or none. */
static void a_bank_full_of_copies(void **state)
{
    (void)state;
    small_store(&two);
    next_bank();
    settle();
    assert_int_equal(info.bank_base, 4096);
    uint8_t *bank = f.model.memory + 4096;
    uint32_t copied = (uint32_t)bank[32 + 12] | (uint32_t)bank[32 + 13] << 8;
    assert_in_range(copied, 128, 2048);
    memset(bank + copied, 0xff, 4096 - copied);
    forge(4096, 4096 + 32, (struct head){MAGIC, READY, 0, 0, 0, 500, 4096});
    forge(4096, 4096 + 96, (struct head){MAGIC, READY, 0, 0, 0, 500, 4096});
    mount();
    assert_true(info.unclean);
    assert_int_equal(info.used, 4096);
    assert_true(small_store_is_whole());
    settle();
    assert_int_equal(info.bank_base, 0);
    assert_string_equal(f.model.why, "");
    mount();
    assert_true(small_store_is_whole());
}

/* --- arguments -------------------------------------------------------------------------- */

static void what_cannot_be_is_refused(void **state)
{
    static struct ra_seal sealed;
    struct ra_seal none = {.have_key = 0};
    struct hal_flash bad;
    (void)state;
    assert_int_equal(ra_store_mount_step(NULL), RA_E_STATE);
    assert_int_equal(ra_store_step(NULL), RA_E_STATE);
    assert_int_equal(ra_store_put(NULL, 1, 1, "x", 1), RA_E_STATE);
    assert_int_equal(ra_store_drop(NULL, NULL, 0), RA_E_STATE);
    assert_int_equal(ra_store_get(NULL, 1, 1, out, 1, &size), RA_E_STATE);
    start(&many);
    assert_int_equal(ra_store_mount_step(&s), RA_OK);
    assert_int_equal(ra_store_drop(&s, NULL, 0), RA_OK);
    assert_int_equal(ra_store_result(&s), RA_OK);
    assert_int_equal(put(1, 1, 60), RA_OK);
    assert_int_equal(ra_store_get(&s, 1, 1, NULL, 0, &size), RA_E_SPACE);
    assert_int_equal(size, 60);
    for (unsigned i = 0; i < 6u; i++) {
        bad = hal;
        bad.sector_size = i == 0 ? 0x200000u : bad.sector_size;
        bad.sector_count = i == 1 ? 0x7fffffffu / 1024u + 1u : bad.sector_count;
        bad.read = i == 2 ? NULL : bad.read;
        bad.program = i == 3 ? NULL : bad.program;
        bad.erase = i == 4 ? NULL : bad.erase;
        bad.poll = i == 5 ? NULL : bad.poll;
        assert_int_equal(ra_store_init_needs(&s, &bad, NULL, NULL, needs, 2), RA_E_FLASH_GEOMETRY);
    }
    sealed.have_key = 1;
    assert_int_equal(ra_store_init_needs(NULL, &hal, NULL, NULL, needs, 2), RA_E_ARGUMENT);
    assert_int_equal(ra_store_init_needs(&s, &hal, &sealed, NULL, needs, 2), RA_E_ARGUMENT);
    assert_int_equal(ra_store_init_needs(&s, &hal, &none, NULL, needs, 2), RA_OK);
}

/* A sealed record that is too short for nonce and tag: there is nothing to open. */
static void a_sealed_record_too_short(void **state)
{
    static struct ra_seal seal;
    static struct ra_random random_;
    static struct noise noise;
    (void)state;
    seal.have_key = 1;
    noise_random(&noise, &random_, 3);
    small_store(&many);
    forge_record(0, (struct head){MAGIC, 1, 1, 7, 27, info.next_seq, 0},
                 "twenty-seven bytes of no use");
    assert_int_equal(ra_store_init_needs(&s, &hal, &seal, &random_, needs, 2), RA_OK);
    while (ra_store_mount_step(&s) == RA_AGAIN) {
    }
    assert_int_equal(get(7), RA_E_RECORD_SEAL);
    assert_int_equal(size, 0);
    assert_true(ra_store_stat(&s, 1, 7, &size, NULL));
    assert_int_equal(size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_that_are_not_ours),
        cmocka_unit_test(banks_that_are_none),
        cmocka_unit_test(a_bank_smaller_than_its_headers),
        cmocka_unit_test(drops_that_are_none),
        cmocka_unit_test(the_highest_number_wins),
        cmocka_unit_test(more_records_than_can_be_listed),
        cmocka_unit_test(numbers_end),
        cmocka_unit_test(damage_before_a_cut),
        cmocka_unit_test(damage_of_what_was_copied_last),
        cmocka_unit_test(a_bank_without_ready),
        cmocka_unit_test(a_settled_half_programmed),
        cmocka_unit_test(a_bank_that_appears_over_the_active_one),
        cmocka_unit_test(no_place_is_left),
        cmocka_unit_test(a_flash_that_cannot_be_erased),
        cmocka_unit_test(an_erase_that_did_nothing),
        cmocka_unit_test(a_payload_that_reads_differently),
        cmocka_unit_test(damage_found_while_copies_are_made),
        cmocka_unit_test(an_older_copy_is_brought_over),
        cmocka_unit_test(an_older_copy_that_cannot_be_brought_over),
        cmocka_unit_test(a_bank_full_of_copies),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(a_sealed_record_too_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
