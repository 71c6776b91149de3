/* What goes wrong in a life. Each trouble is a line of the table at the end: how long it lasts,
 * and what its begin and its end change. Which of them a life has, how often and for how long
 * comes from the life's random numbers. */
#include <stdio.h>
#include <string.h>

#include "life.h"
#include "world_vectors.h"

/* --- between the appliance and the CA ------------------------------------------------------------ */

static void unreachable(struct life *l, bool on)
{
    static const enum fake_ca_net kinds[] = {FAKE_NET_REFUSED, FAKE_NET_RESET, FAKE_NET_SILENT,
                                             FAKE_NET_LOSE_REPLY};
    l->w.ca.net = on ? kinds[life_random(l, 4)] : FAKE_NET_UP;
}

static void another_server(struct life *l, bool on)
{
    static const enum fake_ca_net kinds[] = {FAKE_NET_GARBAGE, FAKE_NET_PAGE, FAKE_NET_401,
                                             FAKE_NET_503};
    l->w.ca.net = on ? kinds[life_random(l, 4)] : FAKE_NET_UP;
    l->w.ca.retry_after = life_random(l, 3 * RA_DAY);
}

static void hold_reply(struct life *l)
{
    unsigned at = l->held_next++ % LIFE_HELD_REPLIES;
    memcpy(l->held_reply[at], l->w.link.reply, l->w.link.reply_size);
    l->held_size[at] = l->w.link.reply_size;
}

/* Lost, late, cut short, garbled, an older one in its place. True: the peer closes behind it. */
static bool on_bad_line(struct world *w)
{
    struct life *l = (struct life *)(void *)w;
    struct world_link *link = &w->link;
    unsigned old = life_random(l, LIFE_HELD_REPLIES);
    hold_reply(l);
    switch (life_random(l, 8)) {
    case 0:
        link->reply_size = 0;
        return life_chance(l, 1, 2);
    case 1:
        link->reply_ms = w->true_ms + 1000 * (int64_t)life_random(l, 90);
        return false;
    case 2:
        link->reply_size = life_random(l, (uint32_t)link->reply_size + 1u);
        return life_chance(l, 3, 4);
    case 3:
        for (unsigned i = 1u + life_random(l, 8); i > 0 && link->reply_size != 0; i--) {
            link->reply[life_random(l, (uint32_t)link->reply_size)] ^=
                (uint8_t)(1u << life_random(l, 8));
        }
        return false;
    case 4:
        memcpy(link->reply, l->held_reply[old], l->held_size[old]);
        link->reply_size = l->held_size[old];
        l->replayed_ms = w->true_ms;
        return false;
    case 5:
        link->piece = 1u + life_random(l, 64);
        return false;
    default:
        return false;
    }
}

static void bad_line(struct life *l, bool on)
{
    l->w.on_reply = on ? on_bad_line : NULL;
    l->w.link.piece = SIZE_MAX;
}

/* --- the CA ------------------------------------------------------------------------------------------ */

/* One role's requests, or all. */
static void verdict(struct life *l, enum fake_ca_mode mode)
{
    unsigned one = life_random(l, RA_ROLES + 2u);
    for (unsigned i = 0; i < RA_ROLES; i++) {
        if (mode == FAKE_CA_ISSUE || one >= RA_ROLES || one == i) {
            /* A device's may be of any purpose. */
            bool none = i == RA_ROLE_DEVICE && mode == FAKE_CA_WRONG_ROLE;
            l->w.ca.mode[i] = none ? FAKE_CA_WRONG_KEY : mode;
        }
    }
}

static void makes_wait(struct life *l, bool on)
{
    verdict(l, on ? FAKE_CA_PEND : FAKE_CA_ISSUE);
}

