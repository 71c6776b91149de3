/* merge.h - power cuts that come to the same are one: the rest of the life is run once.
 *
 * A life after a cut is looked at twice: when the power comes back, and when all is settled for the
 * first time. There the rest of the run follows from
 *   - the CA, the clock, the noise source and the seed by which weak cells answer, and when all is
 *     settled the appliance's RAM and the connection: a power cut leaves nothing of these
 *   - what the oracle holds against it (`expected`)
 *   - those bytes of the flash that the rest of the run reads, or programs
 * and from nothing else: the world has no other input. The first run that comes there notes which
 * bytes these are, the cuts of its own recovery included; what it has erased before does not count.
 * A later run in which all this is the same (of the bytes also what weak cells may read as, and
 * whether a unit was programmed since its erase) would go on in the same way to the same end. Equal
 * is: equal by 64 bits of a hash. Only what has passed is noted.
 */
#ifndef MERGE_H
#define MERGE_H

#include "world.h"

#define MERGE_DEPTH_MAX 2u
#define MERGE_TRIED 256u /* one of so many known lives goes on, and must come to the same end */

enum merge_point { MERGE_POWER_ON, MERGE_SETTLED, MERGE_POINTS };

/* What has been counted until now. */
struct merge_count {
    unsigned long cuts; /* planned in recoveries */
    unsigned failures;
};

/* Another story: all is forgotten. */
void merge_forget(void);
/* World `depth` is made from world depth - 1, `before`, at a cut. */
void merge_cut(unsigned depth, const struct world *before, const struct world *w);
/* True: as once before, in a run with so many cuts of its recovery; else what follows is noted,
 * until merge_end. */
bool merge_begin(unsigned depth, enum merge_point point, const struct world *w,
                 const void *expected, size_t size, const struct merge_count *now,
                 unsigned long *cuts);
/* The life has ended, or its rest was known. False: it was known, one of the MERGE_TRIED that are
 * run all the same, and came to another end. */
bool merge_end(unsigned depth, const struct world *w, const struct merge_count *now);

/* The flash of world `depth` is read or programmed (also by the oracle). */
void merge_read(unsigned depth, const struct world *w, uint32_t at, uint32_t size);
/* It is about to change, or has changed. */
void merge_change(unsigned depth, uint32_t at, uint32_t size);
/* A sector of `size` bytes is about to be erased. */
void merge_erase(unsigned depth, uint32_t sector, uint32_t size);

#endif
