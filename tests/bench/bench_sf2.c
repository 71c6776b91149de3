/* bench_sf2.c - counts what one boot or one renewal costs on emcraft-sf2; see bench.py.
 *
 * Words besides the board's (board.h) and the transport's (bench.h):
 *   time=SECONDS   what time the board says it is at the start
 *   large=1        TLS does not ask for small records, as if the server did not agree to them
 *   booted         end when there is nothing to do, instead of when all is renewed
 *   settled        the same, and the store has mended what an earlier end left
 *
 * Each ra_step is counted under the state of the role that works, as it was before the step.
 * Prints lines of words, the last one `bench end`.
 */
#include <string.h>

#include "bench.h"
#include "board.h"
#include "perennial.h"
#include "ra_secure.h"

#define ICOUNT_SHIFT 4u
#define START_PHASES 6u /* of ra->phase */
#define ROWS (1u + START_PHASES + 3u * RA_STATE_COUNT)

int main(void);

struct row {
    uint32_t steps, longest_step;
    uint64_t cycles, longest;
    struct bench_count count[BENCH_PRIMITIVE_COUNT];
};

static struct ra ra;
static struct hal hal, board;
static uint8_t reply[RA_REPLY_BUFFER] __attribute__((section(".bss.ddr.reply")));
#if RA_WITH_TLS
static struct ra_secure secure __attribute__((section(".bss.ddr.secure")));
#endif
static struct row rows[ROWS] __attribute__((section(".bss.ddr.rows")));
static struct {
    uint64_t clock;   /* two calls of board_cycles, cycles            */
    uint64_t wrapper; /* a wrapped call of nothing, cycles            */
    uint64_t seen;    /* what the wrapper counts for nothing, cycles  */
} cost;
static int64_t started_at;
static uint32_t read_bytes, written_bytes;

/* --- output ----------------------------------------------------------------------- */

static void number(uint64_t n)
{
    char text[21];
    char *p = text + sizeof text - 1;
    *p = '\0';
    do {
        *--p = (char)('0' + n % 10u);
        n /= 10u;
    } while (n != 0);
    board_print(" ");
    board_print(p);
}

static uint64_t instructions(uint64_t cycles)
{
    return (cycles * 10u + (1u << ICOUNT_SHIFT) / 2u) >> ICOUNT_SHIFT;
}

static void line(const char *word, const char *name, uint64_t n)
{
    board_print(word);
    board_print(" ");
    board_print(name);
    number(n);
    board_print("\n");
}

/* --- a peer that does not know max_fragment_length ------------------------------------ */

#if RA_WITH_TLS
int __real_wolfSSL_UseMaxFragment(void *ssl, unsigned char mfl);
int __wrap_wolfSSL_UseMaxFragment(void *ssl, unsigned char mfl);

int __wrap_wolfSSL_UseMaxFragment(void *ssl, unsigned char mfl)
{
    char text[4];
    return board_word("large", text, sizeof text) ? 1 : __real_wolfSSL_UseMaxFragment(ssl, mfl);
}
#endif

/* --- the board, watched ------------------------------------------------------------- */

static int watched_read(void *dev, uint32_t at, void *to, uint32_t size)
{
    uint64_t begun = bench_begin();
    int result = board.flash.read(dev, at, to, size);
    bench_end(BENCH_FLASH_READ, begun);
    read_bytes += size;
    return result;
}

static int watched_program(void *dev, uint32_t at, const void *from, uint32_t size)
{
    uint64_t begun = bench_begin();
    int result = board.flash.program(dev, at, from, size);
    bench_end(BENCH_FLASH_WRITE, begun);
    written_bytes += size;
    return result;
}

static int watched_poll(void *dev)
{
    uint64_t begun = bench_begin();
    int result = board.flash.poll(dev);
    bench_end(BENCH_FLASH_WRITE, begun);
    return result;
}

static int64_t wall(void *dev)
{
    return started_at + (int64_t)(board.clock.monotonic_ms(dev) / 1000u);
}

/* --- counting ----------------------------------------------------------------------- */

static void calibrate(void)
{
    static struct bench_count scratch[BENCH_PRIMITIVE_COUNT];
    const uint64_t rounds = 1000;
    bench_now = scratch;
    uint64_t begun = board_cycles();
    for (unsigned i = 0; i < rounds; i++) {
        (void)board_cycles();
        (void)board_cycles();
    }
    cost.clock = (board_cycles() - begun) / rounds;
    begun = board_cycles();
    for (unsigned i = 0; i < rounds; i++) {
        (void)bench_empty();
    }
    cost.wrapper = (board_cycles() - begun) / rounds;
    cost.seen = scratch[BENCH_EMPTY].cycles / rounds;
    cost.clock /= 2;
}

static void count(struct row *row, uint64_t cycles, uint32_t wrapped)
{
    uint64_t own = cost.clock + wrapped * cost.wrapper;
    cycles = cycles > own ? cycles - own : 0;
    row->cycles += cycles;
    if (cycles > row->longest) {
        row->longest = cycles;
        row->longest_step = row->steps;
    }
    row->steps++;
}

/* Row 0 is ra_init, then the phases of the start, then the states of each role, then of none. */
static struct row *row_of(void)
{
    unsigned role = RA_PAIR;
    unsigned state = RA_STATE_IDLE;
    if (!ra_started(&ra)) {
        return &rows[1u + ra.phase];
    }
    if (ra.worker >= 0 && ra.worker < (int)RA_PAIR) {
        role = (unsigned)ra.worker;
        state = ra.renewal[role].state;
    } else {
        for (unsigned i = RA_PAIR; i-- > 0;) {
            if (ra_state_works(ra.renewal[i].state)) {
                role = i;
                state = ra.renewal[i].state;
            }
        }
    }
    return &rows[1u + START_PHASES + role * RA_STATE_COUNT + state];
}

