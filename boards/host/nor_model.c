#include "nor_model.h"

#include <stddef.h>
#include <string.h>

static uint32_t random_next(struct nor_model *m)
{
    /* xorshift32: its state must not be 0. */
    uint32_t x = m->seed != 0 ? m->seed : 0x9e3779b9u;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    m->seed = x;
    return x;
}

static int refuse(struct nor_model *m, const char *why)
{
    m->violations++;
    m->why = why;
    m->status = HAL_FLASH_FAILED;
    return HAL_FLASH_FAILED;
}

static bool is_erased(const struct nor_model *m, const uint8_t *p, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++) {
        if (p[i] != m->geometry.erased) {
            return false;
        }
    }
    return true;
}

static void touch(struct nor_model *m, uint32_t at, uint32_t size, bool set)
{
    uint32_t unit = m->geometry.program_unit;
    if (m->touched == NULL) {
        return;
    }
    for (uint32_t u = at / unit, end = (at + size) / unit; u < end; u++) {
        if (u % 8u == 0 && end - u >= 8u) {
            memset(m->touched + u / 8u, set ? 0xff : 0, (end - u) / 8u);
            u += (end - u) / 8u * 8u - 1u;
            continue;
        }
        uint8_t bit = (uint8_t)(1u << (u % 8u));
        m->touched[u / 8u] = (uint8_t)(set ? m->touched[u / 8u] | bit : m->touched[u / 8u] & ~bit);
    }
}

static bool may_program(const struct nor_model *m, uint32_t at, uint32_t size)
{
    uint32_t unit = m->geometry.program_unit;
    if (!is_erased(m, m->memory + at, size) ||
        (m->shadow != NULL && !is_erased(m, m->shadow + at, size))) {
        return false;
    }
    for (uint32_t u = at / unit; m->touched != NULL && u < (at + size) / unit; u++) {
        if ((m->touched[u / 8u] & (1u << (u % 8u))) != 0) {
            return false;
        }
    }
    return true;
}

/* The byte after programming only the bits of `mask`: a program moves bits away
 * from the erased value and none towards it. */
static uint8_t programmed(const struct nor_model *m, uint8_t old, uint8_t wanted, uint8_t mask)
{
    uint8_t change = (uint8_t)((wanted ^ m->geometry.erased) & mask);
    return m->geometry.erased != 0 ? (uint8_t)(old & ~change) : (uint8_t)(old | change);
}

static bool is_bad(const struct nor_model *m, uint32_t sector)
{
    return m->bad_sector == sector + 1u ||
           (m->endurance != NULL && m->wear != NULL && m->wear[sector] > m->endurance[sector]);
}

static bool cut_now(struct nor_model *m)
{
    m->operations++;
    if (m->cut_at == 0 || m->operations != m->cut_at) {
        return false;
    }
    m->cut_fired = true;
    m->off = true;
    m->status = HAL_FLASH_FAILED;
    return true;
}

static void disturb(struct nor_model *m)
{
    uint32_t at = m->disturb_at % m->size;
    uint8_t bit = (uint8_t)(1u << (random_next(m) % 8u));
    m->memory[at] = programmed(m, m->memory[at], (uint8_t)~m->geometry.erased, bit);
    if (m->shadow != NULL) {
        m->shadow[at] = m->memory[at];
    }
}

static void cut_program(struct nor_model *m, uint32_t at, const uint8_t *from, uint32_t size)
{
    uint32_t unit = m->geometry.program_unit;
    uint32_t complete = 0;
    if (m->cut_unit != 0) {
        complete = (m->cut_unit - 1u) * unit < size ? (m->cut_unit - 1u) * unit : size - unit;
        for (uint32_t i = 0; i < complete; i++) {
            m->memory[at + i] = programmed(m, m->memory[at + i], from[i], 0xff);
        }
        if (m->shadow != NULL) {
            memcpy(m->shadow + at, m->memory + at, complete);
        }
        touch(m, at, complete, true);
        at += complete;
        from += complete;
        size = unit;
    }
    uint32_t whole = size;
    if (m->cut == NOR_CUT_BEFORE) {
        return;
    }
    if (m->cut == NOR_CUT_PREFIX) {
        whole = size * m->depth / 256u;
    } else if (m->cut == NOR_CUT_ALL_BUT_LAST) {
        whole = size - 1u;
    }
    bool some = m->cut >= NOR_CUT_RANDOM_BITS || (m->cut == NOR_CUT_AFTER && m->unstable);
    for (uint32_t i = 0; i < size; i++) {
        uint8_t mask = some ? (uint8_t)random_next(m) : 0xffu;
        if (m->shadow != NULL) {
            m->shadow[at + i] = programmed(m, m->memory[at + i], from[i], 0xff);
        }
        if (i < whole) {
            m->memory[at + i] = programmed(m, m->memory[at + i], from[i], mask);
        }
    }
    for (uint32_t i = at; i < at + size; i += unit) {
        /* A unit that reads erased is so, and may be programmed: nobody can know that it
         * was tried. The others are weak when `unstable`: as they are, or complete. */
        bool changed = !is_erased(m, m->memory + i, unit);
        if (m->shadow != NULL && (!changed || !m->unstable)) {
            memcpy(m->shadow + i, m->memory + i, unit);
        }
        touch(m, i, unit, changed || (m->cut == NOR_CUT_AFTER && !m->unstable));
    }
    if (m->cut == NOR_CUT_DISTURB) {
        disturb(m);
    }
}

