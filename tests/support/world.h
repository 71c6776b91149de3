/* world.h - a whole appliance in one process: no socket, no file, no waiting.
 *
 * struct ra on a NOR flash over an array (nor_model.h), a clock that a test turns, a seeded noise
 * source, a device key, a serial line and the web enrollment of fake_ca.h at the other end of the
 * transport. Time passes only as the firmware asks for it: world_step does one ra_step and then
 * lets as much time go by as that wanted, at least `pace_ms` while nothing is under way.
 *
 *     world_init(w); world_enrol(w, RA_ROLE_AGENT, "agent.key", 30); ... world_boot(w);
 *     world_until_state(w, RA_ROLE_AGENT, RA_STATE_IDLE, RA_DAY)
 *
 * world_boot is a reset: it forgets the RAM and starts again over the same flash and the same CA,
 * at any moment. What goes wrong in the world itself ends the program.
 * Several worlds may live at once; world_copy makes one the twin of another without its RAM, as
 * after a loss of power.
 */
#ifndef WORLD_H
#define WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../boards/host/nor_model.h"
#include "fake_ca.h"
#include "perennial.h"

#define WORLD_NOW 1800000000 /* 2027-01-15T08:00:00Z, when every world begins */
#ifndef WORLD_FLASH_MAX
#define WORLD_FLASH_MAX 0x60000u
#endif
#define WORLD_UNITS_MAX WORLD_FLASH_MAX /* units of 1 byte */
#define WORLD_REQUEST_MAX 16384u
#define WORLD_SERIAL_MAX 32768u

struct world;

/* The connection to the CA. */
struct world_link {
    struct ra_transport transport;
    enum ra_transport_state state;
    ra_err error;
    bool unbound; /* its TLS has no channel binding */
    size_t piece; /* bytes taken and given in one call at most */
    uint8_t request[WORLD_REQUEST_MAX];
    size_t request_size;
    uint8_t reply[FAKE_CA_REPLY_MAX];
    size_t reply_size, reply_at;
    int64_t reply_ms;  /* not before this time (true_ms) */
    unsigned requests; /* begun */
};

enum world_noise { WORLD_NOISE_GOOD, WORLD_NOISE_NONE, WORLD_NOISE_ABSENT };

struct world {
    struct ra ra;
    struct hal hal;
    struct nor_model flash;
    struct fake_ca ca;
    struct world_link link;

    /* Set by the test, any time. */
    int64_t true_ms;                   /* what time it really is, since 1970             */
    int64_t board_error_s;             /* the board's clock goes wrong by so much        */
    void (*on_send)(struct world *w);  /* before the first byte of each request leaves   */
    bool (*on_reply)(struct world *w); /* before the first byte of each reply comes: may change
                                         link.reply; true: the peer closes behind it */
    void (*on_step)(struct world *w);  /* after each ra_step                             */
    uint32_t pace_ms;                  /* see above; 60 000                              */
    enum world_noise noise;
    bool board_clock; /* the board has a clock */
    bool no_device_key;
    uint32_t cut_after; /* at this flash operation of each life the power goes, 0: at none; set
                           flash.cut too. world_boot then returns without a start.          */

    /* The serial line. */
    uint32_t serial_room; /* bytes taken between two steps; 0: the line stands still */
    const char *typed;    /* goes in next, ended by a zero byte                      */
    size_t shown_size;
    char shown[WORLD_SERIAL_MAX + 1];

    /* Read by the test. */
    unsigned told[RA_ROLES]; /* changes of credentials heard of since the boot */
    unsigned resets;         /* asked for by the console             */
    uint64_t steps;          /* of this boot                         */

    /* Private. */
    struct ra_subscriber ear;
    int64_t boot_ms;
    uint64_t noise_state;
    uint32_t serial_taken;
    unsigned idle; /* steps in a row that wanted no time to pass */
    uint8_t reply[RA_REPLY_BUFFER];
    uint8_t memory[WORLD_FLASH_MAX];
    uint8_t touched[WORLD_UNITS_MAX / 8];
};

