/* The event log: a ring in flash, a queue in RAM, lines for a person. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

static struct world w;
static struct ra_events *const events = &w.ra.events;

static int setup(void **state)
{
    (void)state;
    world_init(&w, NULL);
    world_boot_offline(&w);
    return 0;
}

static ra_err get(uint32_t back, struct ra_event_entry *e)
{
    return ra_events_get(events, &w.ra.store, back, e);
}

static void add(uint32_t number)
{
    ra_events_add(events, WORLD_NOW + number, RA_LOG_FAILED, RA_ROLE_AGENT, RA_E_CA_DENIED, number,
                  "detail");
}

static void the_log_keeps_the_last_ones(void **state)
{
    (void)state;
    struct ra_event_entry e;
    assert_int_equal(get(0, &e), RA_E_NOT_FOUND);
    for (uint32_t i = 1; i <= RA_EVENTS + 10; i++) {
        add(i);
        assert_true(world_settle(&w));
        assert_int_equal(get(0, &e), RA_OK);
        assert_int_equal(e.sequence, i);
    }
    for (unsigned boots = 0; boots < 2; boots++) {
        for (uint32_t back = 0; back < RA_EVENTS; back++) {
            assert_int_equal(get(back, &e), RA_OK);
            assert_int_equal(e.sequence, RA_EVENTS + 10 - back);
            assert_int_equal(e.hresult, RA_EVENTS + 10 - back);
            assert_int_equal(e.time, WORLD_NOW + RA_EVENTS + 10 - back);
            assert_int_equal(e.kind, RA_LOG_FAILED);
            assert_int_equal(e.role, RA_ROLE_AGENT);
            assert_int_equal(e.cause, RA_E_CA_DENIED);
            assert_string_equal(e.detail, "detail");
        }
        assert_int_equal(get(RA_EVENTS, &e), RA_E_NOT_FOUND);
        world_boot_offline(&w);
    }
    /* The numbers go on after the reset. */
    add(7);
    assert_int_equal(get(0, &e), RA_OK);
    assert_int_equal(e.sequence, RA_EVENTS + 11);
}

static void a_full_queue_drops_the_oldest(void **state)
{
    (void)state;
    struct ra_event_entry e;
    for (uint32_t i = 1; i <= RA_EVENT_QUEUE + 3; i++) {
        add(i);
    }
    assert_int_equal(events->dropped, 3);
    for (uint32_t back = 0; back < RA_EVENT_QUEUE; back++) {
        assert_int_equal(get(back, &e), RA_OK);
        assert_int_equal(e.hresult, RA_EVENT_QUEUE + 3 - back);
    }
    assert_int_equal(get(RA_EVENT_QUEUE, &e), RA_E_NOT_FOUND);
    assert_true(world_settle(&w));
    add(99);
    assert_true(world_settle(&w));
    assert_int_equal(get(0, &e), RA_OK);
    assert_int_equal(e.hresult, 99);
    assert_int_equal(e.sequence, RA_EVENT_QUEUE + 4);
}

static void flash_that_fails_stops_nothing(void **state)
{
    (void)state;
    add(1);
    assert_true(world_settle(&w));
    /* A sector that takes no program: the store or the log gives up, the steps go on. */
    w.flash.bad_kind = NOR_BAD_PROGRAM;
    w.flash.bad_sector = 1;
    add(2);
    assert_true(world_run(&w, 600));
    assert_int_equal(events->count, 0);
}

static void numbers_before_the_log_was_read(void **state)
{
    (void)state;
    struct ra_event_entry e;
    for (uint32_t i = 1; i <= 3; i++) {
        add(i);
        assert_true(world_settle(&w));
    }
    int64_t newest = 0;
    struct ra_events other;
    ra_events_init(&other);
    ra_events_add(&other, RA_TIME_UNKNOWN, RA_LOG_UNCLEAN, RA_EVENT_NO_ROLE, RA_OK, 0, NULL);
    assert_int_equal(ra_events_load(&other, &w.ra.store, &newest), RA_OK);
    assert_int_equal(newest, WORLD_NOW + 3);
    assert_int_equal(ra_events_get(&other, &w.ra.store, 0, &e), RA_OK);
    assert_int_equal(e.sequence, 4);
    assert_int_equal(ra_events_get(&other, &w.ra.store, 1, &e), RA_OK);
    assert_int_equal(e.sequence, 3);
}

