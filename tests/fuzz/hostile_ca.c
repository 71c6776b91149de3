/* hostile_ca - a CA that misbehaves at random, for whole lives of an appliance (world.h).
 *
 *     hostile_ca [--seed N] [--lives N] [--only LIFE]
 *
 * A life: a pair (or, by SCEP, a pair or one credential) comes into its renewal window. For some
 * weeks each reply of the CA may be anything: changed bits and bytes, cut short, a piece
 * repeated or moved, a reply to another question or of another day, other statuses, redirects,
 * chunks, endless heads and bodies, dates out of place, one byte at a time, silence, or a
 * certificate with a defect. Meanwhile it resets now and then. Then the CA becomes honest.
 * What must hold, after each step where it is cheap, else each day:
 *   - both credentials are served, byte for byte as issued, none with a defect, and their keys work
 *   - no day has more attempts than `attempts-per-day`, nor more exchanges than their bound
 *   - no step repeats without end (world.h), nothing leaves the flash's rules
 *   - with the honest CA the renewal ends by itself
 * The program links the stand-in for crypto/, under ASan and UBSan. The last line counts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

#define DAY ((int64_t)RA_DAY)
#define HOUR ((int64_t)RA_HOUR)
#define HOSTILE_DAYS 30
#define HONEST_DAYS 40 /* at most; the certificates end before that */
#define KEEP 8u
/* Of one role: attempts, each a few exchanges; polls of a request, each up to three by SCEP; a retry
 * of each; and the time from the web server. */
#define EXCHANGES_A_DAY 1500u

static struct world w;
static uint64_t state_;
static uint64_t life_, seed_ = 1;
static struct {
    uint64_t exchanges, changed, resets, defects, renewed, lives;
    unsigned most_exchanges, most_attempts;
} total;

static struct {
    bool hostile, scep;
    int64_t day;
    unsigned exchanges; /* of the day */
    uint32_t before[RA_ROLES];
    uint32_t last_id;
    struct {
        uint8_t bytes[FAKE_CA_REPLY_MAX];
        size_t size;
    } old[KEEP];
    unsigned kept;
} now;

static void where(void)
{
    (void)fprintf(stderr, "hostile_ca: replay with --seed %llu --only %llu\n",
                  (unsigned long long)seed_, (unsigned long long)life_);
}

static void tell(void)
{
    (void)fprintf(stderr, "the CA last found fault with: %s\n", w.ca.why);
    for (unsigned role = 0; role < RA_PAIR; role++) {
        struct ra_status s = world_status(&w, (enum ra_role)role);
        uint32_t id = world_serves(&w, (enum ra_role)role);
        const struct fake_ca_request *r = fake_ca_request(&w.ca, id);
        (void)fprintf(stderr,
                      "%s: %s, cause: %s, now %lld, next %lld, ends %lld; serves %u, as %d\n",
                      ra_role_word((enum ra_role)role), ra_state_name(s.state),
                      ra_error_text(s.cause), (long long)world_now(&w), (long long)s.next,
                      (long long)s.not_after, id, r != NULL ? (int)r->as : -1);
    }
}

static void must(bool truth, const char *what)
{
    if (!truth) {
        (void)fprintf(stderr, "hostile_ca: not true: %s\n", what);
        tell();
        where();
        abort();
    }
}

static uint32_t below(uint32_t n)
{
    uint64_t x = state_ += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return (uint32_t)((x ^ (x >> 31)) >> 32) % n;
}

static bool one_in(uint32_t n)
{
    return below(n) == 0;
}

/* --- what becomes of a reply ------------------------------------------------------------------ */

static void text_reply(struct world_link *l, const char *text)
{
    l->reply_size = strlen(text);
    memcpy(l->reply, text, l->reply_size);
}

static void change_bytes(struct world_link *l)
{
    static const uint8_t telling[] = {0,    0xff, 0x80, 0x7f, 0x30, 0x31,
                                      0x04, 0x24, 0xa0, '\r', '\n', '0'};
    for (uint32_t n = 1 + below(one_in(2) ? 2 : 20); n != 0 && l->reply_size != 0; n--) {
        uint8_t *p = &l->reply[below((uint32_t)l->reply_size)];
        *p = one_in(2) ? (uint8_t)(*p ^ 1u << below(8)) : telling[below(sizeof telling)];
    }
}

