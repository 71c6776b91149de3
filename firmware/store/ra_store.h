/* ra_store.h - the credential store: named records in NOR flash that survive any cut.
 *
 * A record is a sequence of bytes under a name (type, id). Putting a name that
 * is there replaces its bytes; a drop removes names. Both are atomic: whatever
 * happens, a later mount finds the old bytes or the new ones, whole. What the
 * records mean is not known here (ra_credentials.h).
 *
 * STATE. One struct ra_store, caller-owned, no heap. It is used from one thread.
 * The calls keep at most one flash operation in flight and never wait for it.
 *
 *     ra_store_init -> ra_store_mount_step until not RA_AGAIN -> everything else
 *     ra_store_step for ever after, in the main loop
 *     ra_store_put or ra_store_drop -> ra_store_step ... until ra_store_result is not RA_AGAIN
 *
 * No call takes longer than 1 ms, plus the CRC and, with a device key, the
 * sealing or opening of one record in put and get. Exceptions, both rare: a get
 * that meets a damaged record looks for an older copy in the whole log before
 * it returns, and so does the mount step that finds one.
 *
 * LAYOUT. The region is an array of sectors. A bank is a run of sectors; it
 * begins with a header that gives its place, length and sequence number, and
 * holds a log of records. One bank is active: the log grows in it. When it is
 * full, or not to be trusted, all live records are copied to the next bank,
 * which then becomes the active one; the old bank stays as it is until its
 * turn to be erased. Banks take turns through the whole region, so that all
 * sectors wear alike. A bank is as many sectors as hold every record of the
 * configured limits, at their largest, with room to replace the largest.
 *
 *     bank    BANK READY BANK' READY' | copied records | appended records ... | erased
 *     record  magic 2, type 1, flags 1, id 2, size 2, seq 4, payload CRC 4, header CRC 4,
 *             payload, erased bytes up to the program unit
 *
 * All numbers are little-endian. The header CRC covers also the bank's salt and
 * sequence number and the header's own address: a copy of a header, in a
 * payload or in another bank, never passes. A record is there when header and
 * payload CRC are right; the highest seq of a name wins. The first program
 * call of a record covers its header's units only. Every program is read back.
 *
 * MARKERS. READY says: all copies are in this bank. BANK' and READY' repeat the
 * first two, and are not begun before READY is complete. A bank in which
 * nothing follows READY is not yet believed while an older one is there: a
 * READY that a cut left unstable can then never win now and lose later.
 * SETTLED, a record without payload, ends the log whenever the store is idle.
 * STEADY ends a log that a cut has torn, before another bank is erased.
 * READY names where the copied records end.
 *
 * MOUNT never fails and never writes. Any content of the flash is accepted:
 * blank, random, torn, half-erased, another product's. A log that ends in
 * SETTLED followed by erased flash was left in good order: records are then
 * listed from their headers, and each payload is checked when it is read.
 * Anything else was cut: every payload is checked, the records are readable,
 * and before anything new is written ra_store_step copies all of them into a
 * freshly erased bank, because cells touched by the cut may read differently
 * tomorrow. ra_store_settled is false until that is done.
 * About 900 Cortex-M3 instructions for each record in the log, after 4 000.
 *
 * DAMAGE. One wrong bit in a header is put right. A record whose payload is
 * damaged is replaced by the newest older copy of the same name, in this bank
 * or another, when there is one; else reading it gives RA_E_RECORD_DAMAGED until
 * it is put again or dropped. ra_store_damaged counts both, for an alert. The
 * store then moves to another bank by itself. No sector is erased that holds
 * the only good copy of a live record's newest version; an older version kept
 * in place of a damaged one is first copied to the active bank, and given up
 * only when that is full.
 *
 * WEAR. Only a move erases, each sector of the next bank once, and a move comes when the
 * log is full, was cut short, or holds damage. So a loss of power costs one bank's erases;
 * from one to the end of the renewal after it no more than two banks are erased, and n
 * losses one after the other erase no sector more than n + 8 times (tests/powercut). A
 * record that reads right when it is checked and wrong when it is copied is not given up
 * at once: the copy begins anew up to three times, each for a bank's erases more.
 * A bank that cannot be erased or programmed is tried three times, then
 * passed over. When none is left the store goes on serving, and appending where
 * there is room, and says RA_E_FLASH_WORN (ra_store_info, and ra_store_result
 * when there is no room). With eight passed over, the most, a put for which there is no room
 * tries only the one that failed longest ago again: three times a bank's erases at most.
 *
 * SEALING. With a device key every payload is AES-256-GCM sealed under a fresh
 * random nonce and bound to its type, id, flags, size and seq; stored as nonce,
 * ciphertext, tag. Then only sealed records are given out, so that keys are
 * secret and anchors, configuration and commits authentic. Without a device
 * key nothing is sealed and nothing sealed is given out. A record that cannot be
 * given out reads as RA_E_RECORD_SEAL; it is kept, and copied with the others,
 * until it is replaced or dropped: flash moved to the wrong board and back has
 * lost nothing. Headers, markers and drops are not authenticated. Somebody who
 * can write to the flash can therefore remove records and bring back an older
 * sealed copy of a record, or of the whole image; he cannot read one, change
 * one, make one, or give it another name. Against that the store has no defence:
 * it takes a counter outside the flash.
 * What was replaced or dropped stays in flash until its bank's turn to be erased.
 *
 * RANDOM. Only put needs random numbers, and only with a device key:
 * RA_E_RANDOM_STATE before the generator is seeded. (Without them a bank's salt
 * comes from a CRC.)
 */
