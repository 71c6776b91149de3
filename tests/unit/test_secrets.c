/* What renewals leave behind in RAM and in flash: no part of a private key, no password, no
 * challenge, but where they belong.
 *
 * Looked for, at every byte: eight bytes in a row of each number of the key (p, q, d, dP, dQ, qInv;
 * the scalar of an EC key), as it is written, back to front, and as limbs of every size that a
 * big-number library may use; the texts, and the base64 that HTTP makes of them. Looked at: struct
 * ra, the reply buffer, the stack that was used, the log, and the flash, which is sealed here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "pkcs12_vectors.h"
#include "ra_console.h"
#include "ra_der.h"
#include "ra_pem.h"
#include "world.h"
#include "world_vectors.h"

#ifdef __linux__
#define STACK_BYTES 131072u
#else
#define STACK_BYTES 24576u
#endif

#define PASSWORD "correct-horse-battery-staple"
#define CHALLENGE "Tr0ub4dor-and-3-more-words"
#define AGENT RA_ROLE_AGENT
#define ENCRYPTION RA_ROLE_ENCRYPTION

static struct world w;

/* --- what is looked for ------------------------------------------------------------------------- */

#define TABLE 32768u
static uint64_t needle[TABLE]; /* 0: free */
static char kind[TABLE];       /* of each: what a failure says */
static char kind_now;
static unsigned needles;

static unsigned place(uint64_t v)
{
    v *= 0x9e3779b97f4a7c15u;
    return (unsigned)(v >> 40) % TABLE;
}

static bool telling(uint64_t v)
{
    unsigned bits = 0;
    for (uint64_t x = v; x != 0; x &= x - 1) {
        bits++;
    }
    return bits >= 14 && bits <= 52;
}

static void look_for(uint64_t v)
{
    unsigned i = place(v);
    if (!telling(v)) {
        return;
    }
    while (needle[i] != 0 && needle[i] != v) {
        i = (i + 1) % TABLE;
    }
    if (needle[i] == 0) {
        needle[i] = v;
        kind[i] = kind_now;
        needles++;
        assert_true(needles < TABLE * 3 / 4);
    }
}

/* Its kind, 0: it is none. */
static char needle_kind(uint64_t v)
{
    for (unsigned i = place(v); needle[i] != 0; i = (i + 1) % TABLE) {
        if (needle[i] == v) {
            return kind[i];
        }
    }
    return 0;
}

static void look_for_bytes(const uint8_t *p, size_t size)
{
    for (size_t i = 0; i + 8 <= size; i++) {
        uint64_t v;
        memcpy(&v, p + i, 8);
        look_for(v);
    }
}

/* Bits at .. at+n-1 of a big-endian number, counted from its lowest. */
static uint64_t bits_of(const uint8_t *p, size_t size, size_t at, unsigned n)
{
    uint64_t v = 0;
    for (unsigned i = n; i > 0; i--) {
        size_t bit = at + i - 1;
        unsigned one = bit < 8 * size ? (unsigned)p[size - 1 - bit / 8] >> bit % 8 & 1u : 0;
        v = v << 1 | one;
    }
    return v;
}

static void look_for_number(struct ra_span n)
{
    static uint8_t back[512];
    while (n.size != 0 && n.p[0] == 0) {
        n.p++;
        n.size--;
    }
    assert_true(n.size >= 16 && n.size <= sizeof back);
    for (size_t i = 0; i + 8 <= n.size; i += 4) { /* any 11 bytes of it hold one of these */
        look_for_bytes(n.p + i, 8);
    }
    for (size_t i = 0; i < n.size; i++) {
        back[i] = n.p[n.size - 1 - i];
    }
    for (size_t i = 0; i + 8 <= n.size; i += 4) {
        look_for_bytes(back + i, 8);
    }
    for (unsigned limb = 50; limb <= 64; limb++) {
        for (size_t at = 0; at + limb <= 8 * n.size; at += limb) {
            look_for(bits_of(n.p, n.size, at, limb));
        }
    }
    for (unsigned limb = 20; limb <= 32; limb++) {
        for (size_t at = 0; at + 2 * limb <= 8 * n.size; at += limb) {
            uint32_t two[2] = {(uint32_t)bits_of(n.p, n.size, at, limb),
                               (uint32_t)bits_of(n.p, n.size, at + limb, limb)};
            uint64_t v;
            memcpy(&v, two, 8);
            look_for(v);
        }
    }
}