/* An erase cut short: a share of the bits is back at the erased value. */
static void cut_erase(struct nor_model *m, uint32_t at)
{
    uint32_t size = m->geometry.sector_size;
    if (m->cut == NOR_CUT_BEFORE) {
        return;
    }
    for (uint32_t i = 0; i < size; i++) {
        uint8_t before = m->memory[at + i];
        uint8_t mask = 0xff;
        if (m->cut == NOR_CUT_PREFIX) {
            mask = i < size / 256u * m->depth ? 0xffu : 0;
        } else if (m->cut == NOR_CUT_ALL_BUT_LAST) {
            mask = i + 1u < size ? 0xffu : 0;
        } else if (m->cut >= NOR_CUT_RANDOM_BITS) {
            mask = 0;
            for (unsigned bit = 0; bit < 8u; bit++) {
                mask = (uint8_t)(mask | ((random_next(m) >> 8) % 256u < m->depth ? 1u << bit : 0u));
            }
        }
        m->memory[at + i] = (uint8_t)((before & ~mask) | (m->geometry.erased & mask));
        if (m->shadow != NULL) {
            m->shadow[at + i] = m->unstable ? before : m->memory[at + i];
        }
    }
    if (m->cut == NOR_CUT_AFTER) {
        touch(m, at, size, false);
    }
}

static int model_read(void *dev, uint32_t at, void *to, uint32_t size)
{
    struct nor_model *m = dev;
    uint8_t *out = to;
    uint32_t unit = m->geometry.program_unit;
    if (m->off) {
        memset(to, 0xee, size);
        return HAL_FLASH_FAILED;
    }
    if (m->busy) {
        return refuse(m, "read while busy");
    }
    if (at > m->size || size > m->size - at) {
        return refuse(m, "read outside the region");
    }
    m->reads++;
    m->read_bytes += size;
    memcpy(to, m->memory + at, size);
    if (m->shadow == NULL || memcmp(m->memory + at, m->shadow + at, size) == 0) {
        return HAL_FLASH_DONE;
    }
    for (uint32_t i = 0; i < size;) {
        uint32_t base = (at + i) / unit * unit;
        uint32_t n = base + unit - (at + i) < size - i ? base + unit - (at + i) : size - i;
        uint8_t *a = m->memory + base;
        uint8_t *b = m->shadow + base;
        if (memcmp(a, b, unit) != 0 && m->fades && (random_next(m) >> 8) % 8u == 0) {
            memset(a, m->geometry.erased, unit);
            memset(b, m->geometry.erased, unit);
            memset(out + i, m->geometry.erased, n);
            touch(m, base, unit, false);
        }
        if (memcmp(a, b, unit) != 0) {
            uint32_t choice = (random_next(m) >> 8) % 3u;
            if (is_erased(m, a, unit)) {
                choice = 1;
            } else if (is_erased(m, b, unit)) {
                choice = 0;
            }
            for (uint32_t j = 0; j < n; j++) {
                uint32_t k = at + i + j - base;
                uint8_t mask = (uint8_t)random_next(m);
                out[i + j] = choice == 0   ? a[k]
                             : choice == 1 ? b[k]
                                           : (uint8_t)((a[k] & mask) | (b[k] & ~mask));
            }
        }
        i += n;
    }
    return HAL_FLASH_DONE;
}

static int start(struct nor_model *m, int status)
{
    m->status = status;
    m->busy_polls = m->polls;
    m->busy = m->busy_polls > 0;
    return m->busy ? HAL_FLASH_BUSY : status;
}