static const char *line(const struct ra_event_entry *e)
{
    static char text[400];
    struct ra_text to;
    ra_text_init(&to, text, sizeof text);
    ra_event_print(e, &to);
    assert_false(to.cut);
    return text;
}

static void lines(void **state)
{
    (void)state;
    struct ra_event_entry e;
    ra_events_add(events, WORLD_NOW, RA_LOG_FAILED, RA_ROLE_ENCRYPTION, RA_E_CA_TEMPLATE,
                  0x80094800, "Denied by policy");
    assert_int_equal(get(0, &e), RA_OK);
    assert_string_equal(
        line(&e),
        "2027-01-15T08:00:00Z  CEP Encryption: renewal failed, will be tried again: "
        "E6-06 the CA does not offer the template, HRESULT 0x80094800 (Denied by policy)");
    ra_events_add(events, RA_TIME_UNKNOWN, RA_LOG_CONFIG, RA_EVENT_NO_ROLE, RA_OK, 0, NULL);
    assert_int_equal(get(0, &e), RA_OK);
    assert_string_equal(line(&e), "(time unknown)        configuration saved");
    e.kind = 200;
    assert_string_equal(line(&e), "(time unknown)        an event of a newer release");
    assert_true(ra_event_is_alert(RA_LOG_SPLIT));
    assert_true(ra_event_is_alert(RA_LOG_EXPIRED));
    assert_false(ra_event_is_alert(RA_LOG_SWITCHED));
    assert_false(ra_event_is_alert((enum ra_event_kind)200));
}

static void details_are_cleaned_and_cut(void **state)
{
    (void)state;
    struct ra_event_entry e;
    char longest[200];
    ra_events_add(events, WORLD_NOW, RA_LOG_PENDING, RA_ROLE_AGENT, RA_OK, 0,
                  "a\x1b[2J\nb\xc3\xa4~\x7f");
    assert_int_equal(get(0, &e), RA_OK);
    assert_string_equal(e.detail, "a?[2J?b??~?");
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    ra_events_add(events, WORLD_NOW, RA_LOG_PENDING, RA_ROLE_AGENT, RA_OK, 0, longest);
    assert_true(world_settle(&w));
    world_boot_offline(&w);
    assert_int_equal(get(0, &e), RA_OK);
    assert_int_equal(strlen(e.detail), RA_EVENT_DETAIL_MAX);
    assert_memory_equal(e.detail, longest, RA_EVENT_DETAIL_MAX);
}

/* Without an event, before the log was read, without random numbers: nothing is written, and the
 * event waits. */
static void steps_that_write_nothing(void **state)
{
    (void)state;
    struct ra_events early;
    uint32_t operations = w.flash.operations;
    assert_int_equal(ra_events_step(events, &w.ra.store), RA_OK);
    ra_events_init(&early);
    ra_events_add(&early, WORLD_NOW, RA_LOG_UNCLEAN, RA_EVENT_NO_ROLE, RA_OK, 0, NULL);
    assert_int_equal(ra_events_step(&early, &w.ra.store), RA_OK);
    assert_int_equal(early.count, 1);
    add(1);
    assert_false(ra_random_ready(&w.ra.random));
    assert_int_equal(ra_events_step(events, &w.ra.store), RA_AGAIN);
    assert_int_equal(events->count, 1);
    assert_int_equal(events->dropped, 0);
    assert_int_equal(w.flash.operations, operations);
    assert_true(world_settle(&w));
    assert_int_equal(events->count, 0);
    assert_int_equal(world_logged(&w, RA_LOG_FAILED, RA_ROLE_AGENT), 1);
}

static unsigned heard;

static void hear(struct ra_subscriber *self, const struct ra_event_entry *entry)
{
    (void)self;
    (void)entry;
    heard++;
}

/* Whoever listens hears what flash does not take: without noise a sealed store takes nothing, and the
 * certificate ends all the same. What comes when noise is back is stored behind a gap. */