/* A key in PKCS #1 or SEC 1. */
static void look_for_key(const uint8_t *der, size_t size)
{
    struct ra_der d;
    ra_der_init(&d, (struct ra_span){der, size});
    const uint8_t *outer = ra_der_enter(&d, RA_DER_SEQUENCE);
    bool ec = ra_der_u32(&d) == 1;
    if (ec) {
        kind_now = 'e';
        look_for_number(ra_der_read(&d, RA_DER_OCTETS));
        return;
    }
    for (unsigned i = 0; i < 8; i++) {
        struct ra_span n = ra_der_integer(&d);
        kind_now = "nedpq123"[i]; /* 1, 2, 3: dP, dQ, qInv */
        if (i >= 2) {             /* n and e are no secrets */
            look_for_number(n);
        }
    }
    ra_der_leave(&d, outer);
    assert_int_equal(ra_der_finish(&d), RA_OK);
}

static void look_for_text(const char *text)
{
    char base64[256];
    kind_now = 't';
    look_for_bytes((const uint8_t *)text, strlen(text));
    for (size_t skip = 0; skip < 3; skip++) { /* wherever it stands in a longer text */
        struct ra_span s = {(const uint8_t *)text + skip, strlen(text) - skip};
        size_t n = ra_base64_read(s, 0, 0, base64, sizeof base64);
        kind_now = '6';
        look_for_bytes((const uint8_t *)base64, n - 8);
    }
}

/* --- where it is looked for ----------------------------------------------------------------------- */

#if defined(__clang__) || defined(__GNUC__)
#define RAW_MEMORY __attribute__((noinline, no_sanitize("address")))
#endif

/* By address: this looks at memory that is nobody's any more. */
RAW_MEMORY static unsigned scan(uintptr_t from, size_t size, const char *where)
{
    const volatile uint8_t *p = (const volatile uint8_t *)from;
    uint8_t window[8];
    unsigned hits = 0;
    for (size_t i = 0; i + 8 <= size; i++) {
        uint64_t v;
        for (unsigned k = 0; k < 8; k++) {
            window[k] = p[i + k];
        }
        memcpy(&v, window, 8);
        char is = v != 0 ? needle_kind(v) : 0;
        if (is != 0) {
            if (hits++ < 4 && where != NULL) {
                print_message("'%c' at %s + %u of %u\n", is, where, (unsigned)i, (unsigned)size);
            }
            i += 7;
        }
    }
    return hits;
}

static uintptr_t stack_from;

RAW_MEMORY static void paint_stack(void)
{
    volatile uint8_t area[STACK_BYTES];
    for (size_t i = 0; i < sizeof area; i++) {
        area[i] = 0xa5;
    }
    stack_from = (uintptr_t)&area[0]; /* cppcheck-suppress danglingLifetime */
}

static uint8_t stack_seen[STACK_BYTES];

/* As the renewal left it: what follows in the test uses the stack too. */
RAW_MEMORY static void keep_stack(void)
{
    const volatile uint8_t *p = (const volatile uint8_t *)stack_from;
    for (size_t i = 0; i < STACK_BYTES; i++) {
        stack_seen[i] = p[i];
    }
}

static unsigned scan_ra(const struct ra *ra)
{
    /* The settings hold password and challenge, which are needed again; key material must not even
     * be there. */
    uintptr_t at = (uintptr_t)ra, config = (uintptr_t)&ra->config;
    size_t before = config - at;
    return scan(at, before, "struct ra") + scan(config + sizeof ra->config,
                                                sizeof *ra - before - sizeof ra->config,
                                                "struct ra behind config");
}

