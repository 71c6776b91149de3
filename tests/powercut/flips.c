#include <stdio.h>
#include <string.h>

#include "ra_console.h"
#include "sweep.h"

static struct {
    unsigned long noticed, older, other, nothing, alarms;
} flips;

static bool alarmed(struct world *w)
{
    for (uint32_t back = 0; back < RA_EVENTS; back++) {
        struct ra_event_entry e;
        ra_err err = ra_events_get(&w->ra.events, &w->ra.store, back, &e);
        if (err == RA_OK && (e.kind == RA_LOG_DAMAGED || e.kind == RA_LOG_LOST)) {
            return true;
        }
    }
    return false;
}

/* What the operator reads who types `show`. */
static bool shown_damaged(struct world *w)
{
    static struct ra_console console;
    static uint8_t bulk[RA_CONSOLE_BULK];
    ra_console_init(&console, &w->ra, "powercut", bulk);
    w->shown_size = 0;
    w->shown[0] = '\0';
    w->typed = "show\r";
    for (unsigned i = 0; i < 2000; i++) {
        (void)ra_console_step(&console);
        (void)world_step(w);
    }
    /* An older commit may name no credential yet. */
    static const char *const words[] = {"DAMAGED", "damaged", "no credential"};
    bool shown = false;
    for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++) {
        shown = shown || strstr(w->shown, words[i]) != NULL;
    }
    return shown;
}

/* Served, or an alarm; never something else. */
static void after_flip(struct world *w, bool settle)
{
    uint8_t der[RA_CERT_MAX];
    size_t size = 0;
    bool damaged = ra_store_damaged(&w->ra.store) != 0;
    bool served = true;
    for (unsigned i = 0; i < RA_PAIR; i++) {
        ra_err e = ra_certificate(&w->ra, (enum ra_role)i, der, sizeof der, &size);
        if (e == RA_OK) {
            e = ra_issuers(&w->ra, (enum ra_role)i, der, sizeof der, &size);
        }
        if (e == RA_OK) {
            (void)world_serves(w, (enum ra_role)i); /* ends the program if never issued */
            e = world_check(w, (enum ra_role)i) == NULL ? RA_OK : RA_E_KEY_FORMAT;
        }
        if (e != RA_OK) {
            served = false;
        }
    }
    damaged = damaged || ra_store_damaged(&w->ra.store) != 0;
    flips.noticed += damaged || !served;
    if (!served || settle) {
        (void)world_settle(w);
        (void)world_run(w, 10);
        (void)world_settle(w);
    }
    if (!served) {
        bool again = true;
        for (unsigned i = 0; i < RA_PAIR; i++) {
            again = again && world_check(w, (enum ra_role)i) == NULL;
        }
        flips.other += again;
        if (!alarmed(w)) {
            fail("what is damaged raises no alarm");
        }
        if (!again && w->ra.commit.slot[0].previous != 0 && w->ra.commit.slot[1].previous != 0) {
            fail("another generation is there and is not served");
        }
        flips.nothing += !again;
        if (!again && !shown_damaged(w)) {
            fail("what is damaged is not shown");
            if (wish.bit != ANY) {
                printf("%s\n", w->shown);
            }
        }
        flips.alarms++;
    } else if (damaged) {
        flips.older++;
    }
}

/* Story 0: two generations are stored, 1: one alone. */
void flip_all(void)
{
    struct world *w = &worlds[1];
    uint32_t unit = geometries[here.geometry].program_unit;
    prepare(0);
    if (here.story == 0) {
        finish();
        (void)world_settle(golden);
    } else {
        world_set(golden, "hold", "on");
        (void)world_settle(golden);
    }
    world_copy(w, golden);
    for (uint32_t at = 0; at < golden->flash.size; at++) {
        for (unsigned bit = 0; bit <= 8; bit++) {
            here.flip = (long)at * 9 + bit;
            struct damage d = {.operation = at + 1u, .kind = bit};
            seed_from(&d, 3);
            bool chosen = wish.bit != ANY ? here.flip == (long)wish.bit : rnd(wish.one_in) == 0;
            if (!chosen || (bit == 8 && at % unit != 0)) {
                continue;
            }
            tally.planned++;
            if (wish.count_only) {
                tally.same++;
                continue;
            }
            if (bit < 8) {
                w->memory[at] ^= (uint8_t)(1u << bit);
            } else { /* a unit disturbed: some of its bits are programmed */
                for (uint32_t i = at; i < at + unit; i++) {
                    uint8_t mask = (uint8_t)rnd(256);
                    w->memory[i] = geometries[here.geometry].erased != 0 ? w->memory[i] & mask
                                                                         : w->memory[i] | mask;
                }
            }
            uint32_t operations = w->flash.operations;
            tally.fired++;
            world_boot(w);
            after_flip(w, rnd(64) == 0);
            if (w->flash.operations != operations) {
                world_copy(w, golden);
            } else {
                memcpy(w->memory + at, golden->memory + at, bit < 8 ? 1 : unit);
                w->true_ms = golden->true_ms;
            }
        }
    }
    here.flip = -1;
}

void flips_print(void)
{
    printf("noticed %lu; an older copy served %lu; not served at first %lu, of them the other "
           "generation then %lu, an alarm alone %lu\n",
           flips.noticed, flips.older, flips.alarms, flips.other, flips.nothing);
}
