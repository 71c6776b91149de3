/* The operator's console over a serial line that takes and gives what it likes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ra_command.h"
#include "ra_console.h"
#include "world.h"

static struct world w;
static struct ra_console console;
static uint8_t bulk[RA_CONSOLE_BULK];

#define SECRET "s3cret-Passw0rd"

static void boot(void)
{
    world_boot(&w);
    ra_console_init(&console, &w.ra, "test board", bulk);
    console.length = 0;           /* as after `terminal length 0` */
    w.ra.config.idle_minutes = 0; /* a minute goes by with each step */
}

static void turn(void)
{
    (void)ra_console_step(&console);
    assert_true(world_step(&w));
}

/* Let it talk until it has read all and has nothing more to say. */
static void listen(void)
{
    for (unsigned i = 0, quiet = 0; quiet < 20; i++) {
        assert_true(i < 20000);
        size_t before = w.shown_size;
        bool more = w.typed != NULL && *w.typed != '\0';
        turn();
        bool runs = console.command != NULL && console.input == RA_CONSOLE_COMMANDS;
        quiet = !more && !runs && console.out_count == 0 && w.shown_size == before ? quiet + 1 : 0;
    }
}

/* Type a line; what was shown since. */
static const char *say(const char *typed)
{
    w.shown_size = 0;
    w.shown[0] = '\0';
    w.typed = typed;
    listen();
    return w.shown;
}

#define assert_shows(typed, text)                                                                  \
    do {                                                                                           \
        if (strstr(say(typed), text) == NULL) {                                                    \
            print_error("no '%s' in:\n%s\n", text, w.shown);                                       \
            fail();                                                                                \
        }                                                                                          \
    } while (0)

/* An appliance with nothing due. */
static int setup(void **state)
{
    (void)state;
    world_init(&w, NULL);
    world_provision_pair(&w, 100, 100);
    boot();
    listen();
    return 0;
}

static void help_lists_every_command(void **state)
{
    (void)state;
    const struct ra_command *command;
    static char shown[WORLD_SERIAL_MAX];
    (void)snprintf(shown, sizeof shown, "%s", say("help\r"));
    for (unsigned i = 0; (command = ra_command_at(i)) != NULL; i++) {
        char line[80];
        (void)snprintf(line, sizeof line, "\n  %s ", command->words);
        if (strstr(shown, line) == NULL) {
            print_error("help does not have %s\n", command->words);
            fail();
        }
        /* Alone, with an example that is the command itself. */
        (void)snprintf(line, sizeof line, "help %s\r", command->words);
        assert_non_null(strstr(say(line), command->example));
        assert_memory_equal(command->example, command->words, strlen(command->words));
        assert_true(strlen(command->help) <= 50);
    }
    /* It ends at the prompt, and no line is longer than a terminal. */
    size_t n = strlen(RA_CONSOLE_PROMPT);
    assert_string_equal(w.shown + w.shown_size - n, RA_CONSOLE_PROMPT);
    for (const char *p = shown; *p != '\0'; p += strcspn(p, "\n") + 1) {
        assert_true(strcspn(p, "\r\n") < 80);
    }
    (void)say("help show\r");
    assert_non_null(strstr(w.shown, "\n  show credentials [| json]\r\n"));
    assert_null(strstr(w.shown, "config list"));
    assert_shows("help nothing\r", "% E9-01");
    assert_shows("help re\r", "% E9-09");
}

/* Both want a role's name; here all is served and nothing is open. */
static void enroll_and_retrieve_by_role(void **state)
{
    (void)state;
    assert_shows("enroll nothing\r", "% E9-02");
    assert_shows("retrieve nothing 17\r", "% E9-02");
    assert_shows("enroll agent\r", "Enrollment Agent: E1-11 a credential is stored");
    assert_shows("show running-config a\t\r", "! every setting");
    assert_shows("retrieve agent 17\r", "Enrollment Agent: E6-23 no request is open");
}

static void show_says_how_it_stands(void **state)
{
    (void)state;
    (void)say("show\r\n");
    static const char *const texts[] = {
        "Enrollment Agent (agent)\r\n",
        "  state        serving\r\n",
        "  subject      CN=RA01-MSCEP-RA\r\n",
        "  issuer       CN=World Issuing CA,O=World\r\n",
        "  serial       1a000000002d00000001\r\n",
        "  valid        2025-04-25T08:00:01Z to 2027-04-25T08:00:01Z\r\n",
        "  days left    99\r\n",
        "  window opens 2027-03-14T08:00:01Z\r\n",
        "CEP Encryption (encryption)\r\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (strstr(w.shown, texts[i]) == NULL) {
            print_error("no '%s' in:\n%s\n", texts[i], w.shown);
            fail();
        }
    }
    /* The thumbprint is that of the certificate. */
    uint8_t sha1[20];
    char hex[41];
    const struct fake_ca_request *r = fake_ca_request(&w.ca, 1);
    struct ra_span der = {r->cert, r->cert_size};
    assert_int_equal(ra_cert_sha1(der, sha1), RA_OK);
    for (unsigned i = 0; i < 20; i++) {
        (void)snprintf(hex + 2 * (size_t)i, 3, "%02x", sha1[i]);
    }
    assert_non_null(strstr(w.shown, hex));
    assert_null(strstr(w.shown, "warning"));
    assert_shows("show log\r", "Enrollment Agent: a credential was stored\r\n");
    assert_shows("show version\r", "Perennial " RA_VERSION ", test board\r\n");
    assert_shows("show version\r", "wolfSSL ");
    assert_shows("show version | json\r", "\"board\": \"test board\",\r\n");
    assert_null(strstr(w.shown, "network"));
    assert_null(strstr(w.shown, "image"));
    ra_console_about_image(&console, 246004);
    assert_shows("show version\r", "  image bytes  246004\r\n");
    console.network = "a network";
    assert_shows("show version\r", "  network      a network\r\n");
    assert_shows("show credentials\r", "Enrollment Agent (agent)");
    assert_shows("show nonsense\r", "% E9-02 a parameter is missing or not understood\r\n");
}

static void unsealed_keys_are_named(void **state)
{
    (void)state;
    world_init(&w, NULL);
    w.no_device_key = true;
    boot();
    assert_shows("show\r", "warning: this board has no device key, stored keys are not sealed");
    assert_shows("show\r", "no credential");
}