/* The log as it is read: in flash it lies sealed. */
static unsigned scan_log(void)
{
    struct ra_event_entry entry;
    unsigned hits = 0, lines = 0;
    ra_err e;
    for (uint32_t back = 0;
         (e = ra_events_get(&w.ra.events, &w.ra.store, back, &entry)) != RA_E_NOT_FOUND; back++) {
        char line[400];
        struct ra_text text;
        assert_int_equal(e, RA_OK); /* all is settled */
        ra_text_init(&text, line, sizeof line);
        ra_event_print(&entry, &text);
        hits += scan((uintptr_t)&entry, sizeof entry, "the log");
        hits += scan((uintptr_t)line, sizeof line, "a line of the log");
        lines++;
    }
    assert_true(lines > 0);
    return hits;
}

static void nothing_is_left(void)
{
    unsigned hits = scan((uintptr_t)stack_seen, STACK_BYTES, "the stack");
    hits += scan_ra(&w.ra);
    hits += scan((uintptr_t)w.reply, sizeof w.reply, "the reply buffer");
    hits += scan((uintptr_t)w.memory, w.flash.size, "the flash");
    hits += scan((uintptr_t)w.shown, sizeof w.shown, "the console's text");
    hits += scan_log();
    assert_int_equal(hits, 0);
}

/* The scan sees what it should see. */
static void the_scan_finds(void **state)
{
    (void)state;
    static uint8_t area[600];
    const struct world_blob *key = world_blob("encryption.key");
    struct ra_key k;
    memset(needle, 0, sizeof needle);
    needles = 0;
    look_for_key(key->p, key->size);
    look_for_text(PASSWORD);
    assert_int_equal(scan((uintptr_t)area, sizeof area, NULL), 0);
    assert_int_equal(ra_key_from_der(&k, key->p, key->size), RA_OK);
    assert_true(scan((uintptr_t)&k, sizeof k, NULL) > 10);
    ra_key_wipe(&k);
    assert_int_equal(scan((uintptr_t)&k, sizeof k, NULL), 0);
    memcpy(area + 77, "x" PASSWORD, sizeof PASSWORD);
    assert_true(scan((uintptr_t)area, sizeof area, NULL) > 0);
    struct ra_span user = {(const uint8_t *)"EXAMPLE\\ra:" PASSWORD, 10 + sizeof PASSWORD};
    memset(area, 0, sizeof area);
    (void)ra_base64_read(user, 0, 0, (char *)area + 5, 200);
    assert_true(scan((uintptr_t)area, sizeof area, NULL) > 0);
}

/* --- renewals ----------------------------------------------------------------------------------- */

static void forget(void)
{
    memset(needle, 0, sizeof needle);
    needles = 0;
    look_for_text(PASSWORD);
    look_for_text(CHALLENGE);
}

/* Every key that flash holds now. */
static void look_for_stored_keys(void)
{
    static uint8_t der[RA_KEY_DER_MAX];
    for (unsigned role = 0; role < RA_ROLES; role++) {
        for (uint32_t generation = 1; generation <= 3; generation++) {
            size_t size = 0;
            uint16_t id = ra_generation_id((enum ra_role)role, generation);
            if (world_flash_holds(&w, RA_RECORD_KEY, id, der, sizeof der, &size)) {
                look_for_key(der, size);
            }
        }
    }
    memset(der, 0, sizeof der);
}

__attribute__((noinline)) static void until_renewed(enum ra_role role, uint32_t before)
{
    assert_true(world_until_state(&w, role, RA_STATE_PROBATION, 3 * (int64_t)RA_DAY));
    assert_true(world_run(&w, RA_DAY));
    assert_true(world_settle(&w));
    assert_true(world_serves(&w, role) > before);
}

static void provision(const struct world_enrolment *e)
{
    world_init(&w, NULL);
    world_provision(&w, e);
}

static void run(enum ra_role role, uint32_t before)
{
    forget();
    paint_stack();
    world_boot(&w);
    until_renewed(role, before);
    keep_stack();
    /* The work has been where it is looked, and has not gone beyond. */
    assert_true(stack_seen[STACK_BYTES - 3000] != 0xa5 || stack_seen[STACK_BYTES - 2000] != 0xa5);
    for (size_t i = 0; i < 64; i++) {
        assert_int_equal(stack_seen[i], 0xa5);
    }
}

