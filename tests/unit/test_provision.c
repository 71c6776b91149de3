/* First provisioning and its end: a pair imported from PKCS #12 and from PEM, trust anchors with their
 * fingerprint confirmed, all by paste at the console; and erasing, with the power going at every flash
 * operation, until no byte of a key is left in any cell. The files are openssl's (pkcs12_vectors.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "pkcs12_vectors.h"
#include "pki_vectors.h"
#include "ra_command.h"
#include "ra_internal.h"
#include "ra_pem.h"
#include "world.h"
#include "world_vectors.h"

#define AGENT RA_ROLE_AGENT
#define DEVICE RA_ROLE_DEVICE
#define HOUR ((int64_t)RA_HOUR)

static struct world w;
static struct ra_console console;
static uint8_t bulk[RA_CONSOLE_BULK];
static char typed[20000];

static const struct pkcs12_file *file(const char *name)
{
    const struct pkcs12_file *f = pkcs12_files;
    while (f->name != NULL && strcmp(f->name, name) != 0) {
        f++;
    }
    assert_non_null(f->name);
    return f;
}

static void boot(void)
{
    world_boot(&w);
    ra_console_init(&console, &w.ra, "test board", bulk);
}

static void turn(void)
{
    (void)ra_console_step(&console);
    assert_true(world_step(&w));
}

static const char *say(const char *line)
{
    w.shown_size = 0;
    w.shown[0] = '\0';
    w.typed = line;
    for (unsigned i = 0, quiet = 0; quiet < 20; i++) {
        assert_true(i < 200000);
        size_t before = w.shown_size;
        bool more = w.typed != NULL && *w.typed != '\0';
        bool runs = console.command != NULL && console.input == RA_CONSOLE_COMMANDS;
        turn();
        quiet = !more && !runs && console.out_count == 0 && w.shown_size == before ? quiet + 1 : 0;
    }
    return w.shown;
}

static void contains(const char *text)
{
    if (strstr(w.shown, text) == NULL) {
        print_error("no '%s' in:\n%s\n", text, w.shown);
        fail();
    }
}

static int setup(void **state)
{
    (void)state;
    world_init(&w, NULL);
    world_provision_pair(&w, 400, 400);
    w.pace_ms = 100;
    boot();
    w.serial_room = 1024;
    (void)say("terminal length 0\r");
    return 0;
}

/* The command, the file as base64 or as it is, the dot and what follows. */
static const char *paste(const char *command, const char *name, const char *after)
{
    const struct pkcs12_file *f = file(name);
    size_t n = (size_t)snprintf(typed, sizeof typed, "%s\r", command);
    if (strstr(name, ".p12") != NULL) {
        n += ra_base64_read((struct ra_span){f->p, f->size}, 64, 0, typed + n, sizeof typed - n);
    } else {
        memcpy(typed + n, f->p, f->size);
        n += f->size;
    }
    (void)snprintf(typed + n, sizeof typed - n, ".\r%s", after);
    return say(typed);
}

static void serves(enum ra_role role, const char *cert)
{
    uint8_t der[RA_CERT_MAX];
    size_t size = 0;
    const struct pkcs12_file *f = file(cert);
    assert_int_equal(ra_certificate(&w.ra, role, der, sizeof der, &size), RA_OK);
    assert_int_equal(size, f->size);
    assert_memory_equal(der, f->p, size);
}

static void a_pair_from_pkcs12(void **state)
{
    (void)state;
    (void)paste("import device", "modern.p12", PKCS12_PASSWORD "\r");
    contains("passphrase: ");
    contains("Device: stored and serving");
    assert_null(strstr(w.shown, PKCS12_PASSWORD));
    serves(DEVICE, "rsa.cert");
    uint8_t issuers[2048];
    size_t size = 0;
    assert_int_equal(ra_issuers(&w.ra, DEVICE, issuers, sizeof issuers, &size), RA_OK);
    assert_int_equal(size, file("ca.cert")->size);
    assert_memory_equal(issuers, file("ca.cert")->p, size);
    assert_int_equal(w.ra.worker, -1);
    for (size_t i = 0; i < sizeof w.ra.request; i++) {
        assert_int_equal(w.ra.request[i], 0);
    }
    /* Another in its place: only after a question. */
    (void)say("import device\rno\r");
    contains("replace the stored credential?");
    contains("cancelled");
    (void)paste("import device force", "sha256.pem", PKCS12_PASSWORD "\r");
    contains("Device: stored and serving");
    serves(DEVICE, "ec.cert");
    assert_true(world_settle(&w));
    boot();
    serves(DEVICE, "ec.cert");
}