/* The only key of a role is damaged at rest: who uses it learns of it, and then `show` says so. */
static void a_damaged_credential_is_named(void **state)
{
    (void)state;
    uint8_t out[RA_SIGNATURE_MAX], digest[32] = {0};
    size_t size = 0;
    unsigned damaged = 0;
    for (uint32_t i = 0; i < w.ra.store.entries; i++) {
        const struct ra_store_entry_ *entry = &w.ra.store.entry[i];
        if (entry->type == RA_RECORD_KEY && entry->id == ra_generation_id(RA_ROLE_AGENT, 1)) {
            w.memory[entry->at + 60] ^= 0x04;
            damaged++;
        }
    }
    assert_int_equal(damaged, 1);
    boot();
    ra_err e;
    do {
        e = ra_sign(&w.ra, RA_ROLE_AGENT, RA_HASH_SHA256, digest, out, sizeof out, &size);
    } while (e == RA_AGAIN);
    assert_int_equal(e, RA_E_RECORD_DAMAGED);
    assert_shows("show\r", "  state        DAMAGED in flash, serving\r\n");
    assert_shows("show\r", "CEP Encryption (encryption)\r\n  state        serving\r\n");
    assert_shows("show log\r", "a stored record is damaged");
    assert_true(world_settle(&w)); /* moved to another bank: the next boot knows it from flash */
    boot();
    assert_shows("show\r", "  state        DAMAGED in flash, serving\r\n");
}

/* Its certificate is: no name of it is made up, and the rest is shown as before. */
static void a_damaged_certificate_is_named(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < w.ra.store.entries; i++) {
        const struct ra_store_entry_ *entry = &w.ra.store.entry[i];
        if (entry->type == RA_RECORD_CERT && entry->id == ra_generation_id(RA_ROLE_AGENT, 1)) {
            w.memory[entry->at + 60] ^= 0x04;
        }
    }
    assert_shows("show\r", "  certificate  E1-");
    assert_null(strstr(w.shown, "serial       1a000000002d00000001"));
    assert_non_null(strstr(w.shown, "serial       1a010000002d00000002"));
}

static void what_has_ended_is_said(void **state)
{
    (void)state;
    world_init(&w, NULL);
    world_provision_pair(&w, 2, 100);
    boot();
    world_set(&w, "hold", "on");
    assert_true(world_run(&w, 3 * RA_DAY));
    assert_shows("show\r", "EXPIRED, ");
    assert_non_null(strstr(w.shown, "  days left    0\r\n"));
    assert_shows("show | json\r", "\"expired\": true");
}

static void timers_of_a_probation(void **state)
{
    (void)state;
    (void)say("show timers\r");
    assert_null(strstr(w.shown, "probation to"));
    assert_null(strstr(w.shown, "old ends"));
    assert_int_equal(ra_renew(&w.ra, RA_ROLE_ENCRYPTION, true), RA_OK);
    assert_true(world_until_state(&w, RA_ROLE_ENCRYPTION, RA_STATE_PROBATION, 600));
    listen();
    assert_shows("show timers\r", "  probation to 2027-");
    assert_non_null(strstr(w.shown, "  old ends     2027-04-25T08:00:01Z\r\n"));
}

static void failures_in_words(void **state)
{
    (void)state;
    w.ca.mode[RA_ROLE_AGENT] = FAKE_CA_ERROR;
    w.ca.hresult = 0x80094012;
    assert_shows("renew agent\r", "Enrollment Agent: renewal begins\r\n");
    assert_true(world_until_state(&w, RA_ROLE_AGENT, RA_STATE_BACKOFF, 600));
    /* As it happened, above the prompt. */
    listen();
    assert_non_null(strstr(w.shown, "! 2027-"));
    assert_non_null(strstr(w.shown, "HRESULT 0x80094012"));
    (void)say("show\r");
    assert_non_null(strstr(w.shown, "waiting to try again"));
    assert_non_null(
        strstr(w.shown, "last failure E6-07 the account may not enrol for the template\r\n"));
    assert_non_null(strstr(w.shown, "0x80094012 no permission to enrol for this template\r\n"));
    assert_non_null(strstr(w.shown, "next attempt 2027-04-11T08:00:01Z\r\n"));
    /* The longest of all pieces, whole on a line that takes byte by byte. */
    w.pace_ms = 10;
    w.serial_room = 1;
    (void)snprintf(w.ra.renewal[RA_ROLE_AGENT].txn.peer, 60, "%058d!", 0);
    assert_shows("show\rshow transactions\r", "00000!\r\nCEP Encryption\r\n  none is open\r\n");
    console.network = w.ra.renewal[RA_ROLE_AGENT].txn.peer;
    assert_shows("show\rshow version\r", "  flash bytes  393216\r\n");
}

static void renew_by_every_name(void **state)
{
    (void)state;
    uint8_t sha1[20];
    char line[80] = "renew ";
    assert_shows("renew nobody\r", "% E9-06 a thumbprint has exactly 40 hex digits\r\n");
    assert_shows("renew 00112233445566778899aabbccddeeff0011223\r", "% E9-06");
    assert_shows("renew 00112233445566778899aabbccddeeff001122334\r", "% E9-06");
    assert_shows("renew 00112233445566778899aabbccddeeff00112233\r", "% E9-07");
    const struct fake_ca_request *r = fake_ca_request(&w.ca, 2);
    struct ra_span der = {r->cert, r->cert_size};
    assert_int_equal(ra_cert_sha1(der, sha1), RA_OK);
    for (unsigned i = 0; i < 20; i++) {
        (void)snprintf(line + strlen(line), 4, "%02X%s", sha1[i], i == 19 ? "\r" : ":");
    }
    assert_shows(line, "CEP Encryption: renewal begins\r\n");
    assert_true(world_until_state(&w, RA_ROLE_ENCRYPTION, RA_STATE_PROBATION, 600));
    assert_int_equal(w.ca.submits[RA_ROLE_ENCRYPTION], 1);
    assert_int_equal(w.ca.submits[RA_ROLE_AGENT], 0);
    listen();
    assert_true(world_run(&w, 3600));
    (void)say("renew all\r");
    assert_non_null(strstr(w.shown, "Enrollment Agent: renewal begins\r\n"));
    assert_non_null(strstr(w.shown, "CEP Encryption: renewal begins\r\n"));
    assert_true(world_until_state(&w, RA_ROLE_AGENT, RA_STATE_PROBATION, 600));
    assert_shows("config set hold on\r", RA_CONSOLE_PROMPT);
    assert_shows("renew\r", "Enrollment Agent: E8-04 renewal is on hold by the operator\r\n");
    assert_shows("show\r", ", on hold by the operator\r\n");
}

