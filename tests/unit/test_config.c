/* Settings: each can be set, printed, stored and read back; nothing else is taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ra_config.h"
#include "ra_key.h"

static void defaults_are_what_the_table_says(void **state)
{
    (void)state;
    struct ra_config c;
    ra_config_defaults(&c);
    assert_int_equal(c.renew_days, 42);
    assert_int_equal(c.probation_hours, 24);
    assert_int_equal(c.split_days, 7);
    assert_false(c.allow_plaintext_password);
    assert_false(c.hold);
    for (size_t i = 0; i < ra_setting_count(); i++) {
        assert_true(ra_config_is_default(&c, ra_setting_at(i)));
    }
}

static void values_are_checked(void **state)
{
    (void)state;
    struct ra_config c;
    ra_config_defaults(&c);
    assert_int_equal(ra_config_set(&c, "renew-days", "30"), RA_OK);
    assert_int_equal(c.renew_days, 30);
    assert_int_equal(ra_config_set(&c, "Renew-Days", "31"), RA_OK);
    assert_int_equal(ra_config_set(&c, "renew-days", "0"), RA_E_CONFIG_VALUE);
    assert_int_equal(ra_config_set(&c, "renew-days", "721"), RA_E_CONFIG_VALUE);
    assert_int_equal(ra_config_set(&c, "renew-days", "4294967326"), RA_E_CONFIG_VALUE);
    assert_int_equal(ra_config_set(&c, "renew-days", "-1"), RA_E_CONFIG_VALUE);
    assert_int_equal(ra_config_set(&c, "renew-days", ""), RA_E_CONFIG_VALUE);
    assert_int_equal(ra_config_set(&c, "renew-days", "3x"), RA_E_CONFIG_VALUE);
    assert_int_equal(c.renew_days, 31);
    assert_int_equal(ra_config_set(&c, "renew-dais", "3"), RA_E_CONFIG_NAME);
    assert_int_equal(ra_config_set(&c, "hold", "on"), RA_OK);
    assert_true(c.hold);
    assert_int_equal(ra_config_set(&c, "hold", "yes"), RA_E_CONFIG_VALUE);
    assert_int_equal(ra_config_set(&c, "host-name", "a b"), RA_E_CONFIG_VALUE);
    assert_int_equal(ra_config_set(&c, "host-name", "123456789012345678901234567890123"),
                     RA_E_CONFIG_VALUE);
    assert_int_equal(ra_config_set(&c, "host-name", "\x1b[2J"), RA_E_CONFIG_VALUE);
    assert_int_equal(ra_config_set(&c, "host-name", "del\x7f"), RA_E_CONFIG_VALUE);
    const char *const no_protocol[] = {"", "adc", "adcss", "scep|est", "same"};
    assert_int_equal(ra_config_set(&c, "protocol", "scep"), RA_OK);
    for (size_t i = 0; i < sizeof no_protocol / sizeof no_protocol[0]; i++) {
        assert_int_equal(ra_config_set(&c, "protocol", no_protocol[i]), RA_E_CONFIG_VALUE);
    }
    assert_int_equal(c.protocol, RA_PROTOCOL_SCEP);
}

/* As `openssl x509 -fingerprint -sha256` prints one, or without colons; nothing else. */
static void fingerprints(void **state)
{
    (void)state;
    struct ra_config c;
    char text[RA_FINGERPRINT_TEXT + 2];
    uint8_t digest[32];
    ra_config_defaults(&c);
    for (unsigned i = 0; i < 32; i++) {
        memcpy(text + (size_t)3 * i, "aF:", 3);
    }
    text[RA_FINGERPRINT_TEXT] = '\0';
    assert_int_equal(ra_config_set(&c, "ca-fingerprint", text), RA_OK);
    assert_string_equal(c.ca_fingerprint, text);
    assert_true(ra_config_fingerprint(text, digest));
    for (unsigned i = 0; i < 32; i++) {
        assert_int_equal(digest[i], 0xaf);
    }
    static const struct {
        uint8_t at;
        char is;
    } wrong[] = {{0, 'g'},  {1, '@'},   {1, ':'},   {2, '-'},
                 {94, '/'}, {94, '\0'}, {90, '\0'}, {95, ':'}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char bad[sizeof text] = {0};
        memcpy(bad, text, RA_FINGERPRINT_TEXT);
        bad[wrong[i].at] = wrong[i].is;
        assert_false(ra_config_fingerprint(bad, digest));
        assert_int_equal(ra_config_set(&c, "ca-fingerprint", bad), RA_E_CONFIG_VALUE);
        assert_string_equal(c.ca_fingerprint, text);
    }
    memset(text, '0', 65);
    text[65] = '\0';
    assert_int_equal(ra_config_set(&c, "ca-fingerprint", text), RA_E_CONFIG_VALUE);
    text[64] = ':';
    assert_int_equal(ra_config_set(&c, "ca-fingerprint", text), RA_E_CONFIG_VALUE);
    text[64] = '\0';
    assert_int_equal(ra_config_set(&c, "ca-fingerprint", text), RA_OK);
    assert_int_equal(ra_config_set(&c, "ca-fingerprint", ""), RA_OK);
    assert_string_equal(c.ca_fingerprint, "");
}

