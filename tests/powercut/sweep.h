/* sweep.h - what the parts of powercut share; powercut.c says what it does.
 *
 *     sweep.c    the geometries, what is asked for and counted, random numbers, failures
 *     stories.c  the lives of the appliance that are cut, and the flash before them
 *     cuts.c     which cuts there are at each flash operation, and one of them
 *     oracle.c   what must hold after a cut
 *     again.c    the same point of each life again and again
 *     flips.c    bits that turn at rest
 *     merge.c    cuts that come to the same
 */
#ifndef SWEEP_H
#define SWEEP_H

#include "merge.h"
#include "world.h"

#define DEPTH_MAX MERGE_DEPTH_MAX /* cuts one after the other */
#define LONG_DAYS 20              /* a renewal ends by itself */
#define PASSWORD "s3cret-Passw0rd!"
#define GEOMETRIES 12u
#define STORIES 16u
#define ANY UINT32_MAX

/* --- what is swept: sweep.c --------------------------------------------------------------------- */

enum start { BLANK, RANDOM, ZEROS, OTHER_PRODUCT, OUR_HEADERS, STARTS };
enum mode { SAMPLE, SINGLES, PAIRS, MARKERS, REPEATS, COUNTERS, FLIPS, REPLAY };

struct damage {
    unsigned operation, kind, unit, unstable, level;
};

extern enum mode mode;
extern struct hal_flash geometries[GEOMETRIES];
extern const char *const start_names[STARTS];

/* [0]: the story, [1]: after a cut of it, [2]: after a cut of the recovery too. */
extern struct world worlds[DEPTH_MAX + 1];

/* Which cut is under way. */
extern struct here {
    unsigned geometry, start, story, depth;
    struct damage d[DEPTH_MAX + 2]; /* [1]: in the story, [2]: in the recovery */
    unsigned repeat;                /* how often so far                                */
    unsigned point;                 /* of REPEATS; of COUNTERS the number of the counter */
    long flip;                      /* bit of the flash; 9 a byte, the last is its unit disturbed */
} here;

/* What the arguments ask for. */
extern struct wishes {
    uint32_t geometry, start, story, counter, point, bit, at_least, part, parts;
    uint32_t seed, rate, share, times, one_in;
    struct damage only[DEPTH_MAX + 1];
    bool only_second, stop_at_first, count_only;
} wish;

extern struct tally {
    unsigned long planned, fired, seconds_planned, seconds_fired;
    unsigned long kinds[NOR_CUT_KINDS], units, erases, unstable, markers, next_renewals;
    unsigned long moves, probes;
    unsigned long same; /* of the planned: as others that fired */
    unsigned long lives, at_once, merged;
    uint32_t most_banks;
    unsigned failures;
} tally;

extern uint32_t seed; /* of the numbers that follow */
uint32_t rnd(uint32_t below);
/* Each cut has random numbers of its own, so that it can be had again alone. */
void seed_from(const struct damage *d, uint32_t more);

void make_geometries(void);
/* Say what is wrong and how to have it again. */
void fail(const char *why);
/* The same for what the world itself ends the program for. */
void at_abort(void);

/* --- the flash between store and model: cuts.c ---------------------------------------------------- */

extern struct tap {
    struct world *w;
    struct hal_flash flash;
    unsigned depth;
    uint32_t erasing;     /* the last sector erased */
    uint64_t transaction; /* under which what follows is written */
    struct {
        uint32_t at, size;
    } written[512]; /* since it began */
    unsigned writes;
    bool settled;    /* all was, once since the cut                   */
    unsigned origin; /* operations until then, of those since the cut */
} taps[DEPTH_MAX + 1];

/* From now on world `depth` is cut at its operations. */
void tap(unsigned depth);
int tap_read(void *dev, uint32_t at, void *to, uint32_t size);
int tap_poll(void *dev);

extern struct ra_commit before_erasing;

/* --- what must hold: oracle.c ---------------------------------------------------------------------- */

/* What the life of a story comes to. */
enum goal { RENEWAL, FIRST, ERASURE };
extern enum goal goal;
extern enum ra_role first_role; /* of FIRST */
extern struct ra_wish first_wish;

extern uint32_t base_id; /* ids of the CA above it are of renewals */
/* What a rollback has given up does not count as new. */
extern uint32_t given_up[RA_ROLES];

/* What the commit names before the cut operation, and what is about to be named. */
extern struct cut_of {
    struct ra_commit now, next;
    bool open, has_next;
} cut_of[DEPTH_MAX + 1];

bool merges(void);
bool is_new(struct world *w, enum ra_role role);
/* Nothing is served any more, nor being erased; until it begins, the operator asks for it. */
bool erased(struct world *w);
/* Both new and nothing under way; meanwhile the CA manager approves whatever waits. */
bool finished(struct world *w);
/* What a commit, a rollback or an import under way is about to name; NULL: there is none. */
const struct ra_commit *switching(const struct world *w);
void look(struct world *w, const char *when);
void remember_secrets(const struct world *w);
bool secret_left(const struct world *w);
/* `erases`: so many there were when the power came back. */
void finish_life(struct world *w, uint32_t erases, bool again);
/* The power comes back. False: the whole is known. */
bool recover(unsigned depth, bool again);

/* --- the lives: stories.c --------------------------------------------------------------------------- */

extern struct world *const golden; /* the life that is cut */
extern const struct world_enrolment pair, pair_scep, pair_est;
extern const struct world_enrolment *enrolled;
extern const struct story {
    const char *name;
    void (*run)(void);
} stories[STORIES];

/* The appliance as it begins; its log with less room than `room`, unless that is 0. */
void prepare(uint32_t room);
/* The renewal of golden, to its end. */
void finish(void);

/* --- again.c, flips.c -------------------------------------------------------------------------------- */

void repeats(void);
void count_up(void);
void flip_all(void);
void flips_print(void);

#endif
