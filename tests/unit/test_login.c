/* The console behind the operator's password, through resets and cuts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ra_console.h"
#include "ra_login.h"
#include "fault.h"
#include "world.h"

#define SECRET "s3cret-Passw0rd"
#define ENTER SECRET "\r"

/* clang-format off: CMake reads these lines */
FAULT(ra_err, RA_E_CRYPTO_INTERNAL, ra_pbkdf_start,
      (struct ra_pbkdf * k, enum ra_hash_alg a, const char *p, size_t n, const uint8_t *salt,
       size_t salt_n, uint32_t iterations, size_t size),
      (k, a, p, n, salt, salt_n, iterations, size))
FAULT(ra_err, RA_E_CRYPTO_INTERNAL, ra_pbkdf_step, (struct ra_pbkdf * k, uint32_t slice),
      (k, slice))
/* clang-format on */

static struct world w;
static struct ra_console console;
static uint8_t bulk[RA_CONSOLE_BULK];

static void start(void)
{
    ra_console_init(&console, &w.ra, "test board", bulk);
    console.length = 0;
}

static void boot(void)
{
    world_boot(&w);
    start();
}

/* Until all is read and nothing more is said; false when the power has gone. */
static bool listen(void)
{
    for (unsigned i = 0, quiet = 0; quiet < 20; i++) {
        assert_true(i < 40000);
        size_t before = w.shown_size;
        bool more = ra_console_step(&console) || (w.typed != NULL && *w.typed != '\0');
        if (!world_step(&w)) {
            return false;
        }
        bool locked = ra_login_needed(&console) && console.login == RA_LOGIN_LOCKED;
        quiet = !more && !locked && w.shown_size == before ? quiet + 1 : 0;
    }
    return true;
}

static bool type(const char *typed)
{
    w.shown_size = 0;
    w.shown[0] = '\0';
    w.typed = typed;
    return listen();
}

static const char *say(const char *typed)
{
    assert_true(type(typed));
    return w.shown;
}

static void shows(const char *typed, const char *text)
{
    if (strstr(say(typed), text) == NULL) {
        print_error("no '%s' in:\n%s\n", text, w.shown);
        fail();
    }
}

static int setup(void **state)
{
    (void)state;
    world_init(&w, NULL);
    world_provision_pair(&w, 100, 100);
    w.pace_ms = 10;
    w.serial_room = 256;
    boot();
    assert_true(listen());
    return 0;
}

static void set_password(void)
{
    shows("password set\r" ENTER ENTER, "the password is set\r\n");
    assert_null(strstr(w.shown, SECRET));
    assert_true(world_settle(&w));
}

static bool holds(const void *p, size_t size)
{
    for (size_t i = 0; i + sizeof SECRET - 1 <= size; i++) {
        if (memcmp((const uint8_t *)p + i, SECRET, sizeof SECRET - 1) == 0) {
            return true;
        }
    }
    return false;
}

static void open_until_set(void **state)
{
    (void)state;
    shows("show\r", "Enrollment Agent");
    shows("logout\r", "no password is set\r\n" RA_CONSOLE_PROMPT);
    shows("password set\rshort\r", "% E9-13 a password has 8 characters at least");
    shows("password set\r" ENTER "something else\r", "% E9-14 the two are not the same");
    boot();
    shows("time\r", "source:");
    set_password();
    shows("time\r", "source:"); /* who set it is in */
    assert_false(holds(&console, sizeof console));
    assert_false(holds(&w.ra, sizeof w.ra));
    assert_false(holds(w.memory, sizeof w.memory));
    shows("show running-config\r", "! secret password is set\r\n");
    shows("logout\r", "logged out\r\npassword: ");
    /* Nothing is told and nothing done before the password. */
    ra_events_add(&w.ra.events, WORLD_NOW, RA_LOG_SPLIT, RA_ROLE_AGENT, RA_OK, 0, NULL);
    assert_string_equal(say(""), "");
    shows("\x10\r", "% E9-12 wrong password\r\nwait 1 s\r\n");
    shows(ENTER "show\r", "switched without its partner");
    assert_non_null(strstr(w.shown, "Enrollment Agent (agent)"));
    assert_non_null(strstr(w.shown, "\r\n" RA_CONSOLE_PROMPT));
    assert_false(holds(&console, sizeof console));
    assert_true(world_settle(&w));
    boot();
    assert_true(listen());
    shows("time\r", "% E9-12");
    assert_null(strstr(w.shown, "source"));
    shows(ENTER "time\r", "source:");
    shows("password clear\rno\r", "cancelled");
    shows("password clear\ryes\r", "no password is asked for");
    assert_true(world_settle(&w));
    boot();
    shows("time\r", "source:");
}