#ifndef RA_STORE_H
#define RA_STORE_H

#include "hal_flash.h"
#include "ra_error.h"
#include "ra_limits.h"
#include "ra_random.h"
#include "ra_seal.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef RA_STORE_KEYS_MAX
#define RA_STORE_KEYS_MAX 112 /* live records; 20 bytes of RAM each */
#endif
#define RA_STORE_DROP_MAX 16   /* names in one drop */
#define RA_STORE_TYPE_MAX 0xef /* record types 1 .. this are the caller's */
#define RA_STORE_TYPE_ANY 0    /* for cursors */

/* How many records of which size may live at once. */
struct ra_store_need {
    uint16_t count;
    uint16_t size; /* bytes of one, before sealing; at most RA_RECORD_MAX */
};

struct ra_store_key {
    uint8_t type;
    uint16_t id;
};

struct ra_store_cursor {
    uint32_t next_;
    uint8_t type_;
};

/* What is shown to an operator, and counted by tests. */
struct ra_store_info {
    uint32_t bank_bytes; /* of the active bank, 0: none yet                    */
    uint32_t bank_base;  /* its first byte's address                           */
    uint32_t bank_seq;   /* its sequence number: copies made in the flash's life */
    uint32_t banks;      /* how many the region has room for                   */
    uint32_t used;       /* bytes of the active bank's log                     */
    uint32_t live;       /* of them, needed for the live records               */
    uint32_t records;    /* live records                                       */
    uint32_t next_seq;   /* of the next put                                    */
    uint32_t programmed; /* bytes programmed since init                        */
    uint32_t programs;   /* program calls since init                           */
    uint32_t erases;     /* sectors erased since init                          */
    uint32_t begun_anew; /* copies, since init: a record read now so, now so   */
    uint32_t repaired;   /* headers put right since init                       */
    uint32_t damaged;    /* see ra_store_damaged                               */
    uint32_t worn;       /* banks passed over since init                       */
    bool unclean;        /* see ra_store_was_unclean                           */
    bool sealed;         /* a device key is there                              */
};

struct ra_store_entry_ { /* one live record */
    uint32_t at, seq, crc;
    uint16_t id, size;
    uint8_t type, flags;
};

struct ra_store_bank_ {
    uint32_t base, size, seq, salt, crc;
    uint32_t copied;   /* offset of the end of the copied records          */
    uint32_t next_seq; /* from READY                                       */
    uint8_t ready, believed, fixed;
};