static void says_no(struct life *l, bool on)
{
    static const uint32_t hresults[] = {0x80094800u, 0x80094801u, 0x80070005u, 0x8009400fu,
                                        0x80094012u, 0x800706bau, 0x80090326u, 0x80092013u};
    verdict(l, !on ? FAKE_CA_ISSUE : life_chance(l, 1, 2) ? FAKE_CA_DENY : FAKE_CA_ERROR);
    l->w.ca.hresult = hresults[life_random(l, 8)];
    l->w.ca.scep.fail_info = (uint8_t)life_random(l, 6);
}

static void bad_certificates(struct life *l, bool on)
{
    uint32_t defects = FAKE_CA_MODES - FAKE_CA_WRONG_KEY;
    verdict(l,
            on ? (enum fake_ca_mode)(FAKE_CA_WRONG_KEY + life_random(l, defects)) : FAKE_CA_ISSUE);
}

static void bad_scep(struct life *l, bool on)
{
    uint32_t faults = FAKE_SCEP_FAULTS - 1u;
    l->w.ca.scep.fault = on ? (enum fake_scep_fault)(1u + life_random(l, faults)) : FAKE_SCEP_RIGHT;
}

static void bad_est(struct life *l, bool on)
{
    l->w.ca.est.fault =
        on ? (enum fake_est_fault)(1u + life_random(l, FAKE_EST_500)) : FAKE_EST_RIGHT;
}

static void other_scep(struct life *l, bool on)
{
    l->w.ca.scep.get_only = on && life_chance(l, 1, 2);
    l->w.ca.scep.no_renewal = on && life_chance(l, 1, 2);
    l->w.ca.scep.refuse_renewal = on && life_chance(l, 1, 2);
}

/* A restore of its database: what waited is not known any more. */
static void forgets(struct life *l, bool on)
{
    for (unsigned i = 0; on && i < FAKE_CA_REQUESTS; i++) {
        if (l->w.ca.request[i].state != FAKE_CA_ISSUED) {
            memset(&l->w.ca.request[i], 0, sizeof l->w.ca.request[i]);
        }
    }
}

/* --- time -------------------------------------------------------------------------------------------- */

static int64_t clock_error(struct life *l)
{
    int64_t t = life_span(l, 120, 4000 * DAY);
    return life_chance(l, 1, 2) ? t : -t;
}

/* The clocks that there are go wrong, together or one of them. */
static void wrong_clock(struct life *l, bool on)
{
    int64_t error = on ? clock_error(l) : 0;
    unsigned which = on ? life_random(l, 4) : 3;
    l->w.board_error_s = which != 0 ? error : 0;
    l->sntp_error_s = which != 1 ? error : 0;
    l->w.ca.clock_error = which == 2 ? error : 0;
    if (life_chance(l, 1, 2) || !on) {
        life_reset(l);
    }
}

/* The board's clock, the time server, or both. */
static void no_clock(struct life *l, bool on)
{
    unsigned which = on ? life_random(l, 3) : 3;
    l->w.board_clock = l->has_board && (which == 1 || which == 3);
    l->no_sntp = which == 1 || which == 2;
    l->w.ca.no_date = which == 2 && life_chance(l, 1, 3);
    if (on) {
        life_reset(l);
    }
}

static void type_time(struct life *l, int64_t t)
{
    char line[64];
    struct ra_date d;
    ra_time_to_date(t, &d);
    (void)snprintf(line, sizeof line, "time set %04d-%02u-%02uT%02u:%02u:%02uZ\r", (int)d.year,
                   (unsigned)d.month, (unsigned)d.day, (unsigned)d.hour, (unsigned)d.minute,
                   (unsigned)d.second);
    life_type(l, line);
}

static void mistypes_time(struct life *l, bool on)
{
    type_time(l, world_now(&l->w) + (on ? clock_error(l) : 0));
}

/* --- the board --------------------------------------------------------------------------------------- */

static void no_noise(struct life *l, bool on)
{
    l->w.noise = !on                    ? WORLD_NOISE_GOOD
                 : life_chance(l, 1, 2) ? WORLD_NOISE_NONE
                                        : WORLD_NOISE_ABSENT;
    if (on && life_chance(l, 1, 2)) {
        life_reset(l);
    }
}