/* A piece of it goes elsewhere, is repeated, or is left out. */
static void move_piece(struct world_link *l)
{
    if (l->reply_size < 4) {
        return;
    }
    uint32_t size = (uint32_t)l->reply_size, n = 1 + below(size / 2), from = below(size - n);
    uint8_t piece[FAKE_CA_REPLY_MAX];
    memcpy(piece, l->reply + from, n);
    if (one_in(2)) {
        memmove(l->reply + from, l->reply + from + n, size - from - n);
        l->reply_size -= n;
    } else {
        uint32_t at = below(size);
        uint32_t room = FAKE_CA_REPLY_MAX - at;
        memcpy(l->reply + at, piece, n < room ? n : room);
        l->reply_size =
            at + n > size ? (at + n < FAKE_CA_REPLY_MAX ? at + n : FAKE_CA_REPLY_MAX) : size;
    }
}

/* The true body, or bytes of nothing, in chunks. */
static void in_chunks(struct world_link *l)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    uint8_t out[FAKE_CA_REPLY_MAX];
    size_t at = 0, n = sizeof head - 1;
    while (at + 4 <= l->reply_size && memcmp(l->reply + at, "\r\n\r\n", 4) != 0) {
        at++;
    }
    at += 4;
    memcpy(out, head, n);
    while (at < l->reply_size && n < sizeof out - 300) {
        size_t chunk = 1 + below(200);
        chunk = chunk < l->reply_size - at ? chunk : l->reply_size - at;
        n += (size_t)snprintf((char *)out + n, 32, "%x%s\r\n", (unsigned)chunk,
                              one_in(9) ? ";extension=1" : "");
        memcpy(out + n, l->reply + at, chunk);
        n += chunk;
        memcpy(out + n, "\r\n", 2);
        n += 2;
        at += chunk;
    }
    memcpy(out + n, one_in(3) ? "fffffff\r\n" : "0\r\n\r\n\r\n\r\n", 5);
    n += 5;
    memcpy(l->reply, out, n);
    l->reply_size = n;
}

static void other_words(struct world_link *l)
{
    static const char *const replies[] = {
        "HTTP/1.1 302 Found\r\nLocation: /certsrv/\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 307 Temporary Redirect\r\nLocation: ?operation=GetCACert\r\nContent-Length: "
        "0\r\n\r\n",
        "HTTP/1.1 308 Moved\r\nLocation: http://evil.example.test/\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Negotiate\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 503 Busy\r\nRetry-After: 99999999999\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 429 Slow\r\nRetry-After: Fri, 31 Dec 9999 23:59:59 GMT\r\nContent-Length: "
        "0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nDate: Fri, 31 Dec 9999 23:59:59 GMT\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 4294967295\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n\r\nx",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No\r\n\r\n",
        "HTTP/1.1 101 Switching\r\n\r\n",
        "HTTP/9.9 200 OK\r\n\r\n",
        "\r\n\r\n",
        "HTTP/1.1 200",
    };
    text_reply(l, replies[below(sizeof replies / sizeof replies[0])]);
}

/* As much as fits of a head, of 1xx replies, of a body: without an end. */
static void endless(struct world_link *l)
{
    static const char *const again[] = {"X-Header: 0123456789\r\n", "HTTP/1.1 100 Continue\r\n\r\n",
                                        "1\r\nx\r\n", "0123456789abcdef"};
    static const char *const first[] = {"HTTP/1.1 200 OK\r\n", "",
                                        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                                        "HTTP/1.0 200 OK\r\n\r\n"};
    unsigned kind = below(4);
    size_t n = strlen(again[kind]);
    text_reply(l, first[kind]);
    while (l->reply_size + n <= FAKE_CA_REPLY_MAX) {
        memcpy(l->reply + l->reply_size, again[kind], n);
        l->reply_size += n;
    }
}

static bool misbehave(struct world *world)
{
    struct world_link *l = &world->link;
    unsigned kind = below(14);
    total.changed++;
    switch (kind) {
    case 0:
    case 1:
    case 2:
        change_bytes(l);
        break;
    case 3:
        l->reply_size = l->reply_size != 0 ? below((uint32_t)l->reply_size) : 0;
        break;
    case 4:
        move_piece(l);
        break;
    case 5:
        in_chunks(l);
        break;
    case 6:
        other_words(l);
        break;
    case 7:
        endless(l);
        break;
    case 8:
        if (now.kept != 0) {
            unsigned i = below(now.kept < KEEP ? now.kept : KEEP);
            memcpy(l->reply, now.old[i].bytes, now.old[i].size);
            l->reply_size = now.old[i].size;
        }
        break;
    case 9:
        l->reply_ms = world->true_ms + below(300000);
        break;
    case 10:
        l->reply_size = 0;
        break;
    case 11:
        for (size_t i = 0; i < l->reply_size; i++) {
            l->reply[i] = (uint8_t)below(256);
        }
        break;
    default:
        total.changed--;
        break;
    }
    return one_in(3);
}

