/* merge.h - power cuts that come to the same are one: the rest of the life is run once.
 *
 * When all is settled for the first time after a cut, the rest of the run follows from
 *   - the appliance's RAM, the connection, the CA, the clock and the noise source
 *   - what the oracle holds against it (`expected`)
 *   - those bytes of the flash that the rest of the run reads, or programs
 * and from nothing else: the world has no other input. The first run that comes there notes which
 * bytes these are, the cuts of its own recovery included; what it has erased before does not count.
 * A later run whose RAM, world, expectations and these bytes (with the other thing that a weak cell
 * may read as, and whether a unit was programmed since its erase) are the same would go on in the
 * same way to the same end. Equal is: equal by 64 bits of a hash. Only what has passed is noted,
 * and nothing in which a weak cell was read, since those answer by a seed of the cut's own.
 */
#ifndef MERGE_H
#define MERGE_H

#include "world.h"

#define MERGE_DEPTH_MAX 2u
#define MERGE_TRIED 256u /* one of so many known lives goes on, and must come to the same end */

/* Another story: all is forgotten. */
void merge_forget(void);
/* World `depth` is made from world depth - 1, at a cut. */
void merge_cut(unsigned depth);
/* All is settled. True: as once before, in a run with so many cuts of its recovery; else what
 * follows is noted, until merge_end. */
bool merge_begin(unsigned depth, const struct world *w, const void *expected, size_t size,
                 unsigned long *cuts);
/* False: it was known, one of the MERGE_TRIED that are run all the same, and came to another end. */
bool merge_end(unsigned depth, const struct world *w, bool passed, unsigned long cuts);

/* The flash of world `depth` is read or programmed (also by the oracle), or a sector erased. */
void merge_read(unsigned depth, const struct world *w, uint32_t at, uint32_t size);
void merge_erase(unsigned depth, uint32_t sector);

#endif