/* The library fails at each place: no password is set by it, and none lets in. */
static void a_failing_library_keeps_it_shut(void **state)
{
    (void)state;
    fault_forget();
    fault_armed = true;
    for (say("password set\r" ENTER ENTER); !fault_armed; say("password set\r" ENTER ENTER)) {
        assert_non_null(strstr(w.shown, "% E2-"));
        assert_false(w.ra.password.set);
        fault_armed = true;
    }
    assert_int_equal(fault_fired, 2);
    assert_true(w.ra.password.set);
    assert_true(world_settle(&w));
    shows("logout\r", "password: ");
    for (say(ENTER); !fault_armed; say(ENTER)) {
        assert_non_null(strstr(w.shown, "% E9-"));
        assert_true(ra_login_needed(&console));
        fault_armed = true;
    }
    assert_int_equal(fault_fired, 4);
    assert_false(ra_login_needed(&console));
    fault_forget();
}

/* Hostile input at the prompt: only Enter is a try. */
static void any_bytes(void **state)
{
    (void)state;
    char line[600];
    size_t n = 0;
    set_password();
    (void)say("logout\r");
    for (unsigned c = 1; c < 256; c++) {
        if (c != '\r' && c != '\n') {
            line[n++] = (char)c;
        }
    }
    line[n] = '\0';
    (void)say(line);
    assert_null(strstr(w.shown, "E9-"));
    memset(line, 'x', sizeof line);
    line[sizeof line - 2] = '\r';
    line[sizeof line - 1] = '\0';
    shows(line, "% E9-12");
    assert_int_equal(w.ra.password.failures, 1);
    shows("half\x15" ENTER "time\r", "source:");
    assert_int_equal(w.ra.password.failures, 0);
    /* Half of one is forgotten when nobody goes on. */
    (void)say("logout\r");
    (void)say("half");
    w.pace_ms = 60000;
    assert_true(world_run(&w, 700));
    assert_true(listen());
    w.pace_ms = 10;
    shows(ENTER "time\r", "source:");
}

static void until_locked(unsigned seconds)
{
    for (unsigned i = 0; console.login != RA_LOGIN_LOCKED; i++) {
        assert_true(i < 20000);
        assert_true(world_step(&w));
        (void)ra_console_step(&console);
    }
    assert_int_equal(console.login_ms - ra_clock_ms(&w.ra.clock), seconds * 1000);
}

static void the_lock_grows_and_survives_a_reset(void **state)
{
    (void)state;
    static const unsigned seconds[] = {1, 2, 4, 8, 16, 32};
    set_password();
    (void)say("logout\r");
    for (size_t i = 0; i < sizeof seconds / sizeof seconds[0]; i++) {
        w.typed = "wrong\r" ENTER ENTER; /* what comes while it is locked is not taken */
        until_locked(seconds[i]);
        assert_true(listen());
        assert_int_equal(w.ra.password.failures, i + 1);
        assert_false(console.logged_in);
        if (i == 2) { /* a reset takes nothing off */
            assert_true(world_settle(&w));
            boot();
            until_locked(seconds[i]);
            assert_true(listen());
        }
    }
    shows(ENTER "time\r", "source:");
    assert_true(world_settle(&w));
    boot();
    assert_true(listen());
    assert_int_equal(w.ra.password.failures, 0);
    assert_int_equal(console.login, RA_LOGIN_TYPING);
}