static void shaky(struct life *l, bool on)
{
    l->shaky = on ? 1u + life_random(l, 60) : 0;
    if (on && life_chance(l, 1, 2)) {
        life_type(l, "renew all\r");
    }
}

static void cuts(struct life *l, bool on)
{
    l->cutting = on;
    life_reset(l);
    if (on && life_chance(l, 3, 4)) {
        life_type(l, "renew all\r"); /* else there is little to cut */
    }
}

static void switched_off(struct life *l, bool on)
{
    if (on) {
        world_advance(&l->w, life_span(l, DAY, 400 * DAY));
        life_reset(l);
    }
}

static void bad_use(struct life *l, bool on)
{
    l->bad_use = on;
}

/* --- the operator -------------------------------------------------------------------------------------- */

static void set(struct life *l, const char *name, const char *value)
{
    char line[120];
    (void)snprintf(line, sizeof line, "config set %s %s\r", name, value);
    life_type(l, line);
    life_type(l, "config save\r");
}

static void holds(struct life *l, bool on)
{
    l->held = on;
    l->n.acts[on ? LIFE_HELD : LIFE_RESUMED]++;
    set(l, "hold", on ? "on" : "off");
}

static void wrong_settings(struct life *l, bool on)
{
    static const char *const wrong[][2] = {{"ca-url", "http://ca.example.test/nothing/"},
                                           {"protocol", "scep"},
                                           {"protocol", "adcs"},
                                           {"ca-url", "ftp://ca.example.test/"},
                                           {"minimum-life-days", "3650"},
                                           {"device-protocol", "adcs"}};
    unsigned which = life_random(l, 6);
    l->settings_wrong = on;
    if (on) {
        set(l, wrong[which][0], wrong[which][1]);
    }
}

static void want(struct life *l, const char *name, const char *value)
{
    char text[RA_URL_MAX + 1];
    struct ra_text to;
    ra_text_init(&to, text, sizeof text);
    ra_config_print(&l->w.ra.config, ra_setting_find(name), true, &to);
    if (strcmp(text, value) != 0) {
        world_set(&l->w, name, value);
    }
}

void troubles_settings(struct life *l)
{
    if (!ra_started(&l->w.ra) || l->settings_wrong) {
        return;
    }
    for (unsigned i = 0; i < 6 && l->protocol->settings[i][0] != NULL; i++) {
        want(l, l->protocol->settings[i][0], l->protocol->settings[i][1]);
    }
    want(l, "minimum-life-days", l->minimum_life);
    want(l, "device-protocol", "same");
    want(l, "hold", l->held ? "on" : "off");
}

/* One thing at a time, at any time. */
static void operator_acts(struct life *l)
{
    static const char *const lines[] = {
        "renew all\r",
        "renew agent\r",
        "renew encryption\r",
        "renew device\r",
        "show\r",
        "show log\r",
        "show credentials\r",
        "show version\r",
        "config list\r",
        "help\r",
        "time\r",
        "enroll device\r",
        "config save\r",
        "reboot\r",
        "retrieve device 1A\r",
        "config set hold maybe\r",
        "\x1b[A\x08\x15\xff renew\r",
        "renew all agent all\r",
    };
    char line[80];
    uint32_t what = life_random(l, 24);
    if (what < 18) {
        operator_hands_over(l, RA_ROLE_DEVICE); /* some lines ask for it anew, or by its number */
        life_type(l, lines[what]);
        l->pending_clean[RA_ROLE_DEVICE] = l->pending_clean[RA_ROLE_DEVICE] && what != 14;
    } else if (what < 21) {
        uint32_t id = l->w.ca.last_id - life_random(l, 4);
        (void)snprintf(line, sizeof line, "retrieve %s %u\r",
                       life_chance(l, 1, 2) ? "agent" : "encryption", (unsigned)id);
        memset(l->pending_clean, 0, sizeof l->pending_clean);
        for (unsigned i = 0; i < RA_ROLES; i++) {
            operator_hands_over(l, (enum ra_role)i);
        }
        life_type(l, line);
        l->calm_ms = l->w.true_ms;
    } else if (what < 22) {
        set(l, "poll-minutes", life_chance(l, 1, 2) ? "30" : "120");
    } else if (what < 23) {
        ra_report_use(&l->w.ra, RA_ROLE_AGENT, true);
        ra_report_use(&l->w.ra, RA_ROLE_ENCRYPTION, true);
    } else {
        /* The pair's owner sees it fail, on probation or long after. */
        ra_report_use(&l->w.ra, (enum ra_role)life_random(l, RA_ROLES), false);
        l->calm_ms = l->w.true_ms;
    }
}