static void by_adcs(void **state)
{
    (void)state;
    const struct world_enrolment e = {.key = {"agent.key", "encryption.key"},
                                      .days_left = {30, 30},
                                      .settings = {{"key-policy", "same"},
                                                   {"ca-user", "EXAMPLE\\ra"},
                                                   {"ca-password", PASSWORD},
                                                   {"allow-plaintext-password", "on"}}};
    provision(&e);
    run(ENCRYPTION, 2);
    look_for_stored_keys();
    nothing_is_left();
}

static void by_adcs_with_a_new_key(void **state)
{
    (void)state;
    const struct world_enrolment e = {.key = {"agent.key", NULL}, .days_left = {30, 0}};
    provision(&e);
    run(AGENT, 1);
    look_for_stored_keys();
    assert_true(needles > 100);
    nothing_is_left();
}

static void by_scep(void **state)
{
    (void)state;
    const struct world_enrolment e = {.key = {NULL, "encryption.key"},
                                      .days_left = {0, 30},
                                      .settings = {{"ca-url", FAKE_SCEP_URL},
                                                   {"protocol", "scep"},
                                                   {"key-policy", "same"},
                                                   {"scep-challenge", CHALLENGE},
                                                   {"challenge-at-renewal", "on"}}};
    provision(&e);
    run(ENCRYPTION, 1);
    look_for_stored_keys();
    nothing_is_left();
}

static void by_est(void **state)
{
    (void)state;
    const struct world_enrolment e = {.key = {NULL, "encryption.key"},
                                      .days_left = {0, 30},
                                      .settings = {{"ca-url", FAKE_EST_URL},
                                                   {"protocol", "est"},
                                                   {"key-policy", "same"},
                                                   {"ca-user", "ra7"},
                                                   {"ca-password", PASSWORD}}};
    provision(&e);
    run(ENCRYPTION, 1);
    assert_true(w.ca.est.authorized);
    look_for_stored_keys();
    nothing_is_left();
}

/* A pair from a file under a passphrase: its key belongs into flash, sealed, and nowhere else. */
static void by_import(void **state)
{
    (void)state;
    static uint8_t bulk[RA_CONSOLE_BULK];
    static char phrase[sizeof PKCS12_PASSWORD];
    const struct world_enrolment e = {.key = {"agent.key", NULL}, .days_left = {300, 0}};
    const struct pkcs12_file *f = pkcs12_files;
    ra_err err;
    while (strcmp(f->name, "old.p12") != 0) {
        f++;
    }
    provision(&e);
    forget();
    look_for_text(PKCS12_PASSWORD);
    world_boot(&w);
    assert_true(world_settle(&w));
    paint_stack();
    memcpy(bulk, f->p, f->size);
    memcpy(phrase, PKCS12_PASSWORD, sizeof phrase);
    do {
        err = ra_import(&w.ra, RA_ROLE_DEVICE, bulk, f->size, sizeof bulk, phrase);
        assert_true(world_step(&w));
    } while (err == RA_AGAIN);
    assert_int_equal(err, RA_OK);
    assert_true(world_settle(&w));
    memset(phrase, 0, sizeof phrase); /* the caller's, as the header says */
    keep_stack();
    look_for_stored_keys();
    assert_true(needles > 500);
    assert_int_equal(scan((uintptr_t)bulk, sizeof bulk, "what was pasted"), 0);
    nothing_is_left();
}

#ifdef __linux__ /* the search for primes takes long on an emulated board */
static void a_new_rsa_key(void **state)
{
    (void)state;
    const struct world_enrolment e = {
        .key = {NULL, "encryption.key"},
        .days_left = {0, 30},
        .settings = {{"ca-url", FAKE_SCEP_URL}, {"protocol", "scep"}}};
    provision(&e);
    run(ENCRYPTION, 1);
    look_for_stored_keys();
    nothing_is_left();
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_scan_finds),
        cmocka_unit_test(by_adcs),
        cmocka_unit_test(by_adcs_with_a_new_key),
        cmocka_unit_test(by_scep),
        cmocka_unit_test(by_est),
        cmocka_unit_test(by_import),
#ifdef __linux__
        cmocka_unit_test(a_new_rsa_key),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