static void time_is_shown_and_set(void **state)
{
    (void)state;
    w.board_clock = false;
    w.ca.no_date = true;
    boot();
    listen();
    assert_shows("time\r", "unknown, source: unknown, not before 202");
    assert_shows("show\r", "unknown: the time is not set");
    assert_shows("time set 2027-02-03T04:05:06Z\r",
                 "2027-02-03T04:05:06Z, source: operator, not before");
    assert_shows("time set 1999-01-01T00:00:00Z\r", "% E8-01");
    assert_shows("time set tomorrow\r", "% E3-14");
    assert_shows("time set 2027-02-30T00:00:00Z\r", "% E3-14");
    assert_shows("time set\r", "% E9-02");
    assert_shows("time reset\r", "% E9-02");
    assert_shows("time\r", "source: operator");
    assert_true(world_settle(&w));
    boot();
    listen();
    assert_shows("time\r", "unknown, source: unknown, not before 2027-02-03T04:05:06Z");
}

static void settings_survive_a_reset(void **state)
{
    (void)state;
    assert_shows("config list\r", "poll-minutes");
    assert_shows("config set poll-minutes 17\r", RA_CONSOLE_PROMPT);
    assert_null(strstr(w.shown, "%"));
    boot();
    listen();
    assert_int_equal(w.ra.config.poll_minutes, 60); /* set, not saved */
    (void)say(
        "config set poll-minutes 17\rconfig set CA-User EXAMPLE\\ra\rconfig set host-name ra77\r");
    assert_shows("config save\r", "saving\r\n");
    assert_true(world_settle(&w));
    boot();
    listen();
    assert_int_equal(w.ra.config.poll_minutes, 17);
    assert_string_equal(w.ra.config.ca_user, "EXAMPLE\\ra");
    assert_string_equal(w.ra.config.host_name, "ra77");
    assert_shows("config\r", "EXAMPLE\\ra");
    assert_shows("config set poll-minutes 0\r", "% E9-04");
    assert_shows("config set poll-minutes 1441\r", "% E9-04");
    assert_shows("config set no-such-thing 1\r", "% E9-03");
    assert_shows("config set\r", "% E9-02");
    assert_shows("config delete\r", "% E9-02");
    assert_shows("config set encryption-key p256\r", "% E2-");
    assert_int_equal(w.ra.config.poll_minutes, 17);
    assert_shows("show log\r", "configuration saved");
}

static bool holds(const void *p, size_t size, const char *text)
{
    size_t n = strlen(text);
    for (size_t i = 0; i + n <= size; i++) {
        if (memcmp((const uint8_t *)p + i, text, n) == 0) {
            return true;
        }
    }
    return false;
}

/* A value is the rest of the line, as a name of two words needs it. */
static void a_value_has_spaces(void **state)
{
    (void)state;
    assert_shows("config set subject CN=ra1,O=Example  Ltd  \r", "Ltd  \r\n" RA_CONSOLE_PROMPT);
    assert_string_equal(w.ra.config.subject, "CN=ra1,O=Example  Ltd");
    assert_shows("show running-config\r", "\r\nconfig set subject CN=ra1,O=Example  Ltd\r\n");
    assert_shows("config set renew-days 60 61\r", "% E9-04");
    /* Whatever it is made of: help, filters and words are for what stands before it. */
    const char odd[] = "config set subject CN=a b c d e f g h i j k l ?m | json n?\r";
    (void)say(odd);
    assert_null(strchr(w.shown, '%'));
    assert_string_equal(w.ra.config.subject, "CN=a b c d e f g h i j k l ?m | json n?");
    assert_shows("show running-config\r", odd);
    assert_shows("config set subject ?", "  NAME [VALUE]\r\n  <Enter>\r\n");
    (void)say("\x03");
    (void)say("config set subject\r");
    assert_string_equal(w.ra.config.subject, "");
}

static void the_password_is_never_printed(void **state)
{
    (void)state;
    (void)say("config set ca-password " SECRET "\r");
    assert_string_equal(w.ra.config.ca_password, SECRET);
    (void)say("config save\rconfig list\rshow\rshow log\rhelp\r");
    assert_null(strstr(w.shown, SECRET));
    assert_non_null(strstr(w.shown, "(set)"));
    assert_true(world_settle(&w));
    /* Sealed in flash, and not left lying about in the console. */
    assert_false(holds(w.memory, sizeof w.memory, SECRET));
    assert_false(holds(&console, sizeof console, SECRET));
    boot();
    listen();
    assert_string_equal(w.ra.config.ca_password, SECRET);
    assert_shows("config list\r", "(set)");
    assert_null(strstr(w.shown, SECRET));
}

static void bad_input_gets_one_line(void **state)
{
    (void)state;
    static char line[2 * RA_LINE_MAX + 10];
    assert_shows("frobnicate\r", "% E9-01 unknown command; try help\r\n");
    assert_shows("help me with five words\r", "% E9-02");
    assert_string_equal(say("\r"), "\r\n" RA_CONSOLE_PROMPT);
    assert_string_equal(say("   \r\n"), "   \r\n" RA_CONSOLE_PROMPT);
    /* As long as allowed, one more, and much more: one message. */
    for (unsigned over = 0; over < 3; over++) {
        size_t n = over == 2 ? sizeof line - 3 : RA_LINE_MAX + over;
        memset(line, 'a', n);
        line[n] = '\r';
        line[n + 1] = '\0';
        (void)say(line);
        const char *error = strchr(w.shown, '%');
        assert_non_null(error);
        assert_memory_equal(error, over == 0 ? "% E9-01" : "% E9-05", 7);
        assert_null(strchr(error + 1, '%'));
    }
    assert_shows("time\r", "source:");
    /* Every byte there is but the line ends, then a command after ^U and one after ^C. */
    size_t n = 0;
    for (unsigned c = 1; c < 256; c++) {
        if (c != '\r' && c != '\n') {
            line[n++] = (char)c;
        }
    }
    (void)snprintf(line + n, sizeof line - n, "\x15time\r");
    assert_shows(line, "source:");
    assert_null(strchr(strchr(w.shown, '~') + 1, '%'));
    assert_shows("garbage\x03time\r", "source:");
    assert_shows("tim\x7fm\x08mex\x7f\r", "source:");
    assert_shows("\x7f\x7f\x08time\r", "source:");
    assert_shows("   time   \r", "source:");
}

static void a_crlf_is_one_line_end(void **state)
{
    (void)state;
    (void)say("frob\r\nfrob\nfrob\rfrob\n\r");
    unsigned errors = 0;
    for (const char *p = w.shown; (p = strstr(p, "% E9-01")) != NULL; p++) {
        errors++;
    }
    assert_int_equal(errors, 4);
}