/* All erased, no credential, no power. `geometry` NULL: 96 sectors of 4 KiB, unit 16. */
void world_init(struct world *w, const struct hal_flash *geometry);
/* `to` gets the flash, the CA and the time of `from`; not its RAM. */
void world_copy(struct world *to, const struct world *from);
/* Reset: RAM is lost. Returns when ra_started. */
void world_boot(struct world *w);
/* The same without a network. */
void world_boot_offline(struct world *w);

/* Store the root as trust anchor, the settings of a test appliance (no jitter, the CA's address)
 * and for each role that has a key (NULL: none) a certificate that ends in so many days and lasts
 * 730. Ends with the power off: call world_boot. */
struct world_enrolment {
    const char *key[RA_ROLES]; /* "agent.key" */
    int days_left[RA_ROLES];
    const char *settings[8][2];
};
void world_provision(struct world *w, const struct world_enrolment *e);
/* One step of it each, on an appliance that has started: a trust anchor by its name in
 * world_vectors.h, a pair that lasts as the CA's do (life_days). */
void world_anchor(struct world *w, unsigned place, const char *name);
/* Whether flash holds that very certificate in that place. */
bool world_holds_anchor(struct world *w, unsigned place, const char *name);
void world_store_pair(struct world *w, enum ra_role role, const char *name, int days_left);
/* The two halves of it: the CA issues, the id; the appliance stores. */
uint32_t world_enrol(struct world *w, enum ra_role role, const char *name, int days_left);
void world_store_issued(struct world *w, enum ra_role role, const char *name, uint32_t id);
/* "agent.key" and "encryption.key", with key-policy same: no search for primes. */
void world_provision_pair(struct world *w, int agent_days, int encryption_days);
void world_set(struct world *w, const char *name, const char *value);

int64_t world_now(const struct world *w);
/* One ra_step, and time passes. False when the power has gone (a planned cut has fired). */
bool world_step(struct world *w);
/* Run for so many seconds; false when the power has gone. */
bool world_run(struct world *w, int64_t seconds);
/* Run until `done`, for so many seconds at most; true when it came. */
bool world_until(struct world *w, bool (*done)(struct world *w), int64_t seconds);
/* The same for a state; says in which the role is instead when it did not come. */
bool world_until_state(struct world *w, enum ra_role role, enum ra_state state, int64_t seconds);
/* Until all is in flash. */
bool world_settle(struct world *w);
/* The same work without a moment passing, so long as there is any. */
void world_advance(struct world *w, int64_t seconds);

enum ra_state world_state(const struct world *w, enum ra_role role);
struct ra_status world_status(const struct world *w, enum ra_role role);
/* How often an event stands in the log (flash and RAM). */
unsigned world_logged(struct world *w, enum ra_event_kind kind, enum ra_role role);
/* The id at the CA of the served certificate, 0: none served. Ends the program when what is
 * served was never issued, or its issuers are not what the CA sends. */
uint32_t world_serves(struct world *w, enum ra_role role);
/* NULL, or what is wrong: the served key fits the served certificate, and no rule was broken. */
const char *world_check(struct world *w, enum ra_role role);
/* A store of its own that has read the flash as it is now; the next call overwrites it. */
struct ra_store *world_flash_mount(struct world *w);
/* Whether flash itself, read by a store of its own, holds a record; its bytes if wanted. */
bool world_flash_holds(struct world *w, enum ra_record type, uint16_t id, void *out, size_t cap,
                       size_t *size);
/* Turn two bits of the record as it lies in flash; there is one. */
void world_damage(struct world *w, enum ra_record type, uint16_t id);
/* For world_until: nothing is being erased, and all is in flash. */
bool world_erased(struct world *w);
/* Called when the world itself ends the program; NULL: nobody. */
extern void (*world_at_abort)(void);
/* NULL, or what neither the CA nor the flash should have seen. */
const char *world_clean(const struct world *w);

#endif
