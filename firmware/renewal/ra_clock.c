#include "ra_clock.h"

void ra_clock_init(struct ra_clock *c, const struct hal_clock *hal)
{
    c->hal = hal;
    c->floor = RA_BUILD_TIME;
    c->base = RA_TIME_UNKNOWN;
    c->base_ms = 0;
    c->last_known = 0;
    c->source = RA_TIME_NONE;
    c->jumped = false;
    c->leapt = false;
    c->leapt_ms = 0;
    (void)ra_clock_offer(c, RA_TIME_BOARD, hal->wall_s(hal->dev));
}

uint64_t ra_clock_ms(const struct ra_clock *c)
{
    return c->hal->monotonic_ms(c->hal->dev);
}

int64_t ra_clock_now(const struct ra_clock *c)
{
    if (c->base == RA_TIME_UNKNOWN) {
        return RA_TIME_UNKNOWN;
    }
    return c->base + (int64_t)((ra_clock_ms(c) - c->base_ms) / 1000u);
}

/* `taken`: the time has just been taken, as against a new witness for the one that is there. */
static void notice_jump(struct ra_clock *c, bool taken)
{
    int64_t now = ra_clock_now(c);
    bool ahead =
        now != RA_TIME_UNKNOWN && c->last_known != 0 && now - c->last_known > RA_CLOCK_JUMP;
    bool typed = c->source == RA_TIME_OPERATOR;
    if (typed && !taken) {
        return; /* the floor he raised is no witness for him */
    }
    if (ahead && (typed || !c->leapt)) {
        c->leapt_ms = ra_clock_ms(c);
    }
    c->leapt = ahead;
    c->jumped = ahead && !typed;
}

bool ra_clock_leapt(const struct ra_clock *c, int64_t seconds)
{
    return c->leapt && ra_clock_ms(c) - c->leapt_ms < (uint64_t)seconds * 1000u;
}

/* A clock that was believed and has run since bears witness too: a month of uptime is no jump. */
static void note_run(struct ra_clock *c)
{
    int64_t now = ra_clock_now(c);
    if (!c->jumped && c->last_known != 0 && now > c->last_known) {
        c->last_known = now;
    }
}

void ra_clock_raise_floor(struct ra_clock *c, int64_t t)
{
    if (t > c->floor) {
        c->floor = t;
    }
    if (c->base != RA_TIME_UNKNOWN && ra_clock_now(c) < c->floor) {
        c->base = RA_TIME_UNKNOWN;
        c->source = RA_TIME_NONE;
    }
    ra_clock_witness(c, t);
}

void ra_clock_witness(struct ra_clock *c, int64_t t)
{
    note_run(c);
    if (t > c->last_known) {
        c->last_known = t;
    }
    notice_jump(c, false);
}

ra_err ra_clock_offer(struct ra_clock *c, enum ra_time_source source, int64_t wall)
{
    if (wall == RA_TIME_UNKNOWN || wall < c->floor) {
        return RA_E_TIME_UNKNOWN;
    }
    if (source >= c->source) {
        note_run(c);
        c->base = wall;
        c->base_ms = ra_clock_ms(c);
        c->source = source;
        if (source == RA_TIME_OPERATOR && wall < c->last_known) {
            c->last_known = wall; /* he puts right what was ahead */
        }
        notice_jump(c, true);
    }
    return RA_OK;
}

const char *ra_clock_source_text(enum ra_time_source source)
{
    static const char *const texts[] = {"unknown", "HTTP Date", "board", "SNTP", "operator"};
    return texts[source];
}