static void a_slow_line_loses_nothing(void **state)
{
    (void)state;
    static const char commands[] = "help\rconfig list\rshow\rshow | json\rshow version | json\r";
    char fast[WORLD_SERIAL_MAX];
    w.pace_ms = 1000; /* no day ends while it talks */
    (void)snprintf(fast, sizeof fast, "%s", say(commands));
    w.serial_room = 1;
    assert_string_equal(say(commands), fast);
}

static void a_line_that_stands_still_stops_nothing(void **state)
{
    (void)state;
    w.serial_room = 0;
    w.typed = "show\rshow\rshow log\rconfig list\rhelp\r";
    assert_int_equal(ra_renew(&w.ra, RA_ROLE_AGENT, true), RA_OK);
    for (unsigned i = 0; world_state(&w, RA_ROLE_AGENT) != RA_STATE_PROBATION; i++) {
        assert_true(i < 20000);
        turn();
    }
    w.serial_room = 64;
    listen();
    assert_non_null(strstr(w.shown, "reboot"));
}

static void answers_while_the_machine_works(void **state)
{
    (void)state;
    unsigned answers = 0, states = 0;
    enum ra_state last = RA_STATE_IDLE;
    assert_int_equal(ra_renew(&w.ra, RA_ROLE_AGENT, true), RA_OK);
    for (unsigned i = 0; world_state(&w, RA_ROLE_AGENT) != RA_STATE_PROBATION; i++) {
        assert_true(i < 20000);
        if (w.typed == NULL || *w.typed == '\0') {
            w.shown_size = 0;
            w.typed = "time\r";
        }
        turn();
        states += world_state(&w, RA_ROLE_AGENT) != last;
        last = world_state(&w, RA_ROLE_AGENT);
        if (strstr(w.shown, "source:") != NULL) {
            answers++;
            w.shown[0] = '\0';
            w.shown_size = 0;
        }
    }
    assert_true(states >= 8);
    assert_true(answers >= 4);
}

static void events_come_above_the_line_being_typed(void **state)
{
    (void)state;
    (void)say("hel");
    w.shown_size = 0;
    ra_events_add(&w.ra.events, WORLD_NOW, RA_LOG_SPLIT, RA_ROLE_AGENT, RA_OK, 0, NULL);
    listen();
    assert_string_equal(
        w.shown, "\r              \r! 2027-01-15T08:00:00Z  Enrollment Agent: switched without "
                 "its partner\r\n" RA_CONSOLE_PROMPT "hel");
    assert_shows("p\r", "every command");
}

static void reboot_waits_for_the_flash(void **state)
{
    (void)state;
    w.flash.polls = 2;
    (void)ra_setting_change(&w.ra, "host-name", "saved-in-time");
    w.shown_size = 0;
    w.typed = "config save\rreboot\r";
    for (unsigned i = 0; w.resets == 0; i++) {
        assert_true(i < 5000);
        turn();
    }
    assert_true(ra_settled(&w.ra));
    assert_non_null(strstr(w.shown, "rebooting\r\n"));
    w.flash.polls = 0;
    boot();
    assert_string_equal(w.ra.config.host_name, "saved-in-time");
    w.hal.reset.reset = NULL;
    assert_shows("reboot\r", "% E0-06");
    /* A change that can never be stored is not waited for. */
    world_init(&w, NULL);
    boot();
    w.noise = WORLD_NOISE_NONE;
    w.typed = "config set host-name never\rconfig save\rreboot\r";
    for (unsigned i = 0; w.resets == 0; i++) {
        assert_true(i < 200000);
        turn();
    }
}

/* While flash is being written nothing can be read from it: what is asked for comes later, whole. */
static void a_busy_flash_is_waited_for(void **state)
{
    (void)state;
    uint8_t sha1[20];
    char line[80] = "config save\rrenew ";
    const struct fake_ca_request *r = fake_ca_request(&w.ca, 2);
    w.flash.polls = 30;
    assert_shows("config save\rshow\r", "  serial       1a000000002d00000001\r\n");
    assert_non_null(strstr(w.shown, "  serial       1a010000002d00000002\r\n"));
    assert_null(strchr(w.shown, '%'));
    assert_null(strstr(w.shown, "  certificate  "));
    assert_shows("config save\rshow | json\r", "\"serial\": \"1a000000002d00000001\",\r\n");
    assert_shows("config save\rshow log\r", "configuration saved");
    assert_shows("config save\rtrust list\r", "subject      CN=World Root CA");
    assert_shows("config save\rtrust remove 1\rno\r", "subject      CN=World Root CA");
    assert_null(strchr(w.shown, '%'));
    assert_shows("config save\rshow tech\r", "  serial       1a010000002d00000002\r\n");
    assert_int_equal(ra_cert_sha1((struct ra_span){r->cert, r->cert_size}, sha1), RA_OK);
    struct ra_text to = {line, sizeof line, strlen(line), false};
    ra_text_add_hex(&to, sha1, sizeof sha1, '\0');
    ra_text_add(&to, "\r");
    assert_shows(line, "CEP Encryption: renewal begins\r\n");
}

/* --- a command that asks, of this test's own ------------------------------------------ */

static char asked[80];
static unsigned pieces;
static uint8_t room[24];
static bool room_is_secret;

static enum ra_run ask_all(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    pieces = piece + 1;
    switch (piece) {
    case 0:
        return ra_console_confirm(c, "sure? (yes/no) ");
    case 1:
        return ra_console_ask_secret(c, "passphrase: ");
    case 2:
        (void)snprintf(asked, sizeof asked, "%s", c->answer);
        return ra_console_paste(c, "paste it, end with a line of END\n", room, sizeof room,
                                room_is_secret);
    default:
        assert_int_equal(strlen(c->paste), c->paste_size);
        (void)snprintf(asked + strlen(asked), 40, "/%s", c->paste);
        ra_text_add(to, "asked\n");
        return RA_RUN_DONE;
    }
}

static const char *ask(const char *typed, bool force)
{
    static const struct ra_command command = {.words = "ask", .run = ask_all};
    console.command = &command;
    console.line.drawn = false;
    console.piece = 0;
    console.force = force;
    memset(asked, 0, sizeof asked);
    (void)say(typed);
    /* Whatever came of it, the console is at its prompt and holds no answer. */
    size_t n = strlen(RA_CONSOLE_PROMPT);
    assert_string_equal(w.shown + w.shown_size - n, RA_CONSOLE_PROMPT);
    assert_null(console.command);
    assert_false(holds(&console, sizeof console, SECRET));
    return w.shown;
}

