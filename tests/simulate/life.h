/* life.h - one appliance's life of some years, all of it from one number.
 *
 * The unchanged firmware lives in a world of one process (world.h) in which things go wrong:
 * troubles.c says what, for how long and how often. After every step oracle.c looks whether the
 * firmware has kept what it promises. Nothing but the life's id decides what happens in it, so that
 * any life can be had again alone.
 */
#ifndef LIFE_H
#define LIFE_H

#include <stdbool.h>
#include <stdint.h>

#include "ra_console.h"
#include "ra_time.h"
#include "world.h"

#define LIFE_TROUBLES_MAX 40u
#define LIFE_HELD_REPLIES 4u
#define DAY ((int64_t)RA_DAY)
#define HOUR ((int64_t)RA_HOUR)

/* Secrets that must not come out, beside the keys. */
#define LIFE_PASSWORD "Xyzzy-Passw0rd"
#define LIFE_CHALLENGE "Plugh-Challenge"

struct life_protocol {
    const char *name;
    const char *settings[6][2];
    const char *agent_key; /* what the pair is provisioned with */
    bool device;           /* the third role enrols by itself */
};

/* What went on, added up over lives. */
struct life_count {
    uint64_t lives, seconds, steps, boots, troubles;
    /* Planned is the sum of fired and of those that a reset came before, that the operator's own
     * work took back, and that a life ended before. */
    uint64_t cuts_planned, cuts, cuts_overtaken, cuts_withdrawn, cuts_left;
    uint64_t renewals, splits, rollbacks, submits, lost, provisioned, rollovers, staged_roots;
    uint64_t looks, erases, worn, commands, calm_seconds;
};

struct life {
    struct world w; /* first: the world's hooks find the life by it */
    struct ra_console console;
    uint32_t id;
    uint64_t random;
    const struct life_protocol *protocol;
    bool fast; /* the stand-in for crypto/: new keys at each renewal */
    bool trace;
    const char *failure; /* NULL: none */
    struct life_count n;
    int64_t end_ms;
    uint32_t pace_ms;

    /* What goes wrong (troubles.c). */
    struct {
        int64_t next_ms;
        bool here, on; /* it happens in this life; it is going on */
    } trouble[LIFE_TROUBLES_MAX];
    unsigned shaky; /* resets to come */
    bool cut_open;  /* planned and not fired yet */
    bool cutting, bad_use, no_sntp, settings_wrong, held;
    bool untrusted;           /* the CA has a root that the appliance does not know */
    bool dying;               /* all of the flash wears out */
    bool new_root;            /* the CA will have one */
    bool has_board, has_sntp; /* clocks of this life */
    int64_t sntp_error_s;     /* of it */
    int64_t sntp_ms, manager_ms[RA_ROLES], operator_ms, reset_ms, provision_ms[RA_ROLES],
        rollover_ms, root_ms;
    const char *minimum_life;
    unsigned use; /* of a new credential: 0 nobody says, 1 it works, 2 it fails at once */
    uint8_t held_reply[LIFE_HELD_REPLIES][FAKE_CA_REPLY_MAX];
    size_t held_size[LIFE_HELD_REPLIES];
    unsigned held_next;
    int64_t replayed_ms; /* when the line last gave an older reply, 0: never */
    uint32_t wear[WORLD_FLASH_MAX / 512u];
    uint32_t endurance[WORLD_FLASH_MAX / 512u];

    /* What is known to be right (oracle.c). */
    int64_t calm_ms;        /* since when nothing has been wrong */
    int64_t clock_right_ms; /* since when the clock has been right */
    int64_t boot_ms;
    struct ra_commit now, next; /* what may be served; after a cut in a switch either of them */
    bool has_next;
    unsigned told[RA_ROLES];
    int64_t born_ms, last_ms;
    unsigned submits[RA_ROLES];
    int64_t sent_ms[RA_ROLES];
    int64_t switched_ms[RA_ROLES]; /* to what serves now */
    uint32_t pending[RA_ROLES]; /* a request the CA makes wait, and the appliance knows, 0: none */
    bool pending_clean[RA_ROLES];
    bool was_expired[RA_ROLES];
    bool denied[RA_ROLES];  /* somebody said no since the last switch */
    ra_err cause[RA_ROLES]; /* as last looked up */
    bool cause_denies[RA_ROLES];
    uint32_t counted_id; /* the CA's last one when its undecided requests were counted */
    bool undecided;
    int64_t look_ms, log_ms, day_ms;
    uint64_t day_steps;
    uint32_t newest_event;
};

/* The whole life with this id; false: it failed, `failure` says how. `years` 0: as long as the id
 * says. */
bool life_run(struct life *l, uint32_t id, bool fast, bool trace);

/* A number below `below` (>= 1), out of the life's own. */
uint32_t life_random(struct life *l, uint32_t below);
/* Seconds between the two, each order of magnitude as likely as the next. */
int64_t life_span(struct life *l, int64_t least, int64_t most);
bool life_chance(struct life *l, uint32_t in, uint32_t of);
/* The first failure counts. */
void life_fail(struct life *l, const char *why);
void life_say(struct life *l, const char *what, const char *more);
/* No power cut in what follows. */
void life_no_cut(struct life *l);
/* RAM is lost now. */
void life_reset(struct life *l);
/* Type a line at the console, and let it answer. */
void life_type(struct life *l, const char *line);

/* troubles.c */
void troubles_begin(struct life *l);
/* What is due begins or ends; sets when the next thing is due. */
void troubles_step(struct life *l);
int64_t troubles_next(const struct life *l);
/* Whether nothing goes on that could keep a renewal from its end. */
bool troubles_none(const struct life *l);
/* Whether what goes on neither makes the CA forget a request nor answers in its name. */
bool troubles_outages_only(const struct life *l);
/* The operator sees to it that the settings are those of this life. */
void troubles_settings(struct life *l);
const char *trouble_name(unsigned i);

/* oracle.c */
void oracle_begin(struct life *l);
void oracle_booted(struct life *l);
void oracle_power_lost(struct life *l);
/* After every step. */
void oracle_step(struct life *l);
/* What the operator or the CA has just done may change what is served. */
void oracle_accept(struct life *l);
void oracle_send(struct world *w);
/* All that is served, proved by use. */
void oracle_look(struct life *l);
void oracle_before(void *context, uint32_t at, uint32_t size);

#endif