/* At the most the count writes nothing any more. */
static void the_count_wears_no_flash(void **state)
{
    (void)state;
    set_password();
    w.ra.password.failures = RA_PASSWORD_FAILURES;
    ra_password_save(&w.ra);
    assert_true(world_settle(&w));
    boot();
    w.pace_ms = 60000;
    assert_true(listen());
    assert_true(world_settle(&w));
    uint32_t programs = w.ra.store.info.programs;
    for (unsigned i = 0; i < 5; i++) {
        shows("wrong\r", "wait 900 s");
    }
    assert_true(world_settle(&w));
    assert_int_equal(w.ra.store.info.programs, programs);
    shows(ENTER, RA_CONSOLE_PROMPT);
}

static void idle_sessions_end(void **state)
{
    (void)state;
    set_password();
    (void)say("help pass");
    assert_true(world_run(&w, 9 * 60));
    shows("word\r", "password set");
    assert_true(world_run(&w, 11 * 60));
    shows("", "\rlogged out\r\npassword: ");
    shows(ENTER "time\r", "source:");
    /* Questions too, with or without a password. */
    (void)say("password clear\r");
    assert_true(world_run(&w, 11 * 60));
    shows("", "timed out");
    assert_non_null(strstr(w.shown, "logged out"));
    shows(ENTER "password clear force\r", "no password is asked for");
    (void)say("password set\r");
    assert_true(world_run(&w, 11 * 60));
    shows("", "timed out\r\n" RA_CONSOLE_PROMPT);
    /* 0: never. */
    set_password();
    (void)say("config set idle-minutes 0\r");
    w.pace_ms = 60000;
    assert_true(world_run(&w, 3 * 86400));
    w.pace_ms = 10;
    shows("time\r", "source:");
}

static void a_cut_leaves_the_old_or_the_new(void **state)
{
    (void)state;
    unsigned old = 0, new = 0, cut = 0;
    set_password();
    static struct world before;
    before = w;
    for (unsigned at = 1;; at++) {
        world_copy(&w, &before);
        w.pace_ms = 10;
        w.serial_room = 256;
        boot();
        (void)say(ENTER);
        assert_true(world_settle(&w));
        w.flash.cut_at = w.flash.operations + at;
        w.flash.cut = (enum nor_cut)(at % NOR_CUT_DISTURB);
        if (type("password set\rthe new one\rthe new one\r") && world_settle(&w)) {
            break;
        }
        cut++;
        boot();
        assert_true(listen());
        bool is_new = strstr(say("the new one\r"), "wrong") == NULL;
        new += is_new;
        old += !is_new;
        shows(is_new ? "time\r" : ENTER "time\r", "source:");
    }
    assert_true(cut > 2);
    assert_true(old != 0 && new != 0);
    print_message("%u cuts: %u old, %u new\n", cut, old, new);
}

static void an_unreadable_record_keeps_it_shut(void **state)
{
    (void)state;
    set_password();
    struct ra_store_entry_ *entry = NULL;
    for (uint32_t i = 0; i < w.ra.store.entries; i++) {
        if (w.ra.store.entry[i].type == RA_RECORD_PASSWORD) {
            entry = &w.ra.store.entry[i];
        }
    }
    assert_non_null(entry);
    if (entry != NULL) {
        w.memory[entry->at + 60] ^= 0x04;
    }
    boot();
    assert_true(listen());
    assert_int_equal(w.ra.password_error, RA_E_RECORD_DAMAGED);
    shows(ENTER "time\r", "% E1-07");
    assert_null(strstr(w.shown, "source"));
    assert_int_not_equal(world_logged(&w, RA_LOG_DAMAGED, RA_EVENT_NO_ROLE), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(open_until_set, setup),
        cmocka_unit_test_setup(a_failing_library_keeps_it_shut, setup),
        cmocka_unit_test_setup(any_bytes, setup),
        cmocka_unit_test_setup(the_lock_grows_and_survives_a_reset, setup),
        cmocka_unit_test_setup(the_count_wears_no_flash, setup),
        cmocka_unit_test_setup(idle_sessions_end, setup),
        cmocka_unit_test_setup(a_cut_leaves_the_old_or_the_new, setup),
        cmocka_unit_test_setup(an_unreadable_record_keeps_it_shut, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
