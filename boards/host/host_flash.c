#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host_private.h"
#include "nor_model.h"

static struct {
    struct nor_model model;
    struct hal_flash inner;
    bool trace;
} flash;

static void say(const char *verb, uint32_t at, uint32_t size)
{
    if (size == 0) {
        fprintf(stderr, "flash %u: %serase 0x%06x\n", flash.model.operations, verb, at);
    } else {
        fprintf(stderr, "flash %u: %sprogram 0x%06x %u\n", flash.model.operations, verb, at, size);
    }
}

/* The range of the operation under way, for the last words. */
static uint32_t last_at, last_size;

static void before(void *context, uint32_t at, uint32_t size)
{
    (void)context;
    last_at = at;
    last_size = size;
}

/* The mapping is shared, so what the model left in it is in the file however we end. */
static void power_cut(void *context)
{
    static const char *const verbs[NOR_CUT_KINDS] = {"cut before ", "cut after ", "cut in ",
                                                     "cut in ",     "cut in ",    "cut in "};
    (void)context;
    say(verbs[flash.model.cut], last_at, last_size);
    (void)fflush(NULL);
    host_restore_terminal();
    _exit(HOST_EXIT_CUT);
}

/* The firmware broke a promise of hal_flash.h: never a thing to go on after. */
static int judge(uint32_t violations, int status)
{
    if (flash.model.violations != violations) {
        errno = 0;
        host_complain("flash rule broken:", flash.model.why);
        exit(HOST_EXIT_RULE);
    }
    return status;
}

static int flash_read(void *dev, uint32_t at, void *to, uint32_t size)
{
    uint32_t v = flash.model.violations;
    return judge(v, flash.inner.read(dev, at, to, size));
}

static int flash_program(void *dev, uint32_t at, const void *from, uint32_t size)
{
    uint32_t v = flash.model.violations;
    int status = flash.inner.program(dev, at, from, size);
    if (flash.trace) {
        say("", at, size);
    }
    return judge(v, status);
}

static int flash_erase(void *dev, uint32_t sector)
{
    uint32_t v = flash.model.violations;
    int status = flash.inner.erase(dev, sector);
    if (flash.trace) {
        say("", sector * flash.model.geometry.sector_size, 0);
    }
    return judge(v, status);
}

static int flash_poll(void *dev)
{
    uint32_t v = flash.model.violations;
    return judge(v, flash.inner.poll(dev));
}

static uint8_t *map_file(const char *name, size_t size, uint8_t erased)
{
    struct stat s;
    void *p;
    int fresh = 0;
    int fd = open(name, O_RDWR | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600); /* it will hold keys */
        fresh = 1;
    }
    if (fd < 0 || fstat(fd, &s) != 0 || (fresh && ftruncate(fd, (off_t)size) != 0)) {
        host_complain("cannot open", name);
        return NULL;
    }
    if (!fresh && s.st_size != (off_t)size) {
        errno = 0;
        host_complain("not the size of this flash:", name);
        (void)close(fd);
        return NULL;
    }
    p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    (void)close(fd);
    if (p == MAP_FAILED) {
        host_complain("cannot map", name);
        return NULL;
    }
    if (fresh) {
        memset(p, erased, size);
    }
    return p;
}

int host_flash_open(const struct host_options *o, struct hal_flash *hal)
{
    struct hal_flash g;
    uint64_t size = (uint64_t)o->sector_size * o->sectors;
    uint8_t *memory;

    /* What the model needs to stay inside its memory; the core checks the rest and says so. */
    if (size == 0 || size > 1u << 30 || o->unit == 0 || o->unit > o->page || o->page > 4096 ||
        o->sector_size % o->page != 0 || o->page % o->unit != 0 ||
        (o->erased != 0xff && o->erased != 0)) {
        errno = 0;
        host_complain("no such flash: sectors of pages of units, erased 0xff or 0", NULL);
        return -1;
    }
    memset(&g, 0, sizeof g);
    g.sector_size = o->sector_size;
    g.sector_count = o->sectors;
    g.program_unit = (uint16_t)o->unit;
    g.program_max = (uint16_t)o->page;
    g.erased = (uint8_t)o->erased;

    memset(&flash, 0, sizeof flash);
    if (o->flash != NULL) {
        memory = map_file(o->flash, (size_t)size, g.erased);
    } else {
        memory = malloc((size_t)size);
        if (memory != NULL) {
            memset(memory, g.erased, (size_t)size);
        }
    }
    if (memory == NULL) {
        return -1;
    }
    nor_model_init(&flash.model, &g, memory);
    flash.model.touched = calloc(1, (size_t)(size / o->unit + 7) / 8);
    nor_model_format(&flash.model, false);
    flash.model.polls = o->busy_polls;
    flash.model.before = before;
    flash.model.on_cut = power_cut;
    if (o->cut_before != 0) {
        flash.model.cut_at = o->cut_before;
        flash.model.cut = NOR_CUT_BEFORE;
    } else if (o->cut_after != 0) {
        flash.model.cut_at = o->cut_after;
        flash.model.cut = NOR_CUT_AFTER;
    } else if (o->cut_in != 0) {
        flash.model.cut_at = o->cut_in;
        flash.model.cut = NOR_CUT_RANDOM_BITS;
        flash.model.depth = 128;
        flash.model.seed = o->cut_in;
    }
    flash.trace = o->trace_flash;
    nor_model_hal(&flash.model, &flash.inner);
    *hal = flash.inner;
    hal->read = flash_read;
    hal->program = flash_program;
    hal->erase = flash_erase;
    hal->poll = flash_poll;
    return 0;
}

uint32_t host_flash_operations(void)
{
    return flash.model.operations;
}
