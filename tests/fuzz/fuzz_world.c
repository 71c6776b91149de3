/* A CA's replies to a whole appliance at renewal (world.h), by AD CS, SCEP or EST.
 *
 * The first byte chooses protocol and settings. Then for each exchange one byte that says what
 * becomes of the true reply, and its parameters; behind the end of the bytes all replies are true.
 * Whatever comes: no credential is lost, what is served was issued and not with a defect, and the
 * day has no more attempts than allowed. */
#include <string.h>

#include "fuzz.h"
#include "world.h"

enum { TRUE_REPLY, RAW_REPLY, PATCHED, OTHER_BODY };

static struct world w, made[3];
static struct ra_span rest;

static void other_body(struct world_link *l, struct ra_span body)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
    size_t n =
        body.size < FAKE_CA_REPLY_MAX - sizeof head ? body.size : FAKE_CA_REPLY_MAX - sizeof head;
    memcpy(l->reply, head, sizeof head - 1);
    if (n != 0) {
        memcpy(l->reply + sizeof head - 1, body.p, n);
    }
    l->reply_size = sizeof head - 1 + n;
}

static bool on_reply(struct world *world)
{
    struct world_link *l = &world->link;
    if (rest.size == 0) {
        return false;
    }
    uint8_t what = fuzz_byte(&rest);
    size_t n = fuzz_byte(&rest);
    struct ra_span bytes;
    switch (what % 4u) {
    case RAW_REPLY:
        bytes = fuzz_take(&rest, n | (size_t)(what & 0x3c) << 6);
        if (bytes.size != 0) {
            memcpy(l->reply, bytes.p, bytes.size);
        }
        l->reply_size = bytes.size;
        break;
    case PATCHED:
        for (n %= 8u; n != 0 && l->reply_size != 0; n--) {
            size_t at = (size_t)fuzz_byte(&rest) << 8 | fuzz_byte(&rest);
            l->reply[at % l->reply_size] = fuzz_byte(&rest);
        }
        break;
    case OTHER_BODY:
        other_body(l, fuzz_take(&rest, n | (size_t)(what & 0x3c) << 6));
        return true;
    default:
        break;
    }
    return (what & 0x80) != 0;
}

static void make(struct world *to, enum ra_protocol protocol)
{
    static const char *const words[] = {"adcs", "scep", "est"};
    static const char *const urls[] = {FAKE_CA_URL, FAKE_SCEP_URL, FAKE_EST_URL};
    const struct world_enrolment e = {
        .key = {protocol == RA_PROTOCOL_SCEP ? NULL : "agent.key", "encryption.key"},
        .days_left = {30, 30},
        .settings = {
            {"key-policy", "same"}, {"ca-url", urls[protocol]}, {"protocol", words[protocol]}}};
    world_init(to, NULL);
    world_provision(to, &e);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t size)
{
    static bool ready;
    if (!ready) {
        make(&made[0], RA_PROTOCOL_ADCS);
        make(&made[1], RA_PROTOCOL_SCEP);
        make(&made[2], RA_PROTOCOL_EST);
        ready = true;
    }
    rest = (struct ra_span){p, size};
    uint8_t choice = fuzz_byte(&rest);
    bool est = (choice & 32) != 0, scep = !est && (choice & 1) != 0;
    memset(&w, 0, sizeof w);
    world_copy(&w, &made[est ? 2 : scep]);
    w.ca.mode[RA_ROLE_ENCRYPTION] = (choice & 2) != 0 ? FAKE_CA_PEND : FAKE_CA_ISSUE;
    w.ca.scep.get_only = (choice & 4) != 0;
    w.link.piece = (choice & 8) != 0 ? 7 : SIZE_MAX;
    w.board_clock = (choice & 16) == 0;
    w.on_reply = on_reply;
    world_boot(&w);
    (void)world_run(&w, 2 * (int64_t)RA_DAY);
    for (unsigned role = scep ? 1 : 0; role < RA_PAIR; role++) {
        fuzz_must(w.ca.most_a_day[role] <= w.ra.config.attempts_per_day, "the day's attempts");
        fuzz_must(world_settle(&w) && world_serves(&w, (enum ra_role)role) != 0, "a credential");
        const char *why = world_check(&w, (enum ra_role)role);
        fuzz_must(why == NULL, why != NULL ? why : "");
    }
    return 0;
}