static void what_is_not_imported(void **state)
{
    (void)state;
    (void)paste("import device", "aes128.p12", "wrong\r");
    contains("the passphrase does not open it");
    (void)paste("import device", "bare.pem", "x\r");
    contains("the private key is not protected by a passphrase");
    (void)say("import device\rnonsense\r.\rx\r");
    contains("Device: E3-");
    (void)say("import nobody\r");
    contains("E9-02");
    /* A certificate that is not the role's. */
    (void)paste("import agent force", "aes128.p12", PKCS12_PASSWORD "\r");
    contains("the key usage is not the role's");
    assert_int_equal(w.ra.worker, -1);
    struct ra_status s;
    ra_status(&w.ra, DEVICE, &s);
    assert_false(s.stored);
    assert_null(world_check(&w, AGENT));
}

/* Whoever does not carry it on does not keep the worker. */
static void an_import_left_alone(void **state)
{
    (void)state;
    static uint8_t buf[8192];
    const struct pkcs12_file *f = file("modern.p12");
    memcpy(buf, f->p, f->size);
    assert_int_equal(ra_import(&w.ra, DEVICE, buf, f->size, sizeof buf, PKCS12_PASSWORD), RA_AGAIN);
    assert_int_equal(ra_import(&w.ra, DEVICE, buf, f->size, sizeof buf, PKCS12_PASSWORD), RA_AGAIN);
    assert_true(w.ra.worker >= 0);
    assert_true(world_run(&w, 120));
    assert_int_equal(w.ra.worker, -1);
    /* And one that comes while a renewal works waits. */
    assert_int_equal(ra_renew(&w.ra, AGENT, true), RA_OK);
    assert_true(world_until_state(&w, AGENT, RA_STATE_SUBMIT, HOUR));
    assert_int_equal(ra_import(&w.ra, DEVICE, buf, f->size, sizeof buf, PKCS12_PASSWORD),
                     RA_E_BUSY);
    /* Nor while the credentials are being erased. */
    assert_true(world_until_state(&w, AGENT, RA_STATE_FETCH, HOUR));
    assert_int_equal(ra_erase_credentials(&w.ra), RA_OK);
    assert_int_equal(ra_import(&w.ra, DEVICE, buf, f->size, sizeof buf, PKCS12_PASSWORD),
                     RA_E_BUSY);
    assert_true(world_until(&w, world_erased, HOUR));
    assert_int_equal(world_serves(&w, AGENT), 0);
}

static size_t add_pem(char *to, size_t n, struct ra_span der)
{
    return n + ra_pem_read(der, "CERTIFICATE", 0, to + n, sizeof typed - n);
}

/* The key of sha256.pem with other certificates, as a file of the operator's. */
static ra_err import_with(const struct ra_span *certs, unsigned count)
{
    const struct pkcs12_file *f = file("sha256.pem");
    const char *key = strstr((const char *)f->p, "-----BEGIN ENCRYPTED");
    size_t size = f->size - (size_t)(key - (const char *)f->p);
    assert_non_null(key);
    memcpy(typed, key, size);
    for (unsigned i = 0; i < count; i++) {
        size = add_pem(typed, size, certs[i]);
    }
    ra_err e = RA_AGAIN;
    while (e == RA_AGAIN) {
        e = ra_import(&w.ra, DEVICE, (uint8_t *)typed, size, sizeof typed, PKCS12_PASSWORD);
        (void)ra_step(&w.ra);
    }
    assert_int_equal(w.ra.worker, -1);
    return e;
}

static struct ra_span span_of(const char *name)
{
    const struct pkcs12_file *f = file(name);
    return (struct ra_span){f->p, f->size};
}

