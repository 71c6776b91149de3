/* A life of the store, told by the bytes: puts, drops, resets, cuts, bytes that change at rest.
 * After each reset a record has its last bytes, unless the flash was changed behind its back. */
#include <string.h>

#include "fake_flash.h"
#include "fuzz.h"
#include "ra_store.h"

#define STEPS 100000u
#define NAMES 6u

static const struct ra_store_need needs[] = {{NAMES, 200}};
static const struct fake_geometry geometries[] = {{512, 16, 1, 1, 0xff},
                                                  {1024, 8, 4, 64, 0x00},
                                                  {4096, 3, 16, 256, 0xff},
                                                  {4096, 2, 32, 32, 0xff}};

static struct fake_flash f;
static struct ra_store s;
static struct {
    uint8_t fill;
    uint16_t size; /* 0: not there */
} want[NAMES];
static bool touched, cut;

static void mount(void)
{
    nor_model_power_on(&f.model);
    f.model.cut_fired = false;
    cut = false;
    fuzz_must(ra_store_init_needs(&s, &f.hal, NULL, NULL, needs, 1) == RA_OK, "init");
    for (unsigned i = 0; ra_store_mount_step(&s) != RA_OK; i++) {
        fuzz_must(i < STEPS, "the mount does not end");
    }
}

static void run(bool whole);

/* What cells read that were cut short and read now so, now so, is relied on by nobody before the store
 * has copied it. */
static void mount_after_cut(void)
{
    mount();
    if (f.model.unstable) {
        run(true);
    }
}

static void run(bool whole)
{
    for (unsigned i = 0; !f.model.cut_fired && ra_store_step(&s) == RA_AGAIN; i++) {
        fuzz_must(i < STEPS, "no end");
        if (!whole && ra_store_result(&s) != RA_AGAIN) {
            break;
        }
    }
    cut = f.model.cut_fired;
}

/* `doubt`: the name of a put or drop that was under way when the power went; NAMES: none. */
static void look(unsigned doubt, uint8_t fill, uint16_t size)
{
    uint8_t out[256];
    for (unsigned i = 0; i < NAMES; i++) {
        size_t n = 0;
        ra_err e;
        for (unsigned steps = 0;
             (e = ra_store_get(&s, 1, (uint16_t)i, out, sizeof out, &n)) == RA_AGAIN; steps++) {
            fuzz_must(steps < STEPS, "the flash stays busy");
            (void)ra_store_step(&s);
        }
        if (touched) {
            continue;
        }
        fuzz_must(e == RA_OK || e == RA_E_NOT_FOUND, "a record is whole or not there");
        uint16_t have = e == RA_OK ? (uint16_t)n : 0;
        for (size_t k = 1; k < n && e == RA_OK; k++) {
            fuzz_must(out[k] == out[0], "the bytes of one put");
        }
        bool old = have == want[i].size && (have == 0 || out[0] == want[i].fill);
        bool new = i == doubt &&have == size && (have == 0 || out[0] == fill);
        fuzz_must(old || new, "the last bytes");
        if (new) {
            want[i].size = size;
            want[i].fill = fill;
        }
    }
}

static void change(unsigned name, uint8_t fill, uint16_t size)
{
    uint8_t bytes[200];
    const struct ra_store_key key = {1, (uint16_t)name};
    memset(bytes, fill, sizeof bytes);
    ra_err e =
        size != 0 ? ra_store_put(&s, 1, (uint16_t)name, bytes, size) : ra_store_drop(&s, &key, 1);
    if (e == RA_E_STORE_FULL && touched) {
        return;
    }
    fuzz_must(e == RA_OK, "accepted");
    run(false);
    if (cut) {
        mount_after_cut();
        look(name, fill, size);
        return;
    }
    e = ra_store_result(&s);
    fuzz_must(e == RA_OK || touched, "complete");
    want[name].size = size;
    want[name].fill = fill;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t size)
{
    struct ra_span rest = {p, size};
    memset(want, 0, sizeof want);
    touched = false;
    fake_flash_start(&f, &geometries[fuzz_byte(&rest) % 4u]);
    f.model.seed = fuzz_hash(p, size);
    mount();
    for (unsigned i = 0; rest.size != 0 && i < 60; i++) {
        uint8_t what = fuzz_byte(&rest), a = fuzz_byte(&rest), b = fuzz_byte(&rest);
        switch (what % 8u) {
        case 0:
        case 1:
            change(a % NAMES, b, 1 + (a * 7u + b) % 200u);
            break;
        case 2:
            change(a % NAMES, 0, 0);
            break;
        case 3:
            run(true);
            if (cut) {
                mount_after_cut();
            }
            look(NAMES, 0, 0);
            break;
        case 4:
            mount();
            look(NAMES, 0, 0);
            break;
        case 5: /* the power goes at one of the next operations */
            f.model.cut_at = f.model.operations + 1 + a % 16u;
            f.model.cut = (enum nor_cut)(b % NOR_CUT_DISTURB);
            f.model.depth = a;
            f.model.unstable = (b & 0x80) != 0;
            break;
        default: { /* bytes change at rest, behind the store's back */
            struct ra_span bytes = fuzz_take(&rest, b % 32u);
            uint32_t at = (uint32_t)(a * 256u + what) % (f.model.size - 32u);
            if (bytes.size != 0) {
                memcpy(f.model.memory + at, bytes.p, bytes.size);
                nor_model_format(&f.model, false);
                touched = true;
                mount();
                look(NAMES, 0, 0);
            }
            break;
        }
        }
    }
    /* Bytes that change at rest can make a unit that was found erased one that is not. */
    fuzz_must(touched || f.model.violations == 0, f.model.why != NULL ? f.model.why : "");
    return 0;
}
