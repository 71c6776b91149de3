#include "life.h"

#include <stdio.h>
#include <string.h>

/* A protocol joins the simulation with a line here (and a server in tests/support). */
static const struct life_protocol protocols[] = {
    {"adcs",
     {{"protocol", "adcs"}, {"ca-url", FAKE_CA_URL}, {"ca-password", LIFE_PASSWORD}},
     "agent.key",
     false},
    {"scep",
     {{"protocol", "scep"},
      {"ca-url", FAKE_SCEP_URL},
      {"scep-challenge", LIFE_CHALLENGE},
      {"subject", "CN=RA01-DEVICE"}},
     "encryption_new1.key",
     true},
    {"est",
     {{"protocol", "est"}, {"ca-url", FAKE_EST_URL}, {"ca-password", LIFE_PASSWORD}},
     "agent.key",
     false},
};
#define PROTOCOLS (sizeof protocols / sizeof protocols[0])

static const struct hal_flash geometries[] = {
    {.sector_size = 4096,
     .sector_count = 96,
     .program_unit = 16,
     .program_max = 256,
     .erased = 255},
    {.sector_size = 4096,
     .sector_count = 192,
     .program_unit = 8,
     .program_max = 256,
     .erased = 255},
    {.sector_size = 16384, .sector_count = 24, .program_unit = 8, .program_max = 512, .erased = 0},
    {.sector_size = 65536, .sector_count = 6, .program_unit = 4, .program_max = 256, .erased = 255},
    {.sector_size = 8192, .sector_count = 96, .program_unit = 32, .program_max = 32, .erased = 0},
};
#define GEOMETRIES (sizeof geometries / sizeof geometries[0])

static uint8_t shadow[WORLD_FLASH_MAX];
static uint8_t bulk[RA_CONSOLE_BULK];

/* --- its own random numbers --------------------------------------------------------------------- */