static struct ra_span world_cert(const char *name)
{
    const struct world_blob *b = world_blob(name);
    return (struct ra_span){b->p, b->size};
}

static void issuers_are(const struct ra_span *wanted, unsigned count)
{
    static uint8_t stored[RA_CHAIN_MAX];
    size_t size = 0, at = 0;
    serves(DEVICE, "ec.cert");
    assert_int_equal(ra_issuers(&w.ra, DEVICE, stored, sizeof stored, &size), RA_OK);
    for (unsigned i = 0; i < count; i++) {
        assert_true(size - at >= wanted[i].size);
        assert_memory_equal(stored + at, wanted[i].p, wanted[i].size);
        at += wanted[i].size;
    }
    assert_int_equal(at, size);
}

/* The key's certificate is found wherever it stands; its issuers follow by name, nearest first, to
 * where the chain breaks off. A root above another issuer is not stored: who trusts it has it. */
static void certificates_in_any_order(void **state)
{
    (void)state;
    static uint8_t under[2048], above[2048], below[2560], over[2560], again[2560], name[0x784];
    struct ra_span leaf = span_of("ec.cert"), ca = span_of("ca.cert"),
                   root = world_cert("root.cert");
    struct ra_cert parsed, parsed_root;
    struct ra_span broken = {leaf.p, leaf.size - 1};
    assert_int_equal(ra_cert_parse(&parsed, ca.p, ca.size), RA_OK);
    assert_int_equal(ra_cert_parse(&parsed_root, root.p, root.size), RA_OK);
    /* Of another key; and nothing but what cannot be read. */
    const struct ra_span others[] = {root, ca};
    assert_int_equal(import_with(others, 2), RA_E_GATE_KEY);
    assert_int_equal(import_with(&broken, 1), RA_E_GATE_KEY);
    assert_int_equal(import_with(NULL, 0), RA_E_GATE_KEY);
    /* The issuer behind something else, and something that cannot be read in between. */
    const struct ra_span mixed[] = {root, broken, ca, leaf};
    assert_int_equal(import_with(mixed, 4), RA_OK);
    issuers_are(&ca, 1);
    const struct ra_span alone[] = {leaf, root};
    assert_int_equal(import_with(alone, 2), RA_OK);
    issuers_are(NULL, 0);
    /* The CA's certificate by another CA's name: that one's is a root, and stays away. */
    struct ra_span cross = pki_with(ca, parsed.issuer, parsed_root.subject, under);
    const struct ra_span chain[] = {root, cross, leaf};
    assert_int_equal(import_with(chain, 3), RA_OK);
    issuers_are(&cross, 1);
    /* Named by a certificate below that: all of it is stored. */
    struct ra_span upper = pki_with(root, parsed_root.issuer, parsed.subject, above);
    const struct ra_span ring[] = {upper, leaf, cross};
    assert_int_equal(import_with(ring, 3), RA_OK);
    const struct ra_span both[] = {cross, upper};
    issuers_are(both, 2);
    /* Two, each by the other: each is stored once. A third, also of a long name, is too much. */
    /* NOLINTNEXTLINE(bugprone-not-null-terminated-result) */
    memcpy(name,
           "\x30\x82\x07\x80\x31\x82\x07\x7c\x30\x82\x07\x78\x06\x03\x55\x04\x03"
           "\x0c\x82\x07\x6f",
           21);
    memset(name + 21, 'x', 0x76f);
    const struct ra_span long_name = {name, sizeof name};
    const struct ra_span large[] = {leaf,
                                    pki_with(ca, parsed.issuer, long_name, below),
                                    pki_with(ca, parsed.subject, long_name, over),
                                    root,
                                    {again, ca.size + sizeof name - parsed.issuer.size}};
    memcpy(again, below, large[4].size);
    again[large[4].size - 1] ^= 1;
    assert_int_equal(import_with(large, 4), RA_OK);
    issuers_are(large + 1, 2);
    assert_int_equal(import_with(large, 5), RA_E_LIMIT);
    issuers_are(large + 1, 2); /* the last one serves on */
}

static const char *trust(struct ra_span cert, const char *after)
{
    size_t n = add_pem(typed, (size_t)snprintf(typed, sizeof typed, "trust add\r"), cert);
    (void)snprintf(typed + n, sizeof typed - n, ".\r%s", after);
    return say(typed);
}