static void addresses(void **state)
{
    (void)state;
    struct ra_config c;
    ra_config_defaults(&c);
    assert_int_equal(ra_config_set(&c, "ip-address", "10.0.2.15"), RA_OK);
    assert_int_equal(c.ip_address, 0x0a00020f);
    assert_int_equal(ra_config_set(&c, "ip-address", "255.255.255.255"), RA_OK);
    const char *const bad[] = {"",          "10.0.2",     "10.0.2.15.1", "10.0.2.256",
                               "10.0.2.1a", "1000.0.0.1", "10..2.15",    "10.0.2.",
                               " 10.0.2.1", "10.0.2.0015"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(ra_config_set(&c, "ip-address", bad[i]), RA_E_CONFIG_VALUE);
    }
    assert_int_equal(ra_config_set(&c, "ip-address", "dhcp"), RA_OK);
    assert_int_equal(c.ip_address, 0);
}

static void an_ec_key_for_encryption_is_refused_by_name(void **state)
{
    (void)state;
    struct ra_config c;
    ra_config_defaults(&c);
    assert_int_equal(ra_config_set(&c, "agent-key", "p256"), RA_OK);
    assert_int_equal(c.agent_key, RA_KEY_EC_P256);
    assert_int_equal(ra_config_set(&c, "encryption-key", "p256"), RA_E_ENCRYPTION_EC);
    assert_int_equal(ra_config_set(&c, "encryption-key", "p384"), RA_E_ENCRYPTION_EC);
    assert_int_equal(ra_config_set(&c, "encryption-key", "rsa3072"), RA_OK);
    assert_int_equal(c.encryption_key, RA_KEY_RSA_3072);
}

static void secrets_are_not_shown(void **state)
{
    (void)state;
    struct ra_config c;
    char shown[100];
    struct ra_text t;
    ra_config_defaults(&c);
    assert_int_equal(ra_config_set(&c, "ca-password", "hunter2"), RA_OK);
    ra_text_init(&t, shown, sizeof shown);
    ra_config_print(&c, ra_setting_find("ca-password"), false, &t);
    assert_string_equal(shown, "(set)");
}

/* Blanks belong to names and passwords, and come back from flash as they were. */
static void spaces_are_kept(void **state)
{
    (void)state;
    struct ra_config c, back;
    char text[RA_CONFIG_TEXT_MAX];
    size_t size = 0;
    ra_config_defaults(&c);
    assert_int_equal(ra_config_set(&c, "subject", "CN=ra 1,O=Example  Ltd"), RA_OK);
    assert_int_equal(ra_config_set(&c, "ca-password", " two words "), RA_OK);
    assert_int_equal(ra_config_set(&c, "ca-password", "tab\there"), RA_E_CONFIG_VALUE);
    assert_int_equal(ra_config_set(&c, "ca-user", "two words"), RA_E_CONFIG_VALUE);
    assert_int_equal(ra_config_write(&c, text, sizeof text, &size), RA_OK);
    assert_int_equal(ra_config_read(&back, text, size), 0);
    assert_string_equal(back.subject, "CN=ra 1,O=Example  Ltd");
    assert_string_equal(back.ca_password, " two words ");
}