/* --- the table --------------------------------------------------------------------------------------- */

static const struct trouble {
    const char *name;
    void (*change)(struct life *l, bool on);
    int64_t least, most; /* seconds it lasts */
    const char *only;    /* of that protocol, NULL: of all */
    bool calm;           /* it keeps no renewal from its end */
    bool outage;         /* it neither makes the CA forget nor answers in its name */
} troubles[] = {
    {"the CA cannot be reached", unreachable, 600, 150 * DAY, NULL, false, true},
    {"another server answers", another_server, 600, 60 * DAY, NULL, false, false},
    {"a bad line", bad_line, HOUR, 60 * DAY, NULL, false, false},
    {"the CA makes requests wait", makes_wait, DAY, 60 * DAY, NULL, false, true},
    {"the CA says no", says_no, HOUR, 60 * DAY, NULL, false, false},
    {"the CA issues bad certificates", bad_certificates, HOUR, 60 * DAY, NULL, false, false},
    {"a bad SCEP server", bad_scep, HOUR, 40 * DAY, "scep", false, false},
    {"a bad EST server", bad_est, HOUR, 40 * DAY, "est", false, false},
    {"another SCEP server", other_scep, DAY, 400 * DAY, "scep", true, true},
    {"the CA forgets", forgets, 60, 600, NULL, false, false},
    {"a wrong clock", wrong_clock, HOUR, 100 * DAY, NULL, false, false},
    {"no clock", no_clock, HOUR, 100 * DAY, NULL, false, true},
    {"the operator mistypes the time", mistypes_time, HOUR, 60 * DAY, NULL, false, false},
    {"no noise", no_noise, HOUR, 30 * DAY, NULL, false, true},
    {"resets", shaky, HOUR, 3 * DAY, NULL, false, true},
    {"power cuts in flash operations", cuts, HOUR, 20 * DAY, NULL, false, true},
    {"switched off", switched_off, 60, 600, NULL, false, true},
    {"new credentials fail in use", bad_use, DAY, 200 * DAY, NULL, false, false},
    {"on hold", holds, HOUR, 250 * DAY, NULL, false, true},
    {"wrong settings", wrong_settings, HOUR, 30 * DAY, NULL, false, false},
};
#define TROUBLES (sizeof troubles / sizeof troubles[0])

_Static_assert(TROUBLES <= LIFE_TROUBLES_MAX, "a life has room for every trouble");

const char *trouble_name(unsigned i)
{
    return i < TROUBLES ? troubles[i].name : NULL;
}

/* How long until something that happens every so often happens again. */
static int64_t after(struct life *l, int64_t least, int64_t most)
{
    return l->w.true_ms + life_span(l, least, most) * 1000;
}

static int64_t pause_of(struct life *l)
{
    return after(l, 20 * DAY, 1500 * DAY);
}

#define FIRST_ISSUING_CA_ENDS 23376 /* days since 1970: 2034-01-01 */