/* Another CA's certificate for each number: its serial number differs, nobody checks a root's signature. */
static struct ra_span another_root(uint8_t number)
{
    static uint8_t der[RA_CERT_MAX];
    struct ra_span root = world_cert("root2.cert");
    struct ra_cert cert;
    assert_int_equal(ra_cert_parse(&cert, root.p, root.size), RA_OK);
    size_t serial = (size_t)(cert.serial.p - root.p) + cert.serial.size - 1;
    memcpy(der, root.p, root.size);
    der[serial] = (uint8_t)(der[serial] ^ number);
    return (struct ra_span){der, root.size};
}

static void trust_anchors(void **state)
{
    (void)state;
    struct ra_span root = world_cert("root2.cert");
    uint8_t digest[32];
    char line[256];
    struct ra_text to;
    (void)trust(root, "");
    assert_int_equal(ra_cert_sha256(root, digest), RA_OK);
    ra_text_init(&to, line, sizeof line);
    ra_text_add_hex(&to, digest + 16, 16, ':');
    contains(line);
    contains("is this the fingerprint");
    (void)say("no\r");
    contains("cancelled");
    (void)say("trust list\r");
    contains("Trust anchor 1");
    assert_null(strstr(w.shown, "Trust anchor 2"));
    (void)trust(root, "yes\r");
    contains("stored");
    (void)say("trust list\r");
    contains("Trust anchor 2");
    contains(line);
    /* Again: it is known. */
    (void)trust(root, "");
    contains("is trust anchor 2 already");
    (void)say("trust list\r");
    assert_null(strstr(w.shown, "Trust anchor 3"));
    /* Not a CA's; not one that is too long; and no more than there is room for. */
    (void)trust(world_cert("scep.cert"), "");
    contains("% E7-18");
    static uint8_t large[RA_CERT_MAX + 1] = {0x30, 0x82, (RA_CERT_MAX - 3) >> 8,
                                             (RA_CERT_MAX - 3) & 0xff};
    (void)trust((struct ra_span){large, sizeof large}, "");
    contains("larger than this build accepts");
    for (uint8_t i = 2; i < RA_ANCHORS_MAX; i++) {
        (void)trust(another_root(i), "yes\r");
        contains("stored");
    }
    (void)trust(another_root(RA_ANCHORS_MAX), "");
    contains("no place is left for another trust anchor");
    /* One is removed by its number, after it was shown; the next one gets its place. */
    (void)say("trust remove 3\r");
    contains("  SHA-256 ");
    contains("remove it?");
    (void)say("no\r");
    (void)say("trust list\r");
    contains("Trust anchor 3");
    (void)say("trust remove 3 force\r");
    contains("removed");
    assert_true(world_settle(&w));
    world_boot(&w);
    (void)say("trust list\r");
    assert_null(strstr(w.shown, "Trust anchor 3"));
    contains("Trust anchor 4");
    (void)say("trust remove 3\r");
    contains("% E1-");
    (void)say("trust remove 0\r");
    contains("% E");
    (void)say("trust remove 5\r");
    contains("% E");
    (void)trust(another_root(RA_ANCHORS_MAX), "yes\r");
    (void)say("trust list\r");
    contains("Trust anchor 3");
    /* While the question stands somebody else removes it: it is not there any more. */
    (void)say("trust remove 3\r");
    contains("remove it?");
    ra_err e;
    while ((e = ra_remove_anchor(&w.ra, 2)) == RA_AGAIN) {
        assert_true(world_step(&w));
    }
    assert_int_equal(e, RA_OK);
    (void)say("yes\r");
    contains("% E1-");
    assert_null(strstr(w.shown, "removed"));
    (void)trust(another_root(RA_ANCHORS_MAX), "yes\r");
    contains("stored");
    /* One that is damaged in flash is named so, and can be removed too. */
    for (uint32_t i = 0; i < w.ra.store.entries; i++) {
        const struct ra_store_entry_ *entry = &w.ra.store.entry[i];
        if (entry->type == RA_RECORD_ANCHOR && entry->id == 1) {
            w.memory[entry->at + 60] ^= 0x04;
        }
    }
    (void)say("trust remove 2\r");
    contains("% E1-");
    contains("remove it?");
    (void)say("yes\r");
    contains("removed");
    (void)say("trust list\r");
    assert_null(strstr(w.shown, "Trust anchor 2"));
    contains("Trust anchor 3");
}

