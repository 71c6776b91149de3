/* store_sweep.h - cuts the power at each flash operation of a script of puts and drops.
 *
 * The script runs once. Before each step that would start a flash operation everything is
 * saved; then, for each kind of damage, the operation is cut, the power comes back, and
 * the oracle looks:
 *   - the mount succeeds, in bounded time, and reports no damage
 *   - every record has its last acknowledged bytes; the ones under way when the power
 *     went have the old or the new bytes, whole
 *   - the store settles by itself, and from then on the answers never change
 *   - the next put succeeds
 *   - no erase took the only copy of a live record's bytes, at any time
 *   - no rule of nor_model.h was broken
 * Then the saved state comes back and the script goes on.
 */
#ifndef STORE_SWEEP_H
#define STORE_SWEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "fake_flash.h"

enum store_sweep_start { SWEEP_BLANK, SWEEP_RANDOM, SWEEP_ZEROS, SWEEP_ONES, SWEEP_OLD };

struct store_sweep_plan {
    const struct fake_geometry *geometry;
    uint32_t seed;       /* of the script, the damage and the dirty flash               */
    uint32_t operations; /* puts and drops in the script                                */
    uint32_t kinds;      /* bits: 1 << enum nor_cut                                     */
    uint32_t unstable;   /* 0: stable damage, 1: unstable cells, 2: both                */
    uint32_t one_in;     /* cut at one of so many operations, chosen at random; 1: all  */
    uint32_t second_in;  /* and again in the recovery, at one of so many; 0: never      */
    uint32_t repeats;    /* instead: the same point of the recovery, so many times; 0: no */
    uint32_t start;      /* enum store_sweep_start: the flash before                     */
    bool sealed;
    uint32_t only; /* replay: cut at this operation of the script alone; 0: as above */
};

struct store_sweep_result {
    uint32_t planned, fired; /* cuts */
    uint32_t operations;     /* flash operations of the script without cuts */
    uint32_t failures;
    char why[160]; /* of the first failure, with what replays it */
};

void store_sweep(const struct store_sweep_plan *plan, struct store_sweep_result *result);

#endif