struct ra_store_walk_ {
    uint32_t at;     /* offset in the bank                                 */
    uint32_t end;    /* behind the last byte that is not erased            */
    uint32_t began;  /* where the way was lost                             */
    uint8_t lost;    /* looking for the next header, unit by unit          */
    uint8_t garbage; /* bytes that belong to no record since the last one  */
    uint8_t blank;   /* the log ended at an erased header                  */
};

/* A record as it stands in flash, with padding; a unit is at most 256 bytes. */
#define RA_STORE_RECORD_BYTES_ ((20u + RA_RECORD_MAX + RA_SEAL_OVERHEAD + 255u) / 256u * 256u)

struct ra_store {
    const struct hal_flash *flash;
    const struct ra_seal *seal;
    struct ra_random *random;
    struct ra_store_info info;
    struct ra_store_bank_ active, target, newest, salvage;
    struct ra_store_walk_ walk;
    struct ra_store_entry_ entry[RA_STORE_KEYS_MAX];
    struct ra_store_entry_ record, bad; /* being checked; damaged, perhaps only torn */
    uint32_t entries, live;
    uint32_t bank_sectors, head;
    uint32_t sector, sector_end, highest_bank;
    uint32_t pos, next_seq;
    uint32_t check_at, check_left, check_crc;
    uint32_t copy_index, copy_offset, copy_crc, copy_pos;
    uint32_t io_at, io_left, io_now;
    const uint8_t *io_from;
    uint32_t failed[8]; /* first sectors of banks passed over */
    uint32_t failed_count, tries;
    ra_err put_result;
    uint32_t put_bytes;
    struct ra_store_entry_ put;
    uint8_t mount, job, put_state, put_tries, marker;
    uint8_t busy, status, read_wanted;
    uint8_t scrub; /* moves still to make */
    uint8_t flaky, unclean, steady, solid, settled, heal, stuck, overflow, rescue, last_type;
    uint8_t chunk[256];
    uint8_t buffer[RA_STORE_RECORD_BYTES_];
};

/* Bytes of one bank that holds all of `needs` with the overheads of sealing and of this
 * geometry, and room to replace the largest:
 *
 *     u(x)   x rounded up to program_unit
 *     cost   u(20 + size + 28)
 *     bank   the sum of count * cost, + the largest cost, + u(20 + 64) + 8 * u(20),
 *            rounded up to sector_size
 *
 * `needs` NULL: this build's limits (ra_limits.h): for each of RA_ROLES_MAX roles three
 * generations (active, previous, pending) of key, certificate and chain and a transaction;
 * RA_ANCHORS_MAX anchors, configuration, commit, password, RA_EVENTS events. With a 16-byte unit and
 * RSA-4096 that is 158 KiB, with RA_RSA_BITS_MAX 2048 144 KiB: 384 KiB of 64 KiB sectors. */
uint32_t ra_store_bank_bytes(const struct hal_flash *flash, const struct ra_store_need *needs,
                             size_t count);
/* The smallest region: two banks. */
uint32_t ra_store_min_bytes(const struct hal_flash *flash, const struct ra_store_need *needs,
                            size_t count);

/* Binds and resets; touches no flash. `flash` and `seal` outlive the store; `seal` may be
 * NULL (no device key), and then `random`. RA_E_FLASH_GEOMETRY for a geometry that
 * hal_flash.h does not allow, RA_E_FLASH_SMALL for a region below ra_store_min_bytes. */
ra_err ra_store_init(struct ra_store *s, const struct hal_flash *flash, const struct ra_seal *seal,
                     struct ra_random *random);
/* The same for other limits than this build's: RA_E_LIMIT when they are beyond
 * RA_STORE_KEYS_MAX or RA_RECORD_MAX. */
ra_err ra_store_init_needs(struct ra_store *s, const struct hal_flash *flash,
                           const struct ra_seal *seal, struct ra_random *random,
                           const struct ra_store_need *needs, size_t count);