static void stored_form_reads_back(void **state)
{
    (void)state;
    struct ra_config c, d;
    char text[RA_CONFIG_TEXT_MAX];
    size_t size = 0;
    ra_config_defaults(&c);
    assert_int_equal(ra_config_write(&c, text, sizeof text, &size), RA_OK);
    assert_int_equal(size, 0); /* defaults are not stored */
    assert_int_equal(ra_config_set(&c, "ca-url", "http://ca.example.net/certsrv/"), RA_OK);
    assert_int_equal(ra_config_set(&c, "ca-password", "hunter2"), RA_OK);
    assert_int_equal(ra_config_set(&c, "agent-key", "p384"), RA_OK);
    assert_int_equal(ra_config_set(&c, "gateway", "192.168.1.1"), RA_OK);
    assert_int_equal(ra_config_set(&c, "allow-plaintext-password", "on"), RA_OK);
    assert_int_equal(ra_config_write(&c, text, sizeof text, &size), RA_OK);
    assert_int_equal(ra_config_read(&d, text, size), 0);
    assert_memory_equal(&c, &d, sizeof c);
    for (size_t cap = 1; cap < size; cap++) {
        size_t n;
        assert_int_equal(ra_config_write(&c, text, cap, &n), RA_E_SPACE);
    }
}

static void largest_configuration_fits(void **state)
{
    (void)state;
    struct ra_config c;
    char value[RA_URL_MAX + 1];
    char text[RA_CONFIG_TEXT_MAX];
    size_t size = 0;
    ra_config_defaults(&c);
    for (size_t i = 0; i < ra_setting_count(); i++) {
        const struct ra_setting *s = ra_setting_at(i);
        if (s->kind == RA_SETTING_TEXT || s->kind == RA_SETTING_SECRET) {
            /* The fingerprint is 32 octets with colons, the others any printable text. */
            memset(value, 'a', s->max);
            value[s->max] = '\0';
            if (strcmp(s->name, "ca-fingerprint") == 0) {
                for (size_t k = 2; k < s->max; k += 3) {
                    value[k] = ':';
                }
            }
            assert_int_equal(ra_config_set(&c, s->name, value), RA_OK);
        } else if (s->kind == RA_SETTING_IPV4) {
            assert_int_equal(ra_config_set(&c, s->name, "255.255.255.254"), RA_OK);
        } else if (s->kind == RA_SETTING_NUMBER) {
            struct ra_text t;
            ra_text_init(&t, value, sizeof value);
            ra_text_add_u32(&t, s->max);
            assert_int_equal(ra_config_set(&c, s->name, value), RA_OK);
        }
    }
    assert_int_equal(ra_config_write(&c, text, sizeof text, &size), RA_OK);
}

static void any_bytes_can_be_read(void **state)
{
    (void)state;
    struct ra_config c;
    const char newer[] = "renew-days 20\nset-by-a-newer-release 1\nhold maybe\n\nsplit-days 9";
    assert_int_equal(ra_config_read(&c, newer, sizeof newer - 1), 2);
    assert_int_equal(c.renew_days, 20);
    assert_int_equal(c.split_days, 9);
    assert_false(c.hold);
    char junk[700];
    uint32_t x = 1;
    for (unsigned round = 0; round < 200; round++) {
        for (size_t i = 0; i < sizeof junk; i++) {
            x = x * 1664525u + 1013904223u;
            junk[i] = (char)(x >> 24);
        }
        (void)ra_config_read(&c, junk, sizeof junk);
        assert_int_equal(c.renew_days, 42);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_what_the_table_says),
        cmocka_unit_test(values_are_checked),
        cmocka_unit_test(fingerprints),
        cmocka_unit_test(addresses),
        cmocka_unit_test(an_ec_key_for_encryption_is_refused_by_name),
        cmocka_unit_test(secrets_are_not_shown),
        cmocka_unit_test(spaces_are_kept),
        cmocka_unit_test(stored_form_reads_back),
        cmocka_unit_test(largest_configuration_fits),
        cmocka_unit_test(any_bytes_can_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
