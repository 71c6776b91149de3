/* The gates, one defect at a time: certificates by openssl, and copies with bytes replaced in
 * place (no signature is looked at here; the chain has a suite of its own). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pki_vectors.h"
#include "ra_gates.h"
#include "ra_schedule.h"

#define DAY ((int64_t)RA_DAY)
#define NOT_AFTER 2493072000 /* 2049-01-01, of all leaves of pki_vectors */
#define NOW (NOT_AFTER - 300 * DAY)

static struct ra_key work;
static struct ra_config config;
static uint8_t copy[RA_CERT_MAX];
static struct ra_cert old;

static ra_err role_gate(enum ra_role role, const char *name)
{
    struct ra_cert c;
    pki_cert_parse(&c, name);
    return ra_gates_role(role, &c, &work);
}

static void roles(void **state)
{
    (void)state;
    assert_int_equal(role_gate(RA_ROLE_AGENT, "agent"), RA_OK);
    assert_int_equal(role_gate(RA_ROLE_AGENT, "agent_ec"), RA_OK);
    assert_int_equal(role_gate(RA_ROLE_AGENT, "agent_ec384"), RA_OK);
    assert_int_equal(role_gate(RA_ROLE_ENCRYPTION, "encryption"), RA_OK);
    /* The roles exchanged. */
    assert_int_equal(role_gate(RA_ROLE_ENCRYPTION, "agent"), RA_E_GATE_USAGE);
    assert_int_equal(role_gate(RA_ROLE_AGENT, "encryption"), RA_E_GATE_USAGE);
    assert_int_equal(role_gate(RA_ROLE_AGENT, "sub"), RA_E_GATE_IS_CA);
    assert_int_equal(role_gate(RA_ROLE_ENCRYPTION, "weak_leaf"), RA_E_GATE_WEAK);
    assert_int_equal(role_gate(RA_ROLE_ENCRYPTION, "agent_sha1"), RA_E_GATE_WEAK);
    assert_int_equal(role_gate(RA_ROLE_AGENT, "odd"), RA_E_GATE_USAGE);
    /* Each condition by itself. */
    struct ra_cert c;
    pki_cert_parse(&c, "agent");
    c.has_key_usage = false;
    assert_int_equal(ra_gates_role(RA_ROLE_AGENT, &c, &work), RA_E_GATE_USAGE);
    pki_cert_parse(&c, "agent");
    c.key_usage |= RA_KU_NON_REPUDIATION;
    assert_int_equal(ra_gates_role(RA_ROLE_AGENT, &c, &work), RA_E_GATE_USAGE);
    pki_cert_parse(&c, "agent");
    c.eku_request_agent = false;
    assert_int_equal(ra_gates_role(RA_ROLE_AGENT, &c, &work), RA_E_GATE_EKU);
    pki_cert_parse(&c, "agent");
    c.eku_count = 2;
    assert_int_equal(ra_gates_role(RA_ROLE_AGENT, &c, &work), RA_E_GATE_EKU);
    pki_cert_parse(&c, "agent");
    c.eku_count = 0;
    assert_int_equal(ra_gates_role(RA_ROLE_AGENT, &c, &work), RA_E_GATE_EKU);
    pki_cert_parse(&c, "agent");
    c.sig_hash = RA_HASH_NONE;
    assert_int_equal(ra_gates_role(RA_ROLE_AGENT, &c, &work), RA_E_GATE_WEAK);
    /* An EC key is no encryption key, by its own name. */
    pki_cert_parse(&c, "agent_ec");
    c.key_usage = RA_KU_KEY_ENCIPHERMENT;
    assert_int_equal(ra_gates_role(RA_ROLE_ENCRYPTION, &c, &work), RA_E_ENCRYPTION_EC);
}

/* A new certificate: the Enrollment Agent's with another serial number, ending in December. */
static struct ra_span renewed(void)
{
    struct ra_span der = pki_cert_der("agent");
    memcpy(copy, der.p, der.size);
    copy[(size_t)(old.serial.p - old.der.p)] ^= 0x01;
    return (struct ra_span){copy, der.size};
}

static void replace(const char *from, const char *to, unsigned times)
{
    size_t n = strlen(from);
    unsigned found = 0;
    assert_int_equal(n, strlen(to));
    for (size_t i = 0; i + n <= old.der.size; i++) {
        if (memcmp(copy + i, from, n) == 0) {
            memcpy(copy + i, to, n);
            found++;
        }
    }
    assert_int_equal(found, times);
}