static int model_program(void *dev, uint32_t at, const void *from, uint32_t size)
{
    struct nor_model *m = dev;
    const uint8_t *bytes = from;
    uint32_t unit = m->geometry.program_unit;
    uint32_t page = m->geometry.program_max;
    if (m->off) {
        return HAL_FLASH_FAILED;
    }
    if (m->busy) {
        return refuse(m, "program while busy");
    }
    if (size == 0 || size > page || at >= m->size || size > m->size - at) {
        return refuse(m, "program outside the region or larger than a page");
    }
    if (at % unit != 0 || size % unit != 0) {
        return refuse(m, "program not aligned to the unit");
    }
    if (at / page != (at + size - 1u) / page) {
        return refuse(m, "program across a page bound");
    }
    if (!may_program(m, at, size)) {
        return refuse(m, "program of a unit that is not erased");
    }
    if (m->before != NULL) {
        m->before(m->context, at, size);
    }
    if (cut_now(m)) {
        cut_program(m, at, bytes, size);
        if (m->on_cut != NULL) {
            m->on_cut(m->context);
        }
        return HAL_FLASH_FAILED;
    }
    m->programs++;
    m->programmed += size;
    bool bad = is_bad(m, at / m->geometry.sector_size);
    if (bad && m->bad_kind != NOR_BAD_ERASE) {
        /* One bit of the range stays as it was. */
        for (uint32_t i = 0; i < size; i++) {
            m->memory[at + i] =
                programmed(m, m->memory[at + i], bytes[i], i == size / 2u ? 0xfeu : 0xffu);
        }
    } else {
        for (uint32_t i = 0; i < size; i++) {
            m->memory[at + i] = programmed(m, m->memory[at + i], bytes[i], 0xff);
        }
        bad = false;
    }
    if (m->shadow != NULL) {
        memcpy(m->shadow + at, m->memory + at, size);
    }
    touch(m, at, size, true);
    return start(m, bad && m->bad_kind == NOR_BAD_PROGRAM ? HAL_FLASH_FAILED : HAL_FLASH_DONE);
}

static int model_erase(void *dev, uint32_t sector)
{
    struct nor_model *m = dev;
    uint32_t size = m->geometry.sector_size;
    if (m->off) {
        return HAL_FLASH_FAILED;
    }
    if (m->busy) {
        return refuse(m, "erase while busy");
    }
    if (sector >= m->geometry.sector_count) {
        return refuse(m, "erase outside the region");
    }
    if (m->before != NULL) {
        m->before(m->context, sector * size, 0);
    }
    if (m->wear != NULL) {
        m->wear[sector]++;
    }
    if (cut_now(m)) {
        cut_erase(m, sector * size);
        if (m->on_cut != NULL) {
            m->on_cut(m->context);
        }
        return HAL_FLASH_FAILED;
    }
    m->erases++;
    memset(m->memory + sector * size, m->geometry.erased, size);
    if (m->shadow != NULL) {
        memset(m->shadow + sector * size, m->geometry.erased, size);
    }
    touch(m, sector * size, size, false);
    if (m->bad_kind == NOR_BAD_ERASE && is_bad(m, sector)) {
        m->memory[sector * size + size / 2u] = (uint8_t)(m->geometry.erased ^ 0x10u);
        if (m->shadow != NULL) {
            m->shadow[sector * size + size / 2u] = m->memory[sector * size + size / 2u];
        }
        return start(m, HAL_FLASH_FAILED);
    }
    return start(m, HAL_FLASH_DONE);
}

static int model_poll(void *dev)
{
    struct nor_model *m = dev;
    if (m->off) {
        return HAL_FLASH_FAILED;
    }
    if (m->busy && m->busy_polls > 0) {
        m->busy_polls--;
        return HAL_FLASH_BUSY;
    }
    m->busy = false;
    return m->status;
}

void nor_model_init(struct nor_model *m, const struct hal_flash *geometry, uint8_t *memory)
{
    memset(m, 0, sizeof *m);
    m->geometry = *geometry;
    m->memory = memory;
    m->size = geometry->sector_size * geometry->sector_count;
    m->why = "";
    m->status = HAL_FLASH_DONE;
}

void nor_model_hal(struct nor_model *m, struct hal_flash *flash)
{
    *flash = m->geometry;
    flash->read = model_read;
    flash->program = model_program;
    flash->erase = model_erase;
    flash->poll = model_poll;
    flash->dev = m;
}

void nor_model_format(struct nor_model *m, bool erase)
{
    uint32_t unit = m->geometry.program_unit;
    if (erase) {
        memset(m->memory, m->geometry.erased, m->size);
    }
    if (m->shadow != NULL) {
        memcpy(m->shadow, m->memory, m->size);
    }
    for (uint32_t at = 0; m->touched != NULL && at < m->size; at += unit) {
        touch(m, at, unit, !is_erased(m, m->memory + at, unit));
    }
}

void nor_model_power_on(struct nor_model *m)
{
    m->off = false;
    m->busy = false;
    m->busy_polls = 0;
    m->status = HAL_FLASH_DONE;
    m->cut_at = 0;
    m->cut_unit = 0;
}