void troubles_begin(struct life *l)
{
    for (unsigned i = 0; i < TROUBLES; i++) {
        const char *only = troubles[i].only;
        l->trouble[i].here =
            life_chance(l, 1, 2) && (only == NULL || strcmp(only, l->protocol->name) == 0);
        l->trouble[i].next_ms = l->trouble[i].here ? pause_of(l) : INT64_MAX;
    }
    for (unsigned i = 0; i < RA_ROLES; i++) {
        l->manager_ms[i] = after(l, HOUR, 30 * DAY);
        l->provision_ms[i] = INT64_MAX;
    }
    l->sntp_ms = l->has_sntp ? l->w.true_ms : INT64_MAX;
    l->operator_ms = life_chance(l, 1, 2) ? after(l, DAY, 200 * DAY) : INT64_MAX;
    l->reset_ms = after(l, DAY, 300 * DAY);
    /* Before the first issuing CA ends. */
    l->rollover_ms = l->w.true_ms + (int64_t)life_random(l, 1600) * DAY * 1000;
    l->new_root = life_chance(l, 2, 3);
    l->root_ms = INT64_MAX;
    bool announced = l->new_root && strcmp(l->protocol->name, "adcs") != 0 && life_chance(l, 1, 2);
    l->w.ca.scep.next_root = announced;
    l->w.ca.est.next_root = announced;
    if (announced) {
        /* In the last year of the issuing CA; the appliance learns of it, or the operator helps. */
        l->rollover_ms = (FIRST_ISSUING_CA_ENDS - 1 - (int64_t)life_random(l, 300)) * DAY * 1000;
        l->root_ms = l->rollover_ms + 40 * DAY * 1000;
    } else if (l->new_root) {
        l->root_ms = l->rollover_ms + ((int64_t)life_random(l, 120) - 80) * DAY * 1000;
    }
}

static bool root_stored(struct life *l)
{
    const struct world_blob *root = world_blob(fake_ca_root(FAKE_AUTHORITY_NEW_ROOT));
    uint8_t der[RA_CERT_MAX];
    size_t size = 0;
    for (uint16_t i = 0; i < RA_ANCHORS_MAX; i++) {
        if (ra_store_get(&l->w.ra.store, RA_RECORD_ANCHOR, i, der, sizeof der, &size) == RA_OK &&
            size == root->size && memcmp(der, root->p, size) == 0) {
            return true;
        }
    }
    return false;
}

/* The CA gets a new key, or with it a new root that some appliances know already. */
static void roll_over(struct life *l)
{
    l->rollover_ms = INT64_MAX;
    l->n.rollovers++;
    l->w.ca.authority = l->new_root ? FAKE_AUTHORITY_NEW_ROOT : FAKE_AUTHORITY_NEW_KEY;
    l->w.ca.scep.next_root = l->w.ca.est.next_root = false;
    life_say(l, "rollover", fake_ca_issuing(l->w.ca.authority));
    bool stored = root_stored(l);
    l->untrusted = l->new_root && !stored;
    l->n.staged_roots += l->new_root && stored && l->root_ms != INT64_MAX;
}

bool troubles_may_store(const struct life *l)
{
    bool noise = ra_random_ready(&l->w.ra.random) ||
                 (l->w.noise == WORLD_NOISE_GOOD && l->w.ra.random.failed == RA_OK);
    return noise && !l->dying;
}

static void store_root(struct life *l)
{
    l->root_ms = INT64_MAX;
    l->untrusted = false;
    life_no_cut(l);
    bool stored = root_stored(l);
    life_say(l, "the operator stores the new root", stored ? "which is there" : "");
    if (!stored) {
        world_anchor(&l->w, 1, fake_ca_root(FAKE_AUTHORITY_NEW_ROOT));
    }
}

static void manager_decides(struct life *l, enum ra_role role)
{
    bool yes = life_chance(l, 4, 5);
    while (yes ? fake_ca_approve(&l->w.ca, role, world_now(&l->w))
               : fake_ca_refuse(&l->w.ca, role)) {
        life_say(l, yes ? "approved" : "refused", ra_role_word(role));
    }
    l->manager_ms[role] = after(l, HOUR, 30 * DAY);
}