static ra_err gates_at(int64_t now, const struct ra_span *certs, size_t n, struct ra_cert *leaf)
{
    struct ra_gates_input in = {.role = RA_ROLE_AGENT,
                                .config = &config,
                                .old = &old,
                                .subject = old.subject,
                                .key = old.spki,
                                .certs = certs,
                                .cert_count = n,
                                .now = now,
                                .work = &work};
    return ra_gates_check(&in, leaf);
}

static ra_err gates(int64_t now)
{
    struct ra_span certs[] = {{copy, old.der.size}};
    struct ra_cert leaf;
    return gates_at(now, certs, 1, &leaf);
}

static int setup(void **state)
{
    (void)state;
    ra_config_defaults(&config);
    pki_cert_parse(&old, "agent");
    (void)renewed();
    replace("490101000000Z", "491201000000Z", 1);
    return 0;
}

static void a_good_one_passes(void **state)
{
    (void)state;
    assert_int_equal(gates(NOW), RA_OK);
    /* Found among its issuers, in any order, beside the old one. */
    struct ra_cert leaf;
    struct ra_span certs[] = {
        pki_cert_der("root"), pki_cert_der("agent"), pki_cert_der("sub"), {copy, old.der.size}};
    assert_int_equal(gates_at(NOW, certs, 4, &leaf), RA_OK);
    assert_ptr_equal(leaf.der.p, copy);
    /* A cert that cannot be read is passed over. */
    certs[0] = (struct ra_span){(const uint8_t *)"\x30\x00", 2};
    assert_int_equal(gates_at(NOW, certs, 4, &leaf), RA_OK);
}

static void another_key(void **state)
{
    (void)state;
    struct ra_cert leaf;
    struct ra_span certs[] = {pki_cert_der("agent_ec"), pki_cert_der("sub")};
    assert_int_equal(gates_at(NOW, certs, 2, &leaf), RA_E_GATE_KEY);
    assert_int_equal(gates_at(NOW, certs, 0, &leaf), RA_E_GATE_KEY);
    copy[(size_t)(old.spki_bits.p - old.der.p) + 100] ^= 1;
    assert_int_equal(gates(NOW), RA_E_GATE_KEY);
}

static void the_same_again(void **state)
{
    (void)state;
    struct ra_cert leaf;
    struct ra_span certs[] = {pki_cert_der("agent")};
    assert_int_equal(gates_at(NOW, certs, 1, &leaf), RA_E_GATE_SAME);
    /* Another end, the old serial number. */
    copy[(size_t)(old.serial.p - old.der.p)] ^= 0x01;
    assert_int_equal(gates(NOW), RA_E_GATE_SAME);
}

static void another_subject_or_name(void **state)
{
    (void)state;
    replace("RA01-MSCEP-RA", "ra01-mscep-ra", 1); /* letters' case does not matter */
    assert_int_equal(gates(NOW), RA_OK);
    replace("ra01-mscep-ra", "RA02-MSCEP-RA", 1);
    assert_int_equal(gates(NOW), RA_E_GATE_SUBJECT);
    (void)setup(state);
    replace("ra01.example.test", "ra02.example.test", 1);
    assert_int_equal(gates(NOW), RA_E_GATE_SAN);
    (void)setup(state);
    static const char was[] = "E\0n\0r\0o\0l\0l";
    for (size_t i = 0; i + sizeof was <= old.der.size; i++) {
        if (memcmp(copy + i, was, sizeof was - 1) == 0) {
            copy[i] = 'X';
        }
    }
    assert_int_equal(gates(NOW), RA_E_GATE_TEMPLATE);
}

/* With no old certificate the name is still the one that was asked for. */
static void a_first_one(void **state)
{
    (void)state;
    struct ra_cert leaf, other;
    struct ra_span certs[] = {{copy, old.der.size}};
    struct ra_gates_input in = {.role = RA_ROLE_AGENT,
                                .config = &config,
                                .subject = old.subject,
                                .key = old.spki,
                                .certs = certs,
                                .cert_count = 1,
                                .now = NOW,
                                .work = &work};
    assert_int_equal(ra_gates_check(&in, &leaf), RA_OK);
    replace("ra01.example.test", "ra02.example.test", 1); /* of no setting */
    assert_int_equal(ra_gates_check(&in, &leaf), RA_OK);
    pki_cert_parse(&other, "sub");
    in.subject = other.subject;
    assert_int_equal(ra_gates_check(&in, &leaf), RA_E_GATE_SUBJECT);
}

/* The appliance's own certificate has the usages that the old one has, whatever they are: "odd" is
 * for servers, agents and clients. */
#define SERVERS "\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01"
#define CLIENTS "\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x02"
#define MAIL "\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x04"
#define AGENTS "\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x14\x02\x01"