/* Another mind for the next exchange. */
static void change_mind(struct world *world)
{
    struct fake_ca *ca = &world->ca;
    for (unsigned role = 0; role < RA_ROLES; role++) {
        ca->mode[role] = one_in(2) ? FAKE_CA_ISSUE : (enum fake_ca_mode)below(FAKE_CA_MODES);
    }
    ca->net = one_in(4) ? (enum fake_ca_net)below(FAKE_NET_KINDS) : FAKE_NET_UP;
    ca->scep.fault = one_in(3) ? (enum fake_scep_fault)below(FAKE_SCEP_FAULTS) : FAKE_SCEP_RIGHT;
    ca->est.fault = one_in(3) ? (enum fake_est_fault)below(FAKE_EST_500 + 1u) : FAKE_EST_RIGHT;
    ca->est.next_root = one_in(4);
    ca->est.demand_binding = one_in(4);
    ca->scep.get_only = one_in(4);
    ca->scep.no_renewal = one_in(4);
    ca->scep.refuse_renewal = one_in(4);
    ca->scep.fail_info = (uint8_t)below(7);
    ca->hresult = one_in(2) ? 0x80094800u + below(0x20) : below(UINT32_MAX);
    ca->retry_after = one_in(3) ? below(UINT32_MAX) : below(7200);
    ca->clock_error = one_in(4) ? (int64_t)below(UINT32_MAX) / 4 - UINT32_MAX / 8 : 0;
    ca->no_date = one_in(4);
    world->link.piece = one_in(3) ? 1 + below(64) : SIZE_MAX;
    if (one_in(4)) {
        (void)fake_ca_approve(ca, (enum ra_role)below(RA_PAIR), world_now(world));
    }
}

/* A defect that time does not heal: dates alone may be right when it is asked for again, or on the
 * day that a CA with a wrong clock told an appliance without one. */
static bool has_defect(const struct fake_ca_request *r)
{
    return r != NULL && r->state == FAKE_CA_ISSUED &&
           (r->as == FAKE_CA_WRONG_KEY || r->as == FAKE_CA_WRONG_ROLE || r->as == FAKE_CA_SAME ||
            r->as == FAKE_CA_OTHER_SUBJECT || r->as == FAKE_CA_IS_CA ||
            r->as == FAKE_CA_UNTRUSTED || r->as == FAKE_CA_BAD_SIGNATURE ||
            (r->as == FAKE_CA_EXPIRED && w.board_clock));
}

static void on_send(struct world *world)
{
    int64_t day = world_now(world) / DAY;
    total.exchanges++;
    now.exchanges = day == now.day ? now.exchanges + 1 : 1;
    now.day = day;
    must(now.exchanges <= EXCHANGES_A_DAY, "exchanges in one day");
    if (now.exchanges > total.most_exchanges) {
        total.most_exchanges = now.exchanges;
    }
    if (now.hostile && world->ca.net != FAKE_NET_UP) {
        change_mind(world); /* no reply will come of this: the next exchange has another mind */
    }
}

static bool on_reply(struct world *world)
{
    const struct world_link *l = &world->link;
    for (; now.last_id < world->ca.last_id; now.last_id++) {
        total.defects += has_defect(fake_ca_request(&world->ca, now.last_id + 1));
    }
    now.old[now.kept % KEEP].size = l->reply_size;
    memcpy(now.old[now.kept % KEEP].bytes, l->reply, l->reply_size);
    now.kept++;
    if (!now.hostile) {
        return false;
    }
    bool closes = one_in(20) ? false : misbehave(world);
    change_mind(world);
    return closes;
}

/* --- what must hold --------------------------------------------------------------------------- */

static void look(void)
{
    for (unsigned role = now.scep ? RA_ROLE_ENCRYPTION : RA_ROLE_AGENT; role < RA_PAIR; role++) {
        must(w.ca.most_a_day[role] <= w.ra.config.attempts_per_day, "the day's attempts");
        total.most_attempts = w.ca.most_a_day[role] > total.most_attempts ? w.ca.most_a_day[role]
                                                                          : total.most_attempts;
        must(world_settle(&w), "the power is on");
        uint32_t id = world_serves(&w, (enum ra_role)role);
        must(id != 0, "a credential is served");
        must(!has_defect(fake_ca_request(&w.ca, id)), "what is served has a defect");
        w.ca.bad =
            0; /* of a request that an earlier lie has spoilt the CA may think what it likes */
        const char *why = world_check(&w, (enum ra_role)role);
        must(why == NULL, why != NULL ? why : "");
    }
}

static bool all_renewed(void)
{
    bool all = world_settle(&w);
    for (unsigned role = now.scep ? RA_ROLE_ENCRYPTION : RA_ROLE_AGENT; role < RA_PAIR; role++) {
        all = all && world_serves(&w, (enum ra_role)role) > now.before[role];
    }
    return all;
}