/* One slice of the mount: RA_AGAIN, then RA_OK for ever. Needs no random numbers. */
ra_err ra_store_mount_step(struct ra_store *s);

/* One slice of whatever is to be done. RA_AGAIN: call again soon (in a millisecond while
 * the flash is busy). RA_OK: idle, and all is settled. RA_E_STATE before the mount is done. */
ra_err ra_store_step(struct ra_store *s);

/* Starts replacing or making a record. `data` is copied, and sealed, before it returns.
 * RA_OK: taken, ask ra_store_result. Refused with nothing changed: RA_E_BUSY while another
 * put or drop is under way; RA_E_STORE_FULL when the live records would no longer fit,
 * RA_E_LIMIT, RA_E_ARGUMENT, RA_E_STATE, RA_E_RANDOM_STATE and what ra_seal_close gives.
 * A put may follow the last one's result at once: it need not wait for SETTLED. */
ra_err ra_store_put(struct ra_store *s, uint8_t type, uint16_t id, const void *data, size_t size);

/* Starts removing `n` names, all at once; names that are not there are no error. Refused as
 * above. Needs no random numbers. */
ra_err ra_store_drop(struct ra_store *s, const struct ra_store_key *keys, size_t n);

/* Of the last put or drop: RA_AGAIN while under way; RA_OK once it is complete in flash and
 * read back (RA_OK too when there was none). On RA_E_FLASH_IO, RA_E_FLASH_VERIFY,
 * RA_E_FLASH_WORN the old bytes are served; a reset before the store is settled may
 * show the new ones. */
ra_err ra_store_result(const struct ra_store *s);

/* Reads a record into `out`; `size` gets its bytes. RA_AGAIN while the flash is busy: the
 * next ra_store_step that finds it done starts nothing new, so that a get between two
 * steps succeeds as soon as the running operation ends (an erase may take seconds: keep
 * what must always be at hand in RAM). RA_E_NOT_FOUND, RA_E_SPACE (`size` is then what it
 * takes), RA_E_RECORD_DAMAGED, RA_E_RECORD_SEAL; `out` is then zeroed. */
ra_err ra_store_get(struct ra_store *s, uint8_t type, uint16_t id, void *out, size_t cap,
                    size_t *size);

/* Move through all banks, erasing each before it is used and what lies behind the last, until
 * nothing that was dropped or replaced before this call is left in any of them. ra_store_settled is
 * false until that is done. A reset ends it: call it again. With banks worn out it goes as far as
 * it can. */
void ra_store_scrub(struct ra_store *s);

/* Whether the name is there; its size and seq, from RAM. Pointers may be NULL. */
bool ra_store_find(const struct ra_store *s, uint8_t type, uint16_t id);
bool ra_store_stat(const struct ra_store *s, uint8_t type, uint16_t id, size_t *size,
                   uint32_t *seq);
/* Whether it is there, and no damage of it is known that leaves no copy to serve. From RAM: a
 * payload that nobody has read since a clean mount counts as whole. */
bool ra_store_whole(const struct ra_store *s, uint8_t type, uint16_t id);

/* Walks the names of a type (or RA_STORE_TYPE_ANY), in ascending order. Names that are put
 * or dropped meanwhile may be met or not; none is met twice. */
void ra_store_cursor_init(struct ra_store_cursor *c, uint8_t type);
bool ra_store_next(const struct ra_store *s, struct ra_store_cursor *c, struct ra_store_key *key);

/* Everything accepted is in flash, the log ends in SETTLED, and nothing that is relied on
 * was touched by a cut. (With all banks worn: as settled as it will be.) */
bool ra_store_settled(const struct ra_store *s);
/* The last mount found a log that was cut short, or damage. False on blank flash. */
bool ra_store_was_unclean(const struct ra_store *s);
/* Records and headers found damaged since init, other than a torn end of the log. */
uint32_t ra_store_damaged(const struct ra_store *s);
/* All zero when ra_store_init has failed. */
void ra_store_info(const struct ra_store *s, struct ra_store_info *info);

#endif