static void a_command_asks(void **state)
{
    (void)state;
    room_is_secret = false;
    const char *shown = ask("yes\r\n" SECRET "\r\none\r\ntwo\r\nEND\r\n", false);
    assert_string_equal(asked, SECRET "/one\ntwo\n");
    assert_string_equal(shown,
                        "sure? (yes/no) yes\r\npassphrase: \r\npaste it, end with a line of END"
                        "\r\none\r\ntwo\r\nEND\r\nasked\r\n" RA_CONSOLE_PROMPT);
    /* Corrections; `force` is a yes; ^D ends too, and ends the last line. */
    (void)ask("xx\x15sez\x08\x7f\x08yes\rxx\x15xy\x7f\x7f\x7fz\r\b1\x7fone\n\ntwo\x04", false);
    assert_string_equal(asked, "z/one\n\ntwo");
    (void)ask("z\r.\r", true);
    assert_string_equal(asked, "z/");
    (void)ask("z\r..\rEN\rEND.\r.\r", true);
    assert_string_equal(asked, "z/..\nEN\nEND.\n");
}

static void a_refusal_ends_the_command(void **state)
{
    (void)state;
    static const char *const refusals[] = {"no\r", "\r", "yesyes\r", "\x03", "\x04"};
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        assert_non_null(strstr(ask(refusals[i], false), "\r\ncancelled\r\n"));
        assert_int_equal(pieces, 1);
    }
    assert_non_null(strstr(ask("yes\rsec\x03", false), "\r\ncancelled\r\n"));
    assert_int_equal(pieces, 2);
    assert_non_null(strstr(ask("y\rsec\rpaste\x03", false), "\r\ncancelled\r\n"));
    assert_int_equal(pieces, 3);
}

static void too_much_is_refused_whole(void **state)
{
    (void)state;
    char text[400] = "y\r";
    memset(text + 2, 'a', RA_CONSOLE_ANSWER + 1);
    (void)snprintf(text + 2 + RA_CONSOLE_ANSWER + 1, 10, "\rhelp\r");
    assert_non_null(strstr(ask(text, false), "% E9-05"));
    assert_non_null(strstr(w.shown, "every command")); /* what follows is the next command */
    assert_int_equal(pieces, 2);
    /* 20 characters fit, with their line ends. The end is where its mark is. */
    (void)ask("z\r1234567890\r12345678\rEND\r", true);
    assert_string_equal(asked, "z/1234567890\n12345678\n");
    for (unsigned extra = 1; extra < 8; extra++) {
        (void)snprintf(text, sizeof text, "z\r1234567890\r12345678%.*s\rEND\rtime\r", (int)extra,
                       "abcdefgh");
        assert_non_null(strstr(ask(text, true), "% E9-08"));
        assert_non_null(strstr(w.shown, "source:"));
    }
    (void)ask("z\r1234567890123456789012345678\r1\r2\rmoreEND\rEND\rtime\r", true);
    assert_non_null(strstr(w.shown, "% E9-08"));
    assert_non_null(strstr(w.shown, "source:"));
    assert_null(strstr(w.shown, "% E9-01"));
    (void)ask("z\r1234567890123456789\rENDx\r.\rtime\r", true);
    assert_null(strstr(w.shown, "% E9-01"));
    assert_non_null(strstr(w.shown, "source:"));
    assert_int_equal(pieces, 3);
}

static void a_pasted_secret_is_not_kept(void **state)
{
    (void)state;
    room_is_secret = true;
    (void)ask("z\r" SECRET "\rEND\r", true);
    assert_string_equal(asked, "z/" SECRET "\n");
    assert_null(strstr(w.shown, SECRET));
    assert_false(holds(room, sizeof room, SECRET));
    (void)ask("z\r" SECRET "\r\x03", true);
    assert_false(holds(room, sizeof room, SECRET));
    (void)ask("z\r" SECRET "\rmuch too much for it\rEND\r", true);
    assert_non_null(strstr(w.shown, "% E9-08"));
    assert_false(holds(room, sizeof room, SECRET));
    room_is_secret = false;
}

/* Whole, byte by byte and in random pieces: the same screen, character for character. */
static void pieces_make_no_difference(void **state)
{
    static const char text[] = "reset\r\nno such command\nshow\rconfig set hold on\r\n\r\nconfig "
                               "get hold\x15time\x03show log\x7f\x08g\r\nconfig list\r\nshow x";
    static char whole[WORLD_SERIAL_MAX + 1];
    uint32_t seed = 1;
    for (unsigned way = 0; way < 4; way++) {
        char piece[sizeof text];
        assert_int_equal(setup(state), 0);
        w.shown_size = 0;
        for (size_t at = 0, n; at < sizeof text - 1; at += n) {
            seed = (uint32_t)(seed * (uint64_t)1664525u + 1013904223u);
            n = way == 0 ? sizeof text - 1 : way == 1 ? 1 : 1 + (seed >> 16) % 50;
            n = n < sizeof text - 1 - at ? n : sizeof text - 1 - at;
            memcpy(piece, text + at, n);
            piece[n] = '\0';
            w.typed = piece;
            listen();
        }
        if (way == 0) {
            memcpy(whole, w.shown, w.shown_size + 1);
        }
        assert_string_equal(w.shown, whole);
    }
    assert_non_null(strstr(whole, RA_CONSOLE_PROMPT "no such command\r\n"));
}

/* --- typing ------------------------------------------------------------------------- */

static void words_may_be_shortened(void **state)
{
    (void)state;
    assert_shows("sh cred\r", "Enrollment Agent (agent)");
    assert_shows("sh ver\r", "Perennial " RA_VERSION);
    assert_shows("conf s\r", "% E9-09 the beginning of several commands\r\n  set  ");
    assert_non_null(strstr(w.shown, "\r\n  save  "));
    assert_shows("re\r", "% E9-09");
    assert_non_null(strstr(w.shown, "\r\n  reboot  "));
    assert_shows("terminal\r", "% E9-10 the command is not complete\r\n  length  ");
    assert_shows("ren ag\r", "Enrollment Agent: renewal begins");
    assert_shows("showx\r", "% E9-01");
    assert_shows("terminal width 80\r", "% E9-02");
    assert_shows("! show\r", "! show\r\n" RA_CONSOLE_PROMPT);
    assert_shows("show version a b c d e f g h i j k l m\r", "% E9-02");
}