/* An honest CA has revoked what no gate lets pass; what only its dates were against may wait to serve. */
static void forget_defects(void)
{
    uint32_t served[RA_PAIR];
    for (unsigned role = 0; role < RA_PAIR; role++) {
        served[role] = world_serves(&w, (enum ra_role)role);
    }
    for (unsigned i = 0; i < FAKE_CA_REQUESTS; i++) {
        struct fake_ca_request *r = &w.ca.request[i];
        if ((has_defect(r) || r->as == FAKE_CA_EXPIRED) && r->id != served[0] &&
            r->id != served[1]) {
            r->state = FAKE_CA_DENIED;
        }
    }
}

static void live(uint64_t life)
{
    life_ = life;
    state_ = seed_ * 0x2545f4914f6cdd1du + life;
    memset(&now, 0, sizeof now);
    static const char *const words[] = {"adcs", "scep", "est"};
    static const char *const urls[] = {FAKE_CA_URL, FAKE_SCEP_URL, FAKE_EST_URL};
    unsigned protocol = (unsigned)(life % 3);
    now.scep = protocol == 1;
    const struct world_enrolment e = {.key = {now.scep ? NULL : "agent.key", "encryption.key"},
                                      .days_left = {45 + (int)below(10), 45 + (int)below(10)},
                                      .settings = {{"key-policy", one_in(3) ? "new" : "same"},
                                                   {"ca-url", urls[protocol]},
                                                   {"protocol", words[protocol]},
                                                   {"poll-minutes", one_in(2) ? "60" : "15"}}};
    world_init(&w, NULL);
    world_provision(&w, &e);
    w.on_reply = on_reply;
    w.on_send = on_send;
    w.board_clock = !one_in(4);
    now.hostile = true;
    world_boot(&w);
    for (unsigned role = 0; role < RA_PAIR; role++) {
        now.before[role] = world_serves(&w, (enum ra_role)role);
    }
    for (unsigned day = 0; day < HOSTILE_DAYS; day++) {
        must(world_run(&w, DAY / (1 + below(3))), "the power is on");
        look();
        (void)ra_renew(&w.ra, (enum ra_role)below(RA_PAIR), one_in(2));
        if (one_in(3)) {
            total.resets++;
            world_boot(&w);
            look();
        }
    }
    now.hostile = false;
    w.ca.net = FAKE_NET_UP;
    memset(w.ca.mode, 0, sizeof w.ca.mode);
    memset(&w.ca.scep, 0, sizeof w.ca.scep);
    memset(&w.ca.est, 0, sizeof w.ca.est);
    forget_defects();
    w.ca.clock_error = 0;
    w.ca.no_date = false;
    w.link.piece = SIZE_MAX;
    w.board_clock = true;
    world_boot(&w);
    for (unsigned day = 0; day < HONEST_DAYS && !all_renewed(); day++) {
        must(world_run(&w, DAY), "the power is on");
        for (unsigned role = 0; role < RA_PAIR; role++) {
            while (fake_ca_approve(&w.ca, (enum ra_role)role, world_now(&w))) {
            }
        }
    }
    look();
    for (unsigned role = now.scep ? RA_ROLE_ENCRYPTION : RA_ROLE_AGENT; role < RA_PAIR; role++) {
        must(world_serves(&w, (enum ra_role)role) > now.before[role], "renewed in the end");
        must(world_status(&w, (enum ra_role)role).not_after > world_now(&w), "renewed in time");
        total.renewed++;
    }
    total.lives++;
}

int main(int argc, char **argv)
{
    uint64_t lives = 40;
    int64_t only = -1;
    for (int i = 1; i + 1 < argc; i += 2) {
        uint64_t n = strtoull(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--seed") == 0) {
            seed_ = n;
        } else if (strcmp(argv[i], "--lives") == 0) {
            lives = n;
        } else if (strcmp(argv[i], "--only") == 0) {
            only = (int64_t)n;
        }
    }
    world_at_abort = where;
    if (only >= 0) {
        live((uint64_t)only);
    }
    for (uint64_t life = 0; only < 0 && life < lives; life++) {
        live(life);
    }
    (void)printf(
        "count: seed %llu: %llu lives, %llu exchanges, %llu replies changed, %llu resets, %llu "
        "certificates with a defect; at most %u exchanges and %u attempts in a day; %llu "
        "credentials renewed in the end\n",
        (unsigned long long)seed_, (unsigned long long)total.lives,
        (unsigned long long)total.exchanges, (unsigned long long)total.changed,
        (unsigned long long)total.resets, (unsigned long long)total.defects, total.most_exchanges,
        total.most_attempts, (unsigned long long)total.renewed);
    must(only >= 0 || total.exchanges >= 20 * lives, "20 exchanges in a life, on the average");
    return 0;
}