static uint32_t counted_step(void)
{
    struct row *row = row_of();
    bench_now = row->count;
    uint32_t wrapped = bench_wrapped;
    uint64_t begun = board_cycles();
    uint32_t wait = ra_step(&ra);
    count(row, board_cycles() - begun, bench_wrapped - wrapped);
    return wait;
}

static void counted_init(const struct ra_transport *transport)
{
    bench_now = rows[0].count;
    uint32_t wrapped = bench_wrapped;
    uint64_t begun = board_cycles();
    ra_err e = ra_init(&ra, &hal, transport, reply);
    count(&rows[0], board_cycles() - begun, bench_wrapped - wrapped);
    if (e != RA_OK) {
        board_print("bench: ra_init failed\n");
        board_exit(1);
    }
#if RA_WITH_TLS
    ra_https(&ra, &secure);
#endif
}

/* --- report ------------------------------------------------------------------------- */

static void print_name(unsigned i)
{
    static const char *const start[] = {"init",   "mount",    "settle", "commit",
                                        "config", "password", "events"};
    static const char *const roles[] = {"agent ", "encryption ", "none "};
    if (i <= START_PHASES) {
        board_print("start ");
        board_print(start[i]);
        return;
    }
    i -= 1u + START_PHASES;
    board_print(roles[i / RA_STATE_COUNT]);
    board_print(ra_state_name((enum ra_state)(i % RA_STATE_COUNT)));
}

static void print_row(unsigned i)
{
#define NAME_(name, text) text,
    static const char *const names[] = {BENCH_PRIMITIVES(NAME_)};
#undef NAME_
    const struct row *row = &rows[i];
    if (row->steps == 0) {
        return;
    }
    board_print("row ");
    print_name(i);
    number(row->steps);
    number(instructions(row->cycles));
    number(instructions(row->longest));
    number(row->longest_step);
    board_print("\n");
    for (unsigned p = 0; p < BENCH_PRIMITIVE_COUNT; p++) {
        const struct bench_count *c = &row->count[p];
        if (c->calls != 0) {
            uint64_t own = c->calls * cost.seen;
            board_print("part ");
            print_name(i);
            board_print(" ");
            board_print(names[p]);
            number(c->calls);
            number(instructions(c->cycles > own ? c->cycles - own : 0));
            board_print("\n");
        }
    }
}

static void report(void)
{
    struct ra_store_info info;
    ra_store_info(&ra.store, &info);
    for (unsigned i = 0; i < ROWS; i++) {
        print_row(i);
    }
    for (unsigned i = 0; i < BENCH_TYPES; i++) {
        if (bench_records[i].puts != 0) {
            board_print("put");
            number(i);
            number(bench_records[i].puts);
            number(bench_records[i].bytes);
            board_print("\n");
        }
    }
    line("flash", "programmed", info.programmed);
    line("flash", "programs", info.programs);
    line("flash", "erases", info.erases);
    line("flash", "used", info.used);
    line("flash", "records", info.records);
    line("flash", "bytes-read", read_bytes);
    line("flash", "bytes-written", written_bytes);
    line("ra", "requests", ra.exchange.counters.requests);
    line("ra", "key-search", ra.keygen.progress);
    for (unsigned i = 0; i < RA_PAIR; i++) {
        struct ra_status s;
        ra_status(&ra, (enum ra_role)i, &s);
        board_print("state ");
        board_print(ra_role_word((enum ra_role)i));
        board_print(" ");
        board_print(ra_state_name(s.state));
        number(s.generation);
        number((uint64_t)(uint32_t)-s.cause);
        board_print("\n");
    }
#if RA_WITH_TLS
    line("tls", "arena", secure.peak);
#endif
    line("board", "stack", board_stack_used());
    board_print("bench end\n");
}

/* --- main --------------------------------------------------------------------------- */

static bool settled(void)
{
    return ra_started(&ra) && ra_settled(&ra) && ra.events.count == 0 && !ra.commit_dirty &&
           !ra.cleanup_wanted;
}

static bool renewed(void)
{
    static uint32_t first[RA_PAIR]; /* the generation that served at the start */
    for (unsigned i = 0; i < RA_PAIR && ra_started(&ra); i++) {
        first[i] = first[i] == 0 ? ra.commit.slot[i].active : first[i];
    }
    for (unsigned i = 0; i < RA_PAIR; i++) {
        if (ra.renewal[i].state == RA_STATE_BACKOFF || ra.renewal[i].state == RA_STATE_EXPIRED) {
            return true; /* failed: the report says so */
        }
        if (ra.renewal[i].state != RA_STATE_PROBATION || ra.commit.slot[i].active == first[i]) {
            return false;
        }
    }
    return settled();
}

static int64_t parse(const char *text)
{
    int64_t n = 0;
    while (*text >= '0' && *text <= '9') {
        n = n * 10 + (*text++ - '0');
    }
    return n;
}

int main(void)
{
    char text[32];
    uint32_t wait;

    board_init();
    board_hal(&board);
    hal = board;
    hal.flash.read = watched_read;
    hal.flash.program = watched_program;
    hal.flash.poll = watched_poll;
    hal.clock.wall_s = wall;
    started_at = board_word("time", text, sizeof text) ? parse(text) : 0;
    bool boot = board_word("booted", text, sizeof text) != 0;
    bool mend = board_word("settled", text, sizeof text) != 0;
    calibrate();
    counted_init(bench_pipe());
    do {
        wait = counted_step();
        if (!boot) {
            board_idle(wait < 1000u ? wait : 1000u);
        }
    } while (boot ? wait == 0 : !(mend ? settled() : renewed()));
    report();
    board_exit(0);
}