static void tab_completes(void **state)
{
    (void)state;
    assert_shows("sh\tcr\t\r", RA_CONSOLE_PROMPT "" + 1); /* something came back */
    assert_non_null(strstr(w.shown, "show credentials \r\nEnrollment Agent (agent)"));
    assert_shows("config set pol\t17\r", "config set poll-minutes 17\r\n");
    assert_int_equal(w.ra.config.poll_minutes, 17);
    assert_shows("renew en\t\r", "renew encryption \r\nCEP Encryption: renewal begins");
    /* What fits is listed, and the line comes back; a word in the middle is completed too. */
    (void)say("config s\t");
    assert_non_null(strstr(w.shown, "config s\r\n  set             change a setting\r\n"
                                    "  save            write the settings to flash\r\n"));
    assert_non_null(strstr(w.shown, RA_CONSOLE_PROMPT "config s"));
    (void)say("e\t\x15");
    assert_non_null(strstr(w.shown, "et "));
    (void)say("config set ca-\t");
    assert_non_null(strstr(w.shown, "\r\n  ca-password\r\n"));
    (void)say("\x15nothing \t\x15xyz\t\x15show x\t\x15 \t\x15"
              "a b c d e f g h i j k l m n\t?\x15\r");
    assert_shows("time\r", "source:");
    /* Within a word, and where a line has no room for it, nothing is put in. */
    (void)say("config set poll\x1b[D\x1b[D");
    assert_string_equal(say("\t"), "");
    (void)say("\x15");
    static char line[RA_LINE_MAX + 1];
    memset(line, ' ', sizeof line);
    memcpy(line + sizeof line - sizeof "tim", "tim", sizeof "tim");
    (void)say(line);
    assert_string_equal(say("\t"), "");
    assert_shows("\r", "source:");
}

static void a_question_mark_says_what_can_follow(void **state)
{
    (void)state;
    (void)say("?\x15");
    assert_non_null(strstr(w.shown, "\r\n  show            the credentials and how they stand"));
    assert_non_null(strstr(w.shown, "\r\n  terminal        ...\r\n"));
    (void)say("sho?\x15");
    assert_non_null(strstr(w.shown, "sho?\r\n  show  "));
    assert_null(strstr(w.shown, "renew"));
    (void)say("show ?\x15");
    assert_non_null(strstr(w.shown, "\r\n  timers  "));
    assert_non_null(strstr(w.shown, "\r\n  <Enter>\r\n"));
    (void)say("config set ?\x15");
    assert_non_null(strstr(w.shown, "\r\n  poll-minutes\r\n"));
    assert_non_null(strstr(w.shown, "\r\n  NAME [VALUE]\r\n"));
    assert_null(strstr(w.shown, "<Enter>"));
    /* In an argument it is itself. */
    (void)say("config set ca-url http://ca.example.test/x?y=1\r");
    assert_string_equal(w.ra.config.ca_url, "http://ca.example.test/x?y=1");
}

static void secrets_are_not_remembered(void **state)
{
    (void)state;
    (void)say("time\rconfig set ca-password " SECRET "\rconfig set ca-pasword " SECRET
              "\rconfg set ca-password " SECRET "\r");
    assert_false(holds(&console, sizeof console, SECRET));
    assert_shows("\x1b[A\r", "source:");
    /* Asked for when it is not in the line. */
    assert_shows("config set scep-challenge\r" SECRET "\r", "value, not shown: \r\n");
    assert_null(strstr(w.shown, SECRET));
    assert_string_equal(w.ra.config.scep_challenge, SECRET);
    assert_false(holds(&console, sizeof console, SECRET));
    assert_shows("config set scep-challenge\r\r", "value, not shown: \r\n");
    assert_string_equal(w.ra.config.scep_challenge, "");
    assert_shows("config set host-name\r", RA_CONSOLE_PROMPT);
    assert_string_equal(w.ra.config.host_name, "");
}

/* --- output ------------------------------------------------------------------------- */

static void pages_wait(void **state)
{
    (void)state;
    console.length = 10;
    const char more[] = "--more-- (space, Enter, q)";
    char gone[80];
    (void)snprintf(gone, sizeof gone, "\r%*s\r", (int)strlen(more), "");
    (void)say("config list\r");
    assert_string_equal(w.shown + w.shown_size - strlen(more), more);
    unsigned lines = 0;
    for (const char *p = w.shown; (p = strchr(p, '\n')) != NULL; p++) {
        lines++;
    }
    assert_int_equal(lines, 10); /* the command's own, and nine of the list */
    (void)say(" ");
    assert_memory_equal(w.shown, gone, strlen(gone));
    lines = 0;
    for (const char *p = w.shown; (p = strchr(p, '\n')) != NULL; p++) {
        lines++;
    }
    assert_int_equal(lines, 9);
    (void)say("\r");
    assert_int_equal(strcspn(w.shown + strlen(gone), "\n") + strlen(gone) + 1 + strlen(more),
                     w.shown_size);
    assert_string_equal(say("xyz"), "");
    (void)say("q");
    (void)snprintf(gone + strlen(gone), 40, "%s", RA_CONSOLE_PROMPT);
    assert_string_equal(w.shown, gone);
    /* No end of a page in JSON, and in what is short; events wait until it is over. */
    assert_shows("show credentials | json\r", "}]\r\n" RA_CONSOLE_PROMPT);
    assert_shows("time\r", RA_CONSOLE_PROMPT);
    (void)say("show\r");
    ra_events_add(&w.ra.events, WORLD_NOW, RA_LOG_SPLIT, RA_ROLE_AGENT, RA_OK, 0, NULL);
    assert_string_equal(say(""), "");
    assert_shows("\x03", "switched without its partner");
    assert_shows("terminal length 1\r", "% E9-02");
    assert_shows("terminal length 513\r", "% E9-02");
    assert_shows("terminal length x\r", "% E9-02");
    /* Every way to go on and to end. */
    static const char *const ends[] = {"q", "Q", "\x03"};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        (void)say("config list\r");
        (void)say(" ");
        (void)say("\n");
        assert_string_equal(w.shown + w.shown_size - strlen(more), more);
        assert_string_equal(say(ends[i]), gone);
    }
    (void)say("terminal length 0\r");
    assert_shows("config list\r", "host-name");
    assert_null(strstr(w.shown, more));
}