static void silence_of_the_flash_is_not_ours(void **state)
{
    (void)state;
    struct ra_subscriber ear = {.event = hear};
    struct ra_event_entry e;
    w.noise = WORLD_NOISE_NONE;
    world_boot_offline(&w);
    heard = 0;
    ra_subscribe(&w.ra, &ear);
    for (unsigned i = 1; i <= 3 * RA_EVENT_QUEUE; i++) {
        assert_int_equal(ra_offer_time(&w.ra, RA_TIME_OPERATOR, WORLD_NOW + 60 * i), RA_OK);
        assert_true(world_run(&w, 60));
        assert_int_equal(heard, i + (heard > i)); /* and that a change could not be stored */
        assert_int_equal(get(0, &e), RA_OK);
        assert_true(e.kind == RA_LOG_TIME_SET || e.kind == RA_LOG_NOT_SAVED);
    }
    uint32_t newest = e.sequence;
    w.noise = WORLD_NOISE_GOOD;
    assert_true(world_run(&w, 600));
    assert_true(world_settle(&w));
    assert_int_equal(events->count, 0);
    assert_true(get(events->next - 1 - newest, &e) == RA_OK && e.sequence == newest);
    assert_int_equal(get(events->next - 1 - newest + RA_EVENT_QUEUE, &e), RA_E_NOT_FOUND);
    ra_unsubscribe(&w.ra, &ear);
}

/* The oldest may be on its way to flash when it gives way: it comes there, and the others behind it. */
static void the_oldest_gives_way_while_it_is_stored(void **state)
{
    (void)state;
    struct ra_event_entry e;
    add(1);
    while (!events->writing) {
        (void)ra_step(&w.ra);
    }
    for (uint32_t i = 2; i <= RA_EVENT_QUEUE + 1; i++) {
        add(i);
    }
    assert_int_equal(events->dropped, 1);
    assert_true(world_settle(&w));
    for (uint32_t back = 0; back <= RA_EVENT_QUEUE; back++) {
        assert_int_equal(get(back, &e), RA_OK);
        assert_int_equal(e.hresult, RA_EVENT_QUEUE + 1 - back);
    }
}

/* A place of the ring that still has an older event is not shown as the one that belongs there. */
static void an_older_event_in_its_place(void **state)
{
    (void)state;
    struct ra_event_entry e;
    uint8_t record[128];
    size_t size = 0;
    for (uint32_t i = 1; i <= 3; i++) {
        add(i);
        assert_true(world_settle(&w));
    }
    assert_int_equal(ra_store_get(&w.ra.store, RA_RECORD_EVENT, 1, record, sizeof record, &size),
                     RA_OK);
    assert_int_equal(ra_store_put(&w.ra.store, RA_RECORD_EVENT, 3, record, size), RA_OK);
    assert_true(world_settle(&w));
    assert_int_equal(get(0, &e), RA_E_NOT_FOUND);
    assert_int_equal(get(1, &e), RA_OK);
    assert_int_equal(e.sequence, 2);
}

static void stored_bytes_of_any_kind(void **state)
{
    (void)state;
    struct ra_event_entry e;
    add(1);
    assert_true(world_settle(&w));
    /* A record too short, too long, of another version, of another number: not shown, no harm. */
    static const size_t sizes[] = {0, 1, 20, 21, 77, 78, 200, 40};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint8_t junk[200] = {1, 9};
        junk[0] = sizes[i] == 40 ? 2 : 1; /* a newer release's */
        junk[1] = sizes[i] == 40 ? 1 : 9;
        while (ra_random_seed(&w.ra.random) == RA_AGAIN) {
        }
        assert_int_equal(ra_store_put(&w.ra.store, RA_RECORD_EVENT, 1, junk, sizes[i]), RA_OK);
        assert_true(world_settle(&w));
        assert_true(get(0, &e) < 0);
        world_boot_offline(&w);
        assert_true(world_settle(&w));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_log_keeps_the_last_ones, setup),
        cmocka_unit_test_setup(a_full_queue_drops_the_oldest, setup),
        cmocka_unit_test_setup(flash_that_fails_stops_nothing, setup),
        cmocka_unit_test_setup(numbers_before_the_log_was_read, setup),
        cmocka_unit_test_setup(lines, setup),
        cmocka_unit_test_setup(details_are_cleaned_and_cut, setup),
        cmocka_unit_test_setup(steps_that_write_nothing, setup),
        cmocka_unit_test_setup(silence_of_the_flash_is_not_ours, setup),
        cmocka_unit_test_setup(the_oldest_gives_way_while_it_is_stored, setup),
        cmocka_unit_test_setup(an_older_event_in_its_place, setup),
        cmocka_unit_test_setup(stored_bytes_of_any_kind, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
