/* nor_model.h - a NOR flash with strict rules over a caller's buffer.
 *
 * Stricter than any part: an operation that hal_flash.h forbids fails without
 * touching the memory, and is counted in `violations` with its reason in `why`.
 *   - address and size inside the region, aligned to the unit, inside one page
 *   - a unit is programmed once between two erases, and only while it is erased
 *   - nothing but poll while an operation is busy
 * It makes no system call and takes no memory. The host board puts a mapped file
 * under it; the unit tests an array.
 *
 * The content alone says which units may be programmed: those that read wholly
 * erased. A unit programmed with the erased value cannot be told from an erased
 * one by content, so tests also give `touched`, one bit a unit.
 *
 * Power cuts: `cut_at` names the operation (program or erase, counted from 1 by
 * `operations`) and `cut` what it leaves behind. When it fires, `cut_fired` is set, the
 * power is off and everything fails until nor_model_power_on; with `on_cut` that
 * is called instead of returning (the host board ends its process there).
 *
 * Unstable cells: give `shadow`, a second buffer of the same size, and set
 * `unstable`. Units that a cut program left half done then read as they are, as if it
 * were complete, or as a mixture, anew at each read, until their sector is erased; what a
 * cut erase touched reads as before, as after, or as a mixture. (As hal_flash.h
 * promises, a unit that may read as something else never reads wholly erased; with
 * `fades` one may do so once, and then stays erased.)
 */
#ifndef NOR_MODEL_H
#define NOR_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "hal_flash.h"

enum nor_cut {
    NOR_CUT_BEFORE,       /* the operation has not begun                            */
    NOR_CUT_AFTER,        /* it is complete, nobody was told                        */
    NOR_CUT_PREFIX,       /* the first part of the range, to the byte               */
    NOR_CUT_ALL_BUT_LAST, /* all of the range but its last byte                     */
    NOR_CUT_RANDOM_BITS,  /* any subset of the bits that were to change             */
    NOR_CUT_DISTURB,      /* as RANDOM_BITS, and one bit of `disturb_at` programmed */
    NOR_CUT_KINDS
};

struct nor_model {
    /* Set by nor_model_init. */
    struct hal_flash geometry;
    uint8_t *memory;
    uint32_t size;

    /* Set by the caller after nor_model_init, all optional. */
    uint8_t *touched;    /* (size / unit + 7) / 8 bytes, zeroed: units programmed since erase */
    uint8_t *shadow;     /* size bytes: the other thing an unstable cell may read as  */
    uint32_t *wear;      /* erases of each sector                                     */
    uint32_t polls;      /* polls that say busy after each operation is started       */
    uint32_t *endurance; /* a sector whose wear is beyond it fails as a bad one       */
    uint32_t bad_sector; /* this sector, 1-based, fails: see bad_kind; 0: none        */
    enum { NOR_BAD_ERASE, NOR_BAD_PROGRAM, NOR_BAD_SILENT } bad_kind;
    uint32_t cut_at; /* 0: never */
    enum nor_cut cut;
    uint32_t depth;    /* of PREFIX and of an erase: 0 .. 255 of 256 parts of the range */
    uint32_t cut_unit; /* n: units before the n-th of the range are complete, `cut` is done to that
                          one, those after it are untouched; 0: `cut` is done to the whole range */
    uint32_t seed;     /* of random bits and of unstable reads                      */
    uint32_t disturb_at;
    bool unstable;
    bool fades;    /* an unstable unit may also read erased, and is erased from then on */
    void *context; /* for the functions below */
    void (*on_cut)(void *context);
    /* Called before an operation touches the memory, also before one that will be cut.
     * `size` 0: an erase of the sector at `at`. The test's oracle looks here. */
    void (*before)(void *context, uint32_t at, uint32_t size);

    /* Read by the caller. */
    uint32_t operations, programs, erases;
    uint32_t programmed; /* bytes */
    uint32_t read_bytes, reads;
    uint32_t violations;
    const char *why; /* of the last violation */
    bool cut_fired;

    /* Private. */
    uint32_t busy_polls;
    int status;
    bool off, busy;
};

/* `memory` has sector_size * sector_count bytes and is used as it is: content may be a
 * saved one. Takes the five numbers from `geometry`, ignores its functions. */
void nor_model_init(struct nor_model *m, const struct hal_flash *geometry, uint8_t *memory);
/* Fills `flash` with the geometry and this model's functions. */
void nor_model_hal(struct nor_model *m, struct hal_flash *flash);
/* All erased, as new; wear is kept. Also after writing to `memory` directly: false keeps
 * the content and derives `touched` and `shadow` from it. */
void nor_model_format(struct nor_model *m, bool erase);
/* The power comes back after a cut: nothing is under way, no cut is planned. */
void nor_model_power_on(struct nor_model *m);

#endif