static void filters(void **state)
{
    (void)state;
    (void)say("config list | include poll\r");
    assert_string_equal(strchr(w.shown, '\n') + 1,
                        "poll-minutes              60\r\n"
                        "scep-poll                 certpoll\r\n" RA_CONSOLE_PROMPT);
    assert_shows("config list | include nothing-like-it\r", "it\r\n" RA_CONSOLE_PROMPT);
    static const char *const wrong[] = {"config save | json\r", "show |\r",
                                        "show | more\r",        "show | include\r",
                                        "show | json x\r",      "show | include a b\r"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_shows(wrong[i], "% E9-11");
    }
    assert_shows("show transactions | json\r", "json\r\n[]\r\n");
    assert_shows("show log 1 | json\r", "[{\r\n  \"sequence\": ");
    assert_shows("time | json\r", "\"source\": ");
    assert_shows("config list | json\r", "\"name\": \"ca-url\",\r\n  \"value\": \"" FAKE_CA_URL);
    assert_shows("config save\rtrust list | json\r",
                 "[{\r\n  \"number\": 1,\r\n  \"subject\": \"CN=World Root CA");
    assert_shows("show log 0\r", "% E9-02");
    assert_shows("show log 33\r", "% E9-02");
}

/* What was shown since `from`, with each sentence that goes on in the next row in one; no row is wider
 * than the terminal. */
static void unfold(const char *from, char *out)
{
    const char *row = from;
    for (const char *p = from; *p != '\0'; p++) {
        if (strncmp(p, "\r\n", 2) == 0) {
            assert_in_range(p - row, 0, 80);
            row = p + 2;
            if (strncmp(row, "    ", 4) == 0 && row[4] != ' ') {
                *out++ = ' ';
                p = row + 3;
                continue;
            }
        }
        row = *p == '\r' && p[1] != '\n' ? p + 1 : row; /* the prompt was taken off */
        *out++ = *p;
    }
    *out = '\0';
}

static void sentences_go_on_in_the_next_row(void **state)
{
    (void)state;
    static char text[4096];
    const char sentence[] =
        "2027-01-15T08:00:00Z  Enrollment Agent: renewal failed, will be tried again: E6-07 the "
        "account "
        "may not enrol for the template, HRESULT 0x80094012 (a peer that says nothing "
        "else-than-one-word-with-no-end)\r\n";
    ra_events_add(&w.ra.events, WORLD_NOW, RA_LOG_FAILED, RA_ROLE_AGENT, RA_E_CA_PERMISSION,
                  0x80094012u, "a peer that says nothing else-than-one-word-with-no-end");
    w.shown_size = 0;
    listen();
    unfold(w.shown, text);
    assert_non_null(strstr(text, sentence));
    /* All of its rows belong to the line that has the word; a page counts them. */
    unfold(say("show log | include Agent\r"), text);
    assert_non_null(strstr(text, sentence));
    assert_non_null(strstr(w.shown, "\r\n    "));
    console.length = 5;
    for (unsigned i = 0; i < 2; i++) {
        ra_events_add(&w.ra.events, WORLD_NOW, RA_LOG_FAILED, RA_ROLE_AGENT, RA_E_CA_PERMISSION, 0,
                      "a peer that says nothing else");
    }
    listen();
    (void)say("show log 3\r");
    unsigned rows = 0;
    for (const char *p = w.shown; (p = strchr(p, '\n')) != NULL; p++) {
        rows++;
    }
    assert_int_equal(rows, 5); /* the typed line, the first event, a row of the second */
    assert_non_null(strstr(w.shown, "--more--"));
    (void)say("\r");
    assert_non_null(strstr(w.shown,
                           "\r    E6-07 the account may not enrol for the template (a peer that "
                           "says nothing\r\n--more--"));
    (void)say("\r");
    assert_non_null(strstr(w.shown, "\r    else)\r\n--more--"));
    (void)say(" ");
    assert_non_null(strstr(w.shown, "    else)\r\n" RA_CONSOLE_PROMPT));
    /* After JSON too, and not between the columns of a table. */
    console.length = 0;
    (void)say("show version | json\r");
    ra_events_add(&w.ra.events, WORLD_NOW, RA_LOG_FAILED, RA_ROLE_AGENT, RA_E_CA_PERMISSION, 0,
                  "a peer that says nothing else");
    w.shown_size = 0;
    listen();
    unfold(w.shown, text);
    (void)say("config set ca-url "
              "http://a-host-of-which-the-name-is-very-long-indeed.example.test/certsrv/\r");
    assert_shows("config list | include ca-url\r", "ca-url                    http://a-host-of-");
    /* Not in JSON, and not what is to be pasted. */
    assert_shows("show log 4 | json\r",
                 "HRESULT 0x80094012 (a peer that says nothing else-than-one-word-with-no-end)\"");
    const char set[] =
        "config set subject CN=Registration Authority of the First Floor,O=Example Limited\r";
    assert_true(sizeof set > 82);
    (void)say(set);
    assert_shows("show running-config\r", set);
}

/* What JSON has to escape; tests/e2e/console_lines.py reads it all with Python's json. */
static void json_escapes(void **state)
{
    (void)state;
    w.ca.mode[RA_ROLE_AGENT] = FAKE_CA_ERROR;
    (void)say("renew agent\r");
    assert_true(world_until_state(&w, RA_ROLE_AGENT, RA_STATE_BACKOFF, 600));
    listen();
    (void)snprintf(w.ra.renewal[RA_ROLE_AGENT].txn.peer, 20, "a \"b\\c");
    assert_shows("show | json\r", "\"CA's_words\": \"a \\\"b\\\\c\"");
    assert_shows("show transactions | json\r", "\"CA's_words\": \"a \\\"b\\\\c\"");
    w.board_clock = false;
    w.ca.no_date = true;
    boot();
    listen();
    assert_shows("show timers | json\r", "\"time\": null");
    w.ra.renewal[RA_ROLE_AGENT].txn.protocol = 99;
    assert_shows("show transactions\r", "protocol     ?");
}

static void a_configuration_goes_to_another_appliance(void **state)
{
    (void)state;
    static struct ra_config first;
    static char paste[WORLD_SERIAL_MAX];
    (void)say("config set ca-user EXAMPLE\\ra$\rconfig set ca-password " SECRET
              "\rconfig set subject CN=ra1,O=Example\rconfig set ip-address 10.0.0.7\r"
              "config set agent-key p384\rconfig set hold on\rconfig set poll-minutes 61\r");
    first = w.ra.config;
    for (unsigned all = 0; all < 2; all++) {
        (void)say(all ? "show running-config all\r" : "show running-config\r");
        assert_null(strstr(w.shown, SECRET));
        assert_non_null(strstr(w.shown, "! secret ca-password is set\r\n"));
        (void)snprintf(paste, sizeof paste, "%s", strchr(w.shown, '\n') + 1);
        paste[strlen(paste) - strlen(RA_CONSOLE_PROMPT)] = '\0';
        world_init(&w, NULL);
        boot();
        listen();
        if (all) { /* over settings of its own, too */
            (void)say("config set netmask 255.0.0.0\rconfig set device-url http://x.test/\r");
        }
        (void)say(paste);
        assert_null(strstr(w.shown, "% E"));
        (void)say("config set ca-password " SECRET "\r");
        assert_memory_equal(&w.ra.config, &first, sizeof first);
    }
    assert_shows("show running-config some\r", "% E9-02");
}