static uint64_t random_next(struct life *l)
{
    uint64_t x = l->random += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

uint32_t life_random(struct life *l, uint32_t below)
{
    return (uint32_t)((random_next(l) >> 32) * below >> 32);
}

bool life_chance(struct life *l, uint32_t in, uint32_t of)
{
    return life_random(l, of) < in;
}

int64_t life_span(struct life *l, int64_t least, int64_t most)
{
    uint32_t doublings = 0;
    while (least << doublings < most) {
        doublings++;
    }
    int64_t top = least << life_random(l, doublings + 1u);
    int64_t t = top / 2 + (int64_t)life_random(l, (uint32_t)(top / 2 + 1));
    return t < least ? least : t > most ? most : t;
}

/* --- what it says of itself ----------------------------------------------------------------------- */

static void print_when(const struct life *l)
{
    struct ra_date d;
    ra_time_to_date(world_now(&l->w), &d);
    printf("%04d-%02u-%02u %02u:%02u:%02u  ", (int)d.year, (unsigned)d.month, (unsigned)d.day,
           (unsigned)d.hour, (unsigned)d.minute, (unsigned)d.second);
}

void life_say(struct life *l, const char *what, const char *more)
{
    if (l->trace) {
        print_when(l);
        printf("%s%s%s\n", what, more[0] != '\0' ? ": " : "", more);
    }
}

static void print_state(const struct life *l)
{
    const struct ra *ra = &l->w.ra;
    int64_t now = world_now(&l->w);
    int64_t clock = ra_clock_now(&ra->clock);
    printf("  worn %u%s, clock %+lld s, calm for %.1f days, erases %u, boots %u, writer %u, worker "
           "%d\n",
           (unsigned)ra->store.info.worn, l->dying ? ", all" : "",
           clock == RA_TIME_UNKNOWN ? -1LL : (long long)(clock - now),
           (double)(l->w.true_ms - l->calm_ms) / 86400e3, (unsigned)l->w.flash.erases,
           (unsigned)l->n.boots, ra->writer, ra->worker);
    for (unsigned i = 0; trouble_name(i) != NULL; i++) {
        if (l->trouble[i].on) {
            printf("  %s\n", trouble_name(i));
        }
    }
    for (unsigned i = 0; i < RA_ROLES; i++) {
        const struct ra_renewal *r = &ra->renewal[i];
        const struct ra_slot *slot = &ra->commit.slot[i];
        printf("  %s: %s, generation %u, ends in %.1f days, phase %u, next in %.1f days, failures "
               "%u, spent %u of %u (the CA: %u), %s\n",
               ra_role_word((enum ra_role)i), ra_state_name(r->state), (unsigned)slot->active,
               (double)(slot->active_not_after - now) / 86400, (unsigned)r->txn.phase,
               (double)(r->txn.next - now) / 86400, r->txn.failures, r->txn.budget.spent,
               ra->config.attempts_per_day, l->w.ca.today[i],
               r->txn.cause == RA_OK ? "no cause" : ra_error_text(r->txn.cause));
    }
}

void life_fail(struct life *l, const char *why)
{
    if (l->failure == NULL) {
        l->failure = why;
        life_say(l, "FAIL", why);
        if (l->trace) {
            print_state(l);
        }
    }
}

void life_fail_role(struct life *l, enum ra_role role, const char *why)
{
    static char text[160];
    if (l->failure == NULL) {
        (void)snprintf(text, sizeof text, "%s: %s", ra_role_word(role), why);
        life_fail(l, text);
    }
}

/* --- power ---------------------------------------------------------------------------------------- */

/* How the power will go in one of the flash operations of this boot, or not. */
static void plan_cut(struct life *l)
{
    struct nor_model *f = &l->w.flash;
    l->w.cut_after = 0;
    l->n.cuts_overtaken += l->cut_open;
    l->cut_open = false;
    if (l->cutting && life_chance(l, 7, 8)) {
        l->w.cut_after = 1u + life_random(l, life_chance(l, 1, 2) ? 12 : 200);
        f->cut = (enum nor_cut)life_random(l, NOR_CUT_DISTURB);
        f->depth = life_random(l, 256);
        f->cut_unit = life_random(l, 4);
        f->seed = 1u + life_random(l, UINT32_MAX - 1u);
        f->unstable = f->shadow != NULL && life_chance(l, 1, 2);
        l->n.cuts_planned++;
        l->cut_open = true;
    }
}

static void cut_fired(struct life *l)
{
    l->n.cuts++;
    l->cut_open = false;
}

void life_no_cut(struct life *l)
{
    l->w.flash.cut_at = 0;
    l->n.cuts_withdrawn += l->cut_open;
    l->cut_open = false;
}

static void boot(struct life *l)
{
    do {
        plan_cut(l);
        l->n.boots++;
        l->boot_ms = l->w.true_ms;
        world_boot(&l->w);
        oracle_listen(l);
        if (l->w.flash.cut_fired) {
            cut_fired(l);
            oracle_power_lost(l);
        }
    } while (l->w.flash.cut_fired && l->failure == NULL);
    ra_console_init(&l->console, &l->w.ra, "a board", bulk);
    if (l->has_sntp && !l->no_sntp) {
        (void)ra_offer_time(&l->w.ra, RA_TIME_SNTP, world_now(&l->w) + l->sntp_error_s);
    }
    oracle_booted(l);
    troubles_settings(l);
}

void life_reset(struct life *l)
{
    life_say(l, "reset", "");
    oracle_power_lost(l);
    boot(l);
}

/* --- the operator ------------------------------------------------------------------------------- */

void life_type(struct life *l, const char *line)
{
    struct world *w = &l->w;
    if (!ra_started(&w->ra) || l->console.reboot) {
        return;
    }
    life_say(l, "typed", line);
    w->shown_size = 0;
    w->shown[0] = '\0';
    w->typed = line;
    l->n.commands++;
    for (unsigned i = 0, quiet = 0; quiet < 4 && !l->console.reboot; i++) {
        size_t before = w->shown_size;
        if (i > 4000) {
            life_fail(l, "the console does not end");
            return;
        }
        w->serial_taken = 0;
        (void)ra_console_step(&l->console);
        bool asks = l->console.input != RA_CONSOLE_COMMANDS;
        if (asks && *w->typed == '\0' && i % 16u == 15u) {
            w->typed = "yes\r";
        }
        bool more = *w->typed != '\0' || l->console.command != NULL || asks ||
                    l->console.out_count != 0 || w->shown_size != before;
        quiet = more ? 0 : quiet + 1;
        if (w->shown_size > WORLD_SERIAL_MAX - 2048) {
            w->shown_size = 0;
        }
    }
    if (strstr(w->shown, LIFE_PASSWORD) != NULL || strstr(w->shown, LIFE_CHALLENGE) != NULL) {
        life_fail(l, "the console shows a secret");
    }
}

/* --- birth ---------------------------------------------------------------------------------------- */

static const char *choice(struct life *l, const char *const of[], uint32_t n)
{
    return of[life_random(l, n)];
}

#define CHOICE(l, ...)                                                                             \
    choice(l, (const char *const[]){__VA_ARGS__},                                                  \
           sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

/* Some sectors fail after so many erases: few where banks enough stay whole, or all. */
static void wear_out(struct life *l)
{
    struct nor_model *f = &l->w.flash;
    uint32_t sectors = f->geometry.sector_count;
    if (!life_chance(l, 1, 8)) {
        return;
    }
    l->dying = life_chance(l, 1, 4);
    bool few = !l->dying && sectors == 192; /* four banks: three are left */
    if (!l->dying && !few) {
        return;
    }
    for (uint32_t i = 0; i < sectors; i++) {
        l->endurance[i] = l->dying ? 1u + life_random(l, 12) : UINT32_MAX;
    }
    if (few) {
        l->endurance[life_random(l, sectors)] = 1u + life_random(l, 3);
    }
    f->wear = l->wear;
    f->endurance = l->endurance;
    f->bad_kind = life_random(l, 3);
}

static void configure(struct life *l, const char *const settings[][2], unsigned n)
{
    for (unsigned i = 0; i < n && settings[i][0] != NULL; i++) {
        world_set(&l->w, settings[i][0], settings[i][1]);
    }
}

static void be_born(struct life *l)
{
    struct world *w = &l->w;
    const struct hal_flash *geometry = &geometries[life_random(l, GEOMETRIES)];
    l->protocol = &protocols[life_random(l, PROTOCOLS)];
    world_init(w, geometry);
    w->true_ms += (int64_t)life_random(l, 730 * RA_DAY) * 1000;
    w->noise_state = random_next(l);
    w->serial_room = WORLD_SERIAL_MAX;
    w->ca.authority = FAKE_AUTHORITY_ENDS;
    w->ca.life_days = life_chance(l, 3, 4) ? 730 : 365;
    w->ca.scep.challenge = LIFE_CHALLENGE;
    w->ca.strangers = l->id % 8;
    w->ca.root_again = l->id / 8 % 3 == 0;
    w->ca.scep.alone = l->id / 24 % 2 == 0;
    w->on_send = oracle_send;
    if (life_chance(l, 1, 4)) {
        w->flash.shadow = shadow;
        nor_model_format(&w->flash, true);
    }
    int days = 3 + (int)life_random(l, w->ca.life_days - 3u);
    int partner = life_chance(l, 3, 4) ? days : 3 + (int)life_random(l, w->ca.life_days - 3u);
    struct world_enrolment e = {.key = {l->protocol->agent_key, "encryption.key"},
                                .days_left = {days, partner}};
    world_provision(w, &e);
    configure(l, l->protocol->settings, 6);
    l->minimum_life = CHOICE(l, "90", "90", "30");
    const char *const settings[][2] = {
        {"key-policy", l->fast && life_chance(l, 3, 4) ? "new" : "same"},
        {"jitter-hours", CHOICE(l, "0", "24", "240")},
        {"renew-days", CHOICE(l, "42", "42", "30", "100")},
        {"renew-percent", CHOICE(l, "0", "0", "0", "80")},
        {"split-days", CHOICE(l, "1", "7", "7", "20")},
        {"probation-hours", CHOICE(l, "1", "24", "24", "96")},
        {"retention-days", CHOICE(l, "0", "0", "30")},
        {"minimum-life-days", l->minimum_life},
        {"attempts-per-day", CHOICE(l, "8", "8", "3", "1", "100")},
        {"poll-minutes", CHOICE(l, "60", "15", "1440")},
    };
    configure(l, settings, sizeof settings / sizeof settings[0]);
    if (!world_settle(w)) {
        life_fail(l, "the flash does not settle");
    }
    static const uint32_t paces[] = {600, 1800, 3600, 3 * 3600};
    l->pace_ms = (life_chance(l, 1, 60) ? 60u : paces[life_random(l, 4)]) * 1000u;
    l->use = life_random(l, 2);
    l->has_board = life_chance(l, 3, 4);
    w->board_clock = l->has_board;
    l->has_sntp = life_chance(l, 1, 2);
    wear_out(l);
    l->end_ms = w->true_ms + (4 + life_random(l, 9)) * (365 * DAY + 6 * HOUR) * 1000;
}

/* --- life ----------------------------------------------------------------------------------------- */

static void set_pace(struct life *l)
{
    int64_t until = troubles_next(l) - l->w.true_ms;
    l->w.pace_ms = l->pace_ms;
    if (until < (int64_t)l->pace_ms) {
        l->w.pace_ms = until < 1000 ? 1000u : (uint32_t)until;
    }
}

static void use_what_is_served(struct life *l)
{
    for (unsigned i = 0; i < RA_ROLES; i++) {
        if (world_state(&l->w, (enum ra_role)i) == RA_STATE_PROBATION && l->w.ra.worker < 0) {
            if (l->bad_use && life_chance(l, 1, 4)) {
                life_say(l, "fails in use", ra_role_word((enum ra_role)i));
                ra_report_use(&l->w.ra, (enum ra_role)i, false);
            } else if (!l->bad_use && l->use == 1 && life_chance(l, 1, 8)) {
                ra_report_use(&l->w.ra, (enum ra_role)i, true);
            }
        }
    }
}

static void live(struct life *l)
{
    struct world *w = &l->w;
    while (w->true_ms < l->end_ms && l->failure == NULL) {
        if (w->true_ms >= troubles_next(l)) {
            troubles_step(l);
        }
        operator_step(l);
        set_pace(l);
        bool power = world_step(w);
        l->n.steps++;
        oracle_step(l);
        if (power && l->console.reboot) {
            (void)ra_console_step(&l->console); /* it waits for the flash */
        }
        if (!power) {
            life_say(l, "the power goes in a flash operation", "");
            cut_fired(l);
            oracle_power_lost(l);
            boot(l);
        } else if (w->resets != 0 ||
                   (l->shaky != 0 && life_chance(l, 1, w->ra.worker >= 0 ? 60 : 20))) {
            l->shaky -= w->resets == 0;
            w->resets = 0;
            life_reset(l);
        }
        use_what_is_served(l);
    }
}

bool life_run(struct life *l, uint32_t id, bool fast, bool trace)
{
    memset(l, 0, sizeof *l);
    l->id = id;
    l->fast = fast;
    l->trace = trace;
    l->random = (uint64_t)id * 0xd1342543de82ef95u + 1u;
    be_born(l);
    int64_t born_ms = l->w.true_ms;
    oracle_begin(l);
    troubles_begin(l);
    operator_begin(l);
    boot(l);
    if (l->protocol->device && l->fast) {
        life_type(l, "enroll device\r");
    }
    live(l);
    if (l->failure == NULL) {
        oracle_look(l);
    }
    l->n.cuts_left = l->cut_open;
    l->n.lives = 1;
    l->n.seconds = (uint64_t)((l->w.true_ms - born_ms) / 1000);
    l->n.erases = l->w.flash.erases;
    return l->failure == NULL;
}