/* A new enrolment by hand, of what has expired. */
static void provision(struct life *l, enum ra_role role)
{
    bool rsa = l->protocol->device || role == RA_ROLE_ENCRYPTION;
    bool other = life_chance(l, 1, 2);
    l->provision_ms[role] = INT64_MAX;
    life_no_cut(l);
    life_say(l, "provisioned", ra_role_word(role));
    l->n.provisioned++;
    world_store_pair(&l->w, role,
                     rsa     ? other ? "encryption_new1.key" : "encryption_new2.key"
                     : other ? "agent_new1.key"
                             : "agent_new2.key",
                     l->w.ca.life_days - 1);
    oracle_accept(l);
}

static void change(struct life *l, unsigned i)
{
    const struct trouble *t = &troubles[i];
    bool on = !l->trouble[i].on;
    l->trouble[i].on = on;
    l->trouble[i].next_ms = on ? after(l, t->least, t->most) : pause_of(l);
    life_say(l, on ? "begins" : "ends", t->name);
    l->n.troubles += on;
    if (!t->outage) {
        memset(l->pending_clean, 0, sizeof l->pending_clean);
    }
    t->change(l, on);
}

/* What could not be done now. */
static void later(int64_t *at_ms, int64_t now_ms)
{
    if (*at_ms <= now_ms) {
        *at_ms = now_ms + HOUR * 1000;
    }
}

void troubles_step(struct life *l)
{
    int64_t ms = l->w.true_ms;
    if (!ra_started(&l->w.ra)) {
        return;
    }
    for (unsigned i = 0; i < TROUBLES; i++) {
        if (ms >= l->trouble[i].next_ms) {
            change(l, i);
        }
    }
    troubles_settings(l);
    for (unsigned i = 0; i < RA_ROLES; i++) {
        if (ms >= l->manager_ms[i]) {
            manager_decides(l, (enum ra_role)i);
        }
        if (ms >= l->provision_ms[i] && troubles_may_store(l)) {
            provision(l, (enum ra_role)i);
        }
        later(&l->provision_ms[i], ms);
    }
    if (ms >= l->sntp_ms) {
        l->sntp_ms = ms + 6 * HOUR * 1000;
        if (!l->no_sntp) {
            (void)ra_offer_time(&l->w.ra, RA_TIME_SNTP, world_now(&l->w) + l->sntp_error_s);
        }
    }
    if (ms >= l->operator_ms) {
        l->operator_ms = after(l, HOUR, 100 * DAY);
        operator_acts(l);
    }
    if (ms >= l->reset_ms) {
        l->reset_ms = after(l, DAY, 300 * DAY);
        life_reset(l);
    }
    if (ms >= l->rollover_ms && l->w.ra.worker < 0) {
        roll_over(l);
    }
    if (ms >= l->root_ms && l->w.ra.worker < 0 && troubles_may_store(l)) {
        store_root(l);
    }
    later(&l->rollover_ms, ms);
    later(&l->root_ms, ms);
}

int64_t troubles_next(const struct life *l)
{
    int64_t next = l->sntp_ms;
    const int64_t others[] = {l->operator_ms, l->operator.next_ms, l->reset_ms, l->rollover_ms,
                              l->root_ms};
    for (unsigned i = 0; i < TROUBLES; i++) {
        next = l->trouble[i].next_ms < next ? l->trouble[i].next_ms : next;
    }
    for (unsigned i = 0; i < RA_ROLES; i++) {
        next = l->manager_ms[i] < next ? l->manager_ms[i] : next;
        next = l->provision_ms[i] < next ? l->provision_ms[i] : next;
    }
    for (unsigned i = 0; i < sizeof others / sizeof others[0]; i++) {
        next = others[i] < next ? others[i] : next;
    }
    return next;
}

bool troubles_none(const struct life *l)
{
    for (unsigned i = 0; i < TROUBLES; i++) {
        if (l->trouble[i].on && !troubles[i].calm) {
            return false;
        }
    }
    return !l->untrusted;
}

bool troubles_outages_only(const struct life *l)
{
    for (unsigned i = 0; i < TROUBLES; i++) {
        if (l->trouble[i].on && !troubles[i].outage) {
            return false;
        }
    }
    return true;
}