static ra_err usages(const char *purposes, size_t size, uint8_t count, uint16_t usage, bool has)
{
    struct ra_span der = pki_cert_der("odd");
    struct ra_cert was, leaf;
    pki_cert_parse(&was, "odd");
    memcpy(copy, der.p, der.size);
    copy[(size_t)(was.serial.p + was.serial.size - 1 - was.der.p)] ^= 0x01;
    struct ra_span certs[] = {{copy, der.size}};
    was.not_after -= DAY;
    was.eku = (struct ra_span){(const uint8_t *)purposes, size};
    was.eku_count = count;
    was.key_usage ^= usage;
    was.has_key_usage = has;
    struct ra_gates_input in = {.role = RA_ROLE_DEVICE,
                                .config = &config,
                                .old = &was,
                                .subject = was.subject,
                                .key = was.spki,
                                .certs = certs,
                                .cert_count = 1,
                                .now = was.not_before,
                                .work = &work};
    config.minimum_life_days = 0;
    return ra_gates_check(&in, &leaf);
}

#define USAGES(list, count) usages(list, sizeof(list) - 1, count, 0, odd.has_key_usage)

static void the_usages_of_the_old_one(void **state)
{
    static const char same[] = "\x30\x20" SERVERS AGENTS CLIENTS;
    struct ra_cert odd;
    (void)state;
    pki_cert_parse(&odd, "odd");
    assert_int_equal(odd.eku_count, 3);
    assert_memory_equal(odd.eku.p, same, sizeof same - 1);
    assert_int_equal(USAGES(same, 3), RA_OK);
    assert_int_equal(USAGES("\x30\x20" CLIENTS SERVERS AGENTS, 3), RA_OK);
    assert_int_equal(USAGES("\x30\x20" MAIL AGENTS CLIENTS, 3), RA_E_GATE_EKU);
    assert_int_equal(USAGES("\x30\x20" SERVERS AGENTS MAIL, 3), RA_E_GATE_EKU);
    assert_int_equal(USAGES("\x30\x16" SERVERS AGENTS, 2), RA_E_GATE_EKU);
    assert_int_equal(USAGES("\x30\x2a" SERVERS AGENTS CLIENTS MAIL, 4), RA_E_GATE_EKU);
    assert_int_equal(USAGES("", 0), RA_E_GATE_EKU);
    assert_int_equal(USAGES("", 3), RA_E_GATE_EKU);
    assert_int_equal(usages(same, sizeof same - 1, 3, 0, !odd.has_key_usage), RA_E_GATE_USAGE);
    assert_int_equal(usages(same, sizeof same - 1, 3, RA_KU_NON_REPUDIATION, odd.has_key_usage),
                     RA_E_GATE_USAGE);
}

static void validity(void **state)
{
    (void)state;
    const int64_t end = NOT_AFTER + 334 * DAY; /* 2049-12-01 */
    /* A short one is refused as long as there is time for another. */
    config.minimum_life_days = 400;
    assert_int_equal(gates(end - 400 * DAY), RA_OK);
    assert_int_equal(gates(end - 400 * DAY + 1), RA_E_GATE_LIFETIME);
    assert_int_equal(gates(NOT_AFTER - 7 * DAY), RA_E_GATE_LIFETIME);
    assert_int_equal(gates(NOT_AFTER - 7 * DAY + 1), RA_OK);
    assert_int_equal(gates(end - 1), RA_OK);
    config.minimum_life_days = 90;
    assert_int_equal(gates(end), RA_E_GATE_EXPIRED);
    /* notBefore 2024-01-01: a day ahead is waited for, more is refused. */
    const int64_t begin = 1704067200;
    assert_int_equal(gates(begin - DAY), RA_OK);
    assert_int_equal(gates(begin - DAY - 1), RA_E_GATE_NOT_YET);
    /* No longer than the old one. */
    replace("491201000000Z", "490101000000Z", 1);
    assert_int_equal(gates(NOW), RA_E_GATE_NOT_LONGER);
    replace("490101000000Z", "490101000001Z", 1);
    assert_int_equal(gates(NOW), RA_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roles),
        cmocka_unit_test_setup(a_good_one_passes, setup),
        cmocka_unit_test_setup(another_key, setup),
        cmocka_unit_test_setup(the_same_again, setup),
        cmocka_unit_test_setup(another_subject_or_name, setup),
        cmocka_unit_test_setup(a_first_one, setup),
        cmocka_unit_test_setup(the_usages_of_the_old_one, setup),
        cmocka_unit_test_setup(validity, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
