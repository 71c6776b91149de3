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

/* What the operator does, and what the count of it is called. */
#define LIFE_ACTS(X)                                                                               \
    X(BY_HAND, "renewals by hand")                                                                 \
    X(FIRST_BY_HAND, "first enrolments by hand")                                                   \
    X(SHOWN, "requests shown")                                                                     \
    X(CARRIED, "carried to the CA")                                                                \
    X(PASTED, "right answers pasted")                                                              \
    X(MISPASTED, "wrong or garbled answers")                                                       \
    X(SUBMITTED, "handed to the network")                                                          \
    X(RETRIEVED, "retrieved by number")                                                            \
    X(MISRETRIEVED, "by a wrong number")                                                           \
    X(CANCELLED, "given up")                                                                       \
    X(RETRIED, "asked again")                                                                      \
    X(TAKEN_BACK, "taken back")                                                                    \
    X(SAME_KEY, "renewed with the same key")                                                       \
    X(NEW_KEY, "with a new key")                                                                   \
    X(IMPORTED, "imported")                                                                        \
    X(MISIMPORTED, "wrong pairs or passphrases")                                                   \
    X(SETTINGS, "settings changed")                                                                \
    X(HELD, "holds")                                                                               \
    X(RESUMED, "resumed")

enum life_act {
#define LIFE_ACT_ENUM_(name, text) LIFE_##name,
    LIFE_ACTS(LIFE_ACT_ENUM_)
#undef LIFE_ACT_ENUM_
        LIFE_ACT_COUNT
};

/* What went on, added up over lives. */
struct life_count {
    uint64_t lives, seconds, steps, boots, troubles;
    /* Planned is the sum of fired and of those that a reset came before, that the operator's own
     * work took back, and that a life ended before. */
    uint64_t cuts_planned, cuts, cuts_overtaken, cuts_withdrawn, cuts_left;
    uint64_t renewals, splits, rollbacks, submits, lost, provisioned, rollovers, staged_roots;
    uint64_t looks, erases, worn, commands, calm_seconds;
    uint64_t acts[LIFE_ACT_COUNT], refused[LIFE_ACT_COUNT];
};

/* A request that the operator carries, as it was when it was there first. */
struct life_hand {
    bool open;
    uint32_t generation, id; /* the CA's, 0: it was not brought there */
    uint8_t sha256[32];
};

/* An answer that is being looked at. */
struct life_paste {
    bool on, wrong, right;
    struct ra_txn txn; /* before */
};

struct life {
    struct world w; /* first: the world's hooks find the life by it */
    struct ra_console console;
    uint32_t id;
    uint32_t pace_ms;
    uint64_t random;
    const struct life_protocol *protocol;
    bool fast; /* the stand-in for crypto/: new keys at each renewal */
    bool trace;
    enum ra_state said[RA_ROLES];
    const char *failure; /* NULL: none */
    struct life_count n;
    int64_t end_ms;

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
    unsigned held_next;
    uint8_t held_reply[LIFE_HELD_REPLIES][FAKE_CA_REPLY_MAX];
    size_t held_size[LIFE_HELD_REPLIES];
    int64_t replayed_ms; /* when the line last gave an older reply, 0: never */
    uint32_t wear[WORLD_FLASH_MAX / 512u];
    uint32_t endurance[WORLD_FLASH_MAX / 512u];

    struct life_operator {
        uint64_t random;
        int64_t next_ms;
        int8_t reading; /* the role whose request he waits to see, -1: none */
        bool reading_inner;
        int64_t reading_ms;
        struct life_hand hand[RA_ROLES];
        struct life_paste paste[RA_ROLES];
    } operator;

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
    struct ra_subscriber ear;
    struct life_reminders {
        uint32_t generation;
        unsigned heard;      /* the last reminder of its end, as ra_schedule_reminder counts */
    } reminded[RA_ROLES][4]; /* by generation */
    bool clock_was_wrong;
    int64_t idle_ms[RA_ROLES];  /* since when it is due, could begin and has not, 0: it is not so */
    int64_t ready_ms[RA_ROLES]; /* and is ready, could switch and has not                    */
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
void life_fail_role(struct life *l, enum ra_role role, const char *why);
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
/* The store seals with random numbers, and a worn flash takes nothing. */
bool troubles_may_store(const struct life *l);

/* operator.c */
const char *operator_words(enum life_act act);
void operator_begin(struct life *l);
void operator_step(struct life *l);
void operator_booted(struct life *l);
/* After every step. */
void operator_watch(struct life *l);
/* The request of this role is not in his hands any more. */
void operator_hands_over(struct life *l, enum ra_role role);
/* Whether a renewal waits for him. */
bool operator_carries(const struct life *l);

/* oracle.c */
void oracle_begin(struct life *l);
void oracle_booted(struct life *l);
/* Hear what the appliance says, from now to the next reset. */
void oracle_listen(struct life *l);
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
