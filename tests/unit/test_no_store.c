/* An appliance whose flash cannot be used serves nothing, and says so: no call waits for a start that
 * never comes, and every command at the console comes back to the prompt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ra_command.h"
#include "ra_pem.h"
#include "world.h"
#include "world_vectors.h"

#define AGENT RA_ROLE_AGENT

static struct world w;
static struct ra_console console;
static uint8_t bulk[RA_CONSOLE_BULK];
static char typed[16384];

static int setup(void **state)
{
    (void)state;
    world_init(&w, NULL);
    w.hal.flash.sector_count = 1;
    w.serial_room = WORLD_SERIAL_MAX;
    assert_int_equal(ra_init(&w.ra, &w.hal, &w.link.transport, w.reply), RA_E_FLASH_GEOMETRY);
    assert_int_equal(w.ra.start_error, RA_E_FLASH_GEOMETRY);
    ra_console_init(&console, &w.ra, "test board", bulk);
    console.length = 0;
    return 0;
}

/* Until all is read and answered, as ra_appliance_step has it: ra_step is not called. */
static void say(const char *text)
{
    w.shown_size = 0;
    w.shown[0] = '\0';
    w.typed = text;
    for (unsigned i = 0, quiet = 0; quiet < 5 && w.resets == 0; i++) {
        bool runs = console.command != NULL && console.input == RA_CONSOLE_COMMANDS;
        if (i > 5000) {
            fail_msg("it does not come back from: %s", text);
        }
        w.serial_taken = 0;
        (void)ra_console_step(&console);
        w.true_ms += 10;
        quiet = *w.typed == '\0' && !runs && console.out_count == 0 ? quiet + 1 : 0;
    }
}

static void shows(const char *text, const char *wanted)
{
    say(text);
    if (strstr(w.shown, wanted) == NULL) {
        fail_msg("no '%s' in:\n%s", wanted, w.shown);
    }
}

static void no_call_waits(void **state)
{
    (void)state;
    const struct world_blob *cert = world_blob("root2.cert"), *key = world_blob("agent.key");
    uint8_t out[64], digest[32] = {0};
    struct ra_span none = {NULL, 0};
    size_t size = 0;
    uint16_t place;
    bool known;
    assert_int_equal(ra_certificate(&w.ra, AGENT, out, sizeof out, &size), RA_E_FLASH_GEOMETRY);
    assert_int_equal(ra_issuers(&w.ra, AGENT, out, sizeof out, &size), RA_E_FLASH_GEOMETRY);
    assert_int_equal(ra_sign(&w.ra, AGENT, RA_HASH_SHA256, digest, out, sizeof out, &size),
                     RA_E_FLASH_GEOMETRY);
    assert_int_equal(
        ra_decrypt(&w.ra, none, none, RA_PAD_PKCS1, digest, sizeof digest, out, sizeof out, &size),
        RA_E_FLASH_GEOMETRY);
    assert_int_equal(ra_provision(&w.ra, AGENT, key->p, key->size, cert->p, cert->size, NULL, 0),
                     RA_E_FLASH_GEOMETRY);
    assert_int_equal(ra_provision_anchor(&w.ra, 0, cert->p, cert->size), RA_E_FLASH_GEOMETRY);
    assert_int_equal(ra_anchor_place(&w.ra, none, out, &place, &known), RA_E_FLASH_GEOMETRY);
    assert_int_equal(ra_remove_anchor(&w.ra, 0), RA_E_FLASH_GEOMETRY);
    assert_int_equal(ra_accept(&w.ra, AGENT, cert->p, cert->size), RA_E_FLASH_GEOMETRY);
    assert_int_equal(ra_request_text(&w.ra, AGENT, false, 0, (char *)out, sizeof out, &size),
                     RA_E_FLASH_GEOMETRY);
    assert_int_equal(ra_renew(&w.ra, AGENT, false), RA_E_FLASH_GEOMETRY);
    assert_int_equal(ra_enroll_new(&w.ra, AGENT, NULL), RA_E_FLASH_GEOMETRY);
    assert_int_equal(ra_retrieve(&w.ra, AGENT, "7"), RA_E_FLASH_GEOMETRY);
    assert_int_equal(ra_submit(&w.ra, AGENT), RA_E_FLASH_GEOMETRY);
    assert_int_equal(ra_cancel(&w.ra, AGENT), RA_E_FLASH_GEOMETRY);
    assert_int_equal(ra_retry(&w.ra, AGENT), RA_E_FLASH_GEOMETRY);
    assert_int_equal(ra_roll_back(&w.ra, AGENT), RA_E_FLASH_GEOMETRY);
    assert_int_equal(ra_erase_credentials(&w.ra), RA_E_FLASH_GEOMETRY);
}

static const char *pem_of(const char *command, const char *end)
{
    const struct world_blob *root = world_blob("root2.cert");
    size_t n = (size_t)snprintf(typed, sizeof typed, "%s\r", command);
    n += ra_pem_read((struct ra_span){root->p, root->size}, "CERTIFICATE", 0, typed + n,
                     sizeof typed - n);
    (void)snprintf(typed + n, sizeof typed - n, ".\r%s", end);
    return typed;
}

/* Those that wait for flash in an appliance that has one. */
static void commands_say_why(void **state)
{
    (void)state;
    const char why[] = "flash";
    shows("renew 00112233445566778899aabbccddeeff00112233\r", "% E9-07");
    shows("certreq new\r[NewRequest]\rMachineKeySet=TRUE\r"
          "RenewalCert=00112233445566778899aabbccddeeff00112233\r.\r",
          "no stored certificate has this thumbprint");
    shows(pem_of("trust add force", ""), why);
    shows(pem_of("certreq accept agent", ""), why);
    shows("erase credentials force\r", why);
    shows("import agent\rnothing\r.\rsecret\r", why);
    shows("password set\rs3cret-Passw0rd\rs3cret-Passw0rd\r", why);
    shows("show counters\r", "sector wear  0\r\n");
}

static void every_command_comes_back(void **state)
{
    (void)state;
    const struct ra_command *c;
    for (unsigned i = 0; (c = ra_command_at(i)) != NULL; i++) {
        char line[120];
        (void)snprintf(line, sizeof line, "%s%s%s%s\r", c->words, c->args_min > 0 ? " agent" : "",
                       c->args_min > 1 ? " 17" : "",
                       (c->flags & RA_COMMAND_FORCE) != 0 ? " force" : "");
        w.resets = 0;
        console.reboot = false;
        say(line);
        for (unsigned asks = 0; console.command != NULL; asks++) {
            assert_true(asks < 4);
            say(console.input == RA_CONSOLE_PASTE ? "nothing\r.\r" : "s3cret-Passw0rd\r");
        }
        assert_true(w.shown_size != 0);
        assert_int_equal(w.resets, strcmp(c->words, "reboot") == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(no_call_waits, setup),
        cmocka_unit_test_setup(commands_say_why, setup),
        cmocka_unit_test_setup(every_command_comes_back, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