/* A record that is being written is waited for. */
static void an_anchor_while_flash_is_busy(void **state)
{
    (void)state;
    w.flash.polls = 300;
    ra_config_save(&w.ra);
    while (!w.flash.busy) {
        turn();
    }
    (void)trust(another_root(1), "yes\r");
    contains("is this the fingerprint");
    contains("stored");
}

/* What cannot be written is said. */
static void an_anchor_without_noise(void **state)
{
    (void)state;
    w.noise = WORLD_NOISE_NONE;
    boot();
    (void)say("terminal length 0\r");
    (void)trust(another_root(1), "yes\r");
    contains("% E2-");
    (void)say("trust list\r");
    assert_null(strstr(w.shown, "Trust anchor 2"));
    w.noise = WORLD_NOISE_GOOD;
    (void)trust(another_root(1), "yes\r");
    contains("stored");
}

/* An anchor that ended before the time floor gives its place up, and none that has not ended; a place
 * that was never used comes first. */
static void an_anchor_that_ended(void **state)
{
    (void)state;
    static uint8_t der[RA_CERT_MAX];
    struct ra_span root = another_root(9);
    memcpy(der, root.p, root.size);
    uint8_t *end = der;
    while (memcmp(end, "2060", 4) != 0) {
        end++;
    }
    memcpy(end, "2021", 4);
    struct ra_span ended = {der, root.size};
    while (ra_provision_anchor(&w.ra, 2, ended.p, ended.size) == RA_AGAIN) {
        turn();
    }
    (void)trust(another_root(1), "yes\r");
    (void)trust(another_root(2), "yes\r");
    contains("stored");
    (void)say("trust list\r");
    contains("Trust anchor 4");
    contains("valid to     2021-");
    (void)trust(another_root(3), "yes\r");
    contains("stored");
    (void)say("trust list\r");
    assert_null(strstr(w.shown, "2021-"));
    size_t size = 0;
    assert_true(world_flash_holds(&w, RA_RECORD_ANCHOR, 0, der, sizeof der, &size));
    assert_int_equal(size, world_cert("root.cert").size);
    assert_memory_equal(der, world_cert("root.cert").p, size);
    (void)trust(another_root(4), "");
    contains("no place is left for another trust anchor");
}

/* --- erasing --------------------------------------------------------------------------------- */