static void a_support_case_has_no_secrets(void **state)
{
    (void)state;
    static const char *const parts[] = {"! show version\r\n",   "! show timers\r\n",
                                        "RSA bits max",         "source       board",
                                        "bank bytes",           "thumbprint   ",
                                        "phase        pending", "! secret ca-password is set",
                                        "configuration saved"};
    (void)say("config set ca-password " SECRET "\rconfig set scep-challenge " SECRET
              "\rconfig save\r");
    w.ca.mode[RA_ROLE_AGENT] = FAKE_CA_PEND;
    (void)say("renew agent\r");
    assert_true(world_until_state(&w, RA_ROLE_AGENT, RA_STATE_PENDING, 600));
    w.pace_ms = 10;
    listen();
    (void)say("show tech\r");
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (strstr(w.shown, parts[i]) == NULL) {
            print_error("no '%s' in:\n%s\n", parts[i], w.shown);
            fail();
        }
    }
    assert_null(strstr(w.shown, SECRET));
    assert_shows("show transactions\r", "  request id   3\r\n");
    assert_shows("show timers\r", "  next poll    2");
}

static void the_prompt_says_what_goes_on(void **state)
{
    (void)state;
    assert_true(world_settle(&w));
    console.length = 24;
    w.pace_ms = 10;
    (void)say("config set key-policy new\r");
    w.ca.mode[RA_ROLE_AGENT] = FAKE_CA_PEND;
    w.shown_size = 0;
    w.typed = "renew agent\r";
    for (unsigned i = 0; world_state(&w, RA_ROLE_AGENT) != RA_STATE_PENDING; i++) {
        assert_true(i < 200000);
        turn();
    }
    listen();
    assert_non_null(strstr(w.shown, "[agent: making a key"));
    assert_non_null(strstr(w.shown, "\r[agent: pending, asks in 60 min] " RA_CONSOLE_PROMPT));
    /* Not over what is being typed, and not where nobody is. */
    (void)say("tim");
    assert_true(world_run(&w, 120));
    w.shown_size = 0;
    listen();
    assert_null(strstr(w.shown, "min]"));
    assert_shows("e\r", "[agent: pending, asks in 5");
    assert_true(world_run(&w, 301));
    (void)say("");
    assert_non_null(strstr(w.shown, "\r" RA_CONSOLE_PROMPT));
    assert_string_equal(console.prompt, RA_CONSOLE_PROMPT);
    (void)say("terminal length 0\r");
    assert_null(strstr(w.shown, "pending"));
    /* A search for primes says how far it is. */
    console.length = 24;
    console.status_ms = 0;
    console.active_ms = ra_clock_ms(&w.ra.clock);
    w.ra.renewal[RA_ROLE_AGENT].state = RA_STATE_KEYGEN;
    w.ra.keygen.progress = 212;
    w.shown_size = 0;
    for (unsigned i = 0; i < 5; i++) {
        (void)ra_console_step(&console);
        w.true_ms += 1000;
    }
    assert_non_null(strstr(w.shown, "[agent: making a key, 212 tried] " RA_CONSOLE_PROMPT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(pieces_make_no_difference, setup),
        cmocka_unit_test_setup(help_lists_every_command, setup),
        cmocka_unit_test_setup(enroll_and_retrieve_by_role, setup),
        cmocka_unit_test_setup(show_says_how_it_stands, setup),
        cmocka_unit_test(unsealed_keys_are_named),
        cmocka_unit_test_setup(a_damaged_credential_is_named, setup),
        cmocka_unit_test_setup(a_damaged_certificate_is_named, setup),
        cmocka_unit_test(what_has_ended_is_said),
        cmocka_unit_test_setup(timers_of_a_probation, setup),
        cmocka_unit_test_setup(failures_in_words, setup),
        cmocka_unit_test_setup(renew_by_every_name, setup),
        cmocka_unit_test_setup(time_is_shown_and_set, setup),
        cmocka_unit_test_setup(settings_survive_a_reset, setup),
        cmocka_unit_test_setup(a_value_has_spaces, setup),
        cmocka_unit_test_setup(the_password_is_never_printed, setup),
        cmocka_unit_test_setup(bad_input_gets_one_line, setup),
        cmocka_unit_test_setup(a_crlf_is_one_line_end, setup),
        cmocka_unit_test_setup(a_slow_line_loses_nothing, setup),
        cmocka_unit_test_setup(a_line_that_stands_still_stops_nothing, setup),
        cmocka_unit_test_setup(answers_while_the_machine_works, setup),
        cmocka_unit_test_setup(events_come_above_the_line_being_typed, setup),
        cmocka_unit_test_setup(reboot_waits_for_the_flash, setup),
        cmocka_unit_test_setup(a_busy_flash_is_waited_for, setup),
        cmocka_unit_test_setup(words_may_be_shortened, setup),
        cmocka_unit_test_setup(tab_completes, setup),
        cmocka_unit_test_setup(a_question_mark_says_what_can_follow, setup),
        cmocka_unit_test_setup(secrets_are_not_remembered, setup),
        cmocka_unit_test_setup(pages_wait, setup),
        cmocka_unit_test_setup(filters, setup),
        cmocka_unit_test_setup(sentences_go_on_in_the_next_row, setup),
        cmocka_unit_test_setup(json_escapes, setup),
        cmocka_unit_test_setup(a_configuration_goes_to_another_appliance, setup),
        cmocka_unit_test_setup(a_support_case_has_no_secrets, setup),
        cmocka_unit_test_setup(the_prompt_says_what_goes_on, setup),
        cmocka_unit_test_setup(a_command_asks, setup),
        cmocka_unit_test_setup(a_refusal_ends_the_command, setup),
        cmocka_unit_test_setup(too_much_is_refused_whole, setup),
        cmocka_unit_test_setup(a_pasted_secret_is_not_kept, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