/* Whether eight bytes in a row of the agent's private key stand anywhere in the flash. */
static bool key_in_flash(void)
{
    const struct world_blob *key = world_blob("agent.key");
    for (size_t at = 16; at + 8 <= 40; at += 8) {
        for (size_t i = 0; i + 8 <= w.flash.size; i++) {
            if (memcmp(w.memory + i, key->p + at, 8) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* Without a device key, so that keys stand in flash as they are. */
static void start_unsealed(const struct hal_flash *geometry)
{
    world_init(&w, geometry);
    w.no_device_key = true;
    world_provision_pair(&w, 400, 400);
    boot();
    world_set(&w, "ca-password", "s3cret-Passw0rd");
    assert_true(world_settle(&w));
}

static bool found(const char *text)
{
    for (size_t i = 0; i + strlen(text) <= w.flash.size; i++) {
        if (memcmp(w.memory + i, text, strlen(text)) == 0) {
            return true;
        }
    }
    return false;
}

static void nothing_is_left(void **state)
{
    (void)state;
    static const struct hal_flash geometries[] = {{.sector_size = 4096,
                                                   .sector_count = 96,
                                                   .program_unit = 16,
                                                   .program_max = 256,
                                                   .erased = 0xff},
                                                  {.sector_size = 65536,
                                                   .sector_count = 6,
                                                   .program_unit = 1,
                                                   .program_max = 256,
                                                   .erased = 0xff},
                                                  {.sector_size = 4096,
                                                   .sector_count = 90,
                                                   .program_unit = 8,
                                                   .program_max = 256,
                                                   .erased = 0x00}};
    for (unsigned g = 0; g < 3; g++) {
        start_unsealed(&geometries[g]);
        assert_true(key_in_flash());
        assert_true(found("s3cret-Passw0rd"));
        /* Behind the last bank too, where one of another size may once have been. */
        uint32_t last = w.flash.size - w.flash.geometry.sector_size;
        memcpy(w.memory + last, w.memory, w.flash.geometry.sector_size);
        assert_int_equal(ra_erase_credentials(&w.ra), RA_OK);
        uint8_t der[RA_CERT_MAX];
        size_t size = 0;
        assert_int_equal(ra_certificate(&w.ra, AGENT, der, sizeof der, &size), RA_E_NO_CREDENTIAL);
        assert_true(world_until(&w, world_erased, HOUR));
        assert_false(key_in_flash());
        assert_false(found("s3cret-Passw0rd"));
        assert_true(found(FAKE_CA_URL)); /* other settings stay */
        assert_int_equal(world_logged(&w, RA_LOG_ERASED, RA_EVENT_NO_ROLE), 1);
        assert_true(world_until_state(&w, AGENT, RA_STATE_EMPTY, HOUR));
        assert_true(world_flash_holds(&w, RA_RECORD_ANCHOR, 0, NULL, 0, NULL));
        assert_null(world_clean(&w));
        boot();
        assert_int_equal(world_serves(&w, AGENT), 0);
        assert_false(ra_erasing(&w.ra));
    }
}

static void at_the_console(void **state)
{
    (void)state;
    (void)say("erase credentials\rno\r");
    contains("cancelled");
    assert_null(world_check(&w, AGENT));
    /* A record that is being written is waited for. */
    (void)say("erase credentials\r");
    w.flash.polls = 20;
    assert_int_equal(ra_renew(&w.ra, AGENT, true), RA_OK);
    for (unsigned i = 0; w.ra.writer != RA_WRITER_WORK; i++) {
        assert_true(i < 1000);
        turn();
    }
    (void)say("yes\r");
    w.flash.polls = 0;
    contains("erased");
    (void)say("show\r");
    contains("no credential");
    (void)paste("import device", "aes128.p12", PKCS12_PASSWORD "\r");
    contains("Device: stored and serving");
}

/* The power goes at a flash operation: before the mark all serves, after it all is erased in the end. */
static void cut_while_erasing(void **state)
{
    (void)state;
    bool finished = false;
    unsigned before = 0, after = 0;
    for (uint32_t cut = 1; !finished; cut += 1 + cut / 12) {
        start_unsealed(NULL);
        uint32_t old = world_serves(&w, AGENT);
        assert_int_equal(ra_erase_credentials(&w.ra), RA_OK);
        w.flash.cut = (enum nor_cut)((cut - 1) % 4);
        w.flash.cut_at = w.flash.operations + cut;
        finished = world_until(&w, world_erased, HOUR);
        w.flash.cut_at = 0;
        boot();
        if (!finished && !ra_erasing(&w.ra) && world_serves(&w, AGENT) == old) {
            before++;
            assert_null(world_check(&w, AGENT));
            continue;
        }
        after++;
        assert_int_equal(world_serves(&w, AGENT), 0);
        assert_true(world_until(&w, world_erased, HOUR));
        assert_false(key_in_flash());
        boot();
        assert_int_equal(world_serves(&w, AGENT), 0);
    }
    assert_true(before >= 1 && after > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_pair_from_pkcs12, setup),
        cmocka_unit_test_setup(what_is_not_imported, setup),
        cmocka_unit_test_setup(an_import_left_alone, setup),
        cmocka_unit_test_setup(certificates_in_any_order, setup),
        cmocka_unit_test_setup(trust_anchors, setup),
        cmocka_unit_test_setup(an_anchor_while_flash_is_busy, setup),
        cmocka_unit_test_setup(an_anchor_without_noise, setup),
        cmocka_unit_test_setup(an_anchor_that_ended, setup),
        cmocka_unit_test(nothing_is_left),
        cmocka_unit_test_setup(at_the_console, setup),
        cmocka_unit_test(cut_while_erasing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
