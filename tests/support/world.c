#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world_vectors.h"

#define SPIN_MAX 200000u /* steps without a wait: more never ends */
#define START_STEPS 200000u

void (*world_at_abort)(void);

static void must(bool truth, const char *what)
{
    if (!truth) {
        (void)fprintf(stderr, "world: %s\n", what);
        if (world_at_abort != NULL) {
            world_at_abort();
        }
        abort();
    }
}

/* --- the board ------------------------------------------------------------------------------ */

static uint64_t monotonic_ms(void *dev)
{
    const struct world *w = dev;
    return (uint64_t)(w->true_ms - w->boot_ms) + 5u;
}

static int64_t wall_s(void *dev)
{
    const struct world *w = dev;
    return w->board_clock ? world_now(w) + w->board_error_s : HAL_CLOCK_UNKNOWN;
}

static int noise_read(void *dev, uint8_t *to, uint32_t size)
{
    struct world *w = dev;
    if (w->noise != WORLD_NOISE_GOOD) {
        return w->noise == WORLD_NOISE_NONE ? 0 : -1;
    }
    for (uint32_t i = 0; i < size; i++) {
        w->noise_state = w->noise_state * 6364136223846793005u + 1442695040888963407u;
        to[i] = (uint8_t)(w->noise_state >> 56);
    }
    return (int)size;
}

static int device_key(void *dev, uint8_t key[HAL_DEVICE_KEY_SIZE])
{
    const struct world *w = dev;
    memset(key, 0x5c, HAL_DEVICE_KEY_SIZE);
    return w->no_device_key ? 0 : 1;
}

static uint32_t serial_read(void *dev, uint8_t *to, uint32_t size)
{
    struct world *w = dev;
    uint32_t n = 0;
    while (n < size && w->typed != NULL && *w->typed != '\0') {
        to[n++] = (uint8_t)*w->typed++;
    }
    return n;
}

static uint32_t serial_write(void *dev, const uint8_t *from, uint32_t size)
{
    struct world *w = dev;
    uint32_t room = w->serial_room > w->serial_taken ? w->serial_room - w->serial_taken : 0;
    size = size < room ? size : room;
    w->serial_taken += size;
    must(size <= WORLD_SERIAL_MAX - w->shown_size, "the console says too much");
    memcpy(w->shown + w->shown_size, from, size);
    w->shown_size += size;
    w->shown[w->shown_size] = '\0';
    return size;
}

static void reset(void *dev)
{
    ((struct world *)dev)->resets++;
}

/* --- the connection -------------------------------------------------------------------------- */

static ra_err link_open(void *ctx, const char *host, uint16_t port, bool tls)
{
    struct world *w = ctx;
    must(strcmp(host, "ca.example.test") == 0 && port == (tls ? 443 : 80),
         "another server is asked");
    w->ca.connections++;
    w->link.request_size = 0;
    w->link.reply_size = w->link.reply_at = 0;
    w->link.error = RA_OK;
    w->link.state = RA_TRANSPORT_CONNECTING;
    return RA_OK;
}

static void link_fail(struct world *w, ra_err e)
{
    w->link.state = RA_TRANSPORT_FAILED;
    w->link.error = e;
}

static enum ra_transport_state link_state(void *ctx)
{
    struct world *w = ctx;
    enum ra_transport_state was = w->link.state;
    if (was == RA_TRANSPORT_CONNECTING) {
        w->link.state = RA_TRANSPORT_OPEN;
        if (w->ca.net == FAKE_NET_REFUSED) {
            link_fail(w, RA_E_NET_REFUSED);
        }
    }
    return was;
}

static ra_err link_error(void *ctx)
{
    return ((struct world *)ctx)->link.error;
}

/* The size of the first whole request, 0 while it is not there. */
static size_t whole_request(const struct world_link *l)
{
    size_t head = 3;
    unsigned long body = 0;
    while (head < l->request_size && memcmp(l->request + head - 3, "\r\n\r\n", 4) != 0) {
        head++;
    }
    if (head >= l->request_size) {
        return 0;
    }
    head++;
    for (size_t i = 0; i + 18 < head; i++) {
        if (memcmp(l->request + i, "\r\nContent-Length: ", 18) == 0) {
            body = strtoul((const char *)l->request + i + 18, NULL, 10);
        }
    }
    return l->request_size >= head + body ? head + body : 0;
}

static size_t link_send(void *ctx, const uint8_t *from, size_t size)
{
    struct world *w = ctx;
    struct world_link *l = &w->link;
    if (l->request_size == 0) {
        l->requests++;
        if (w->on_send != NULL) {
            w->on_send(w);
        }
        if (w->ca.net == FAKE_NET_RESET) {
            link_fail(w, RA_E_NET_RESET);
            return 0;
        }
    }
    size = size < l->piece ? size : l->piece;
    must(size <= WORLD_REQUEST_MAX - l->request_size, "a request is too large");
    memcpy(l->request + l->request_size, from, size);
    l->request_size += size;
    size_t whole = whole_request(l);
    if (whole != 0) {
        must(whole == l->request_size, "more than one request at once");
        l->request[whole] = '\0';
        l->reply_size =
            fake_ca_serve(&w->ca, world_now(w), (const char *)l->request, whole, l->reply);
        l->reply_at = 0;
        l->reply_ms = 0;
        l->request_size = 0;
        if (w->ca.net == FAKE_NET_LOSE_REPLY) {
            link_fail(w, RA_E_NET_RESET);
        } else if ((w->on_reply != NULL && w->on_reply(w)) || w->ca.net == FAKE_NET_GARBAGE ||
                   w->ca.scep.fault == FAKE_SCEP_HALF_CAPS ||
                   (l->reply_size == 0 && w->ca.scep.fault == FAKE_SCEP_NO_CAPS)) {
            l->state = RA_TRANSPORT_PEER_CLOSED;
        }
    }
    return size;
}

static size_t link_receive(void *ctx, uint8_t *to, size_t size)
{
    struct world *w = ctx;
    struct world_link *l = &w->link;
    size_t n = w->true_ms < l->reply_ms ? 0 : l->reply_size - l->reply_at;
    n = n < size ? n : size;
    n = n < l->piece ? n : l->piece;
    memcpy(to, l->reply + l->reply_at, n);
    l->reply_at += n;
    return n;
}

static void link_close(void *ctx)
{
    struct world *w = ctx;
    w->link.state = RA_TRANSPORT_IDLE;
    w->link.reply_size = w->link.reply_at = 0;
}

static size_t link_binding(void *ctx, uint8_t *out, size_t cap)
{
    const struct world *w = ctx;
    must(cap >= FAKE_EST_BINDING && w->link.state == RA_TRANSPORT_OPEN, "a binding of nothing");
    fake_est_binding(&w->ca, out);
    return w->link.unbound ? 0 : FAKE_EST_BINDING;
}

/* --- life and death ---------------------------------------------------------------------------- */

static void wire(struct world *w)
{
    w->hal.clock = (struct hal_clock){monotonic_ms, wall_s, w};
    w->hal.entropy = (struct hal_entropy){noise_read, w};
    w->hal.device_key = (struct hal_device_key){device_key, w};
    w->hal.serial = (struct hal_serial){serial_read, serial_write, w};
    w->hal.reset = (struct hal_reset){reset, w};
    w->flash.memory = w->memory;
    w->flash.touched = w->touched;
    nor_model_hal(&w->flash, &w->hal.flash);
    w->link.transport = (struct ra_transport){w,         link_open,    link_state, link_error,
                                              link_send, link_receive, link_close, link_binding};
}

void world_init(struct world *w, const struct hal_flash *geometry)
{
    static const struct hal_flash usual = {.sector_size = 4096,
                                           .sector_count = WORLD_FLASH_MAX / 4096u,
                                           .program_unit = 16,
                                           .program_max = 256,
                                           .erased = 0xff};
    memset(w, 0, sizeof *w);
    nor_model_init(&w->flash, geometry != NULL ? geometry : &usual, w->memory);
    must(w->flash.size <= WORLD_FLASH_MAX, "the flash is too large");
    fake_ca_init(&w->ca);
    w->true_ms = (int64_t)WORLD_NOW * 1000;
    w->boot_ms = w->true_ms;
    w->board_clock = true;
    w->pace_ms = 60000;
    w->noise_state = 1;
    w->link.piece = SIZE_MAX;
    w->serial_room = 64;
    wire(w);
    nor_model_format(&w->flash, true);
}

void world_copy(struct world *to, const struct world *from)
{
    to->flash = from->flash;
    to->flash.before = NULL;
    memcpy(to->memory, from->memory, from->flash.size);
    memcpy(to->touched, from->touched,
           (from->flash.size / from->flash.geometry.program_unit + 7) / 8);
    to->ca = from->ca;
    to->link.piece = from->link.piece;
    to->true_ms = from->true_ms;
    to->boot_ms = from->boot_ms;
    to->board_clock = from->board_clock;
    to->board_error_s = from->board_error_s;
    to->noise = from->noise;
    to->no_device_key = from->no_device_key;
    to->pace_ms = from->pace_ms;
    to->serial_room = from->serial_room;
    to->noise_state = from->noise_state;
    wire(to);
}

static void told(struct ra_subscriber *self, enum ra_role role)
{
    struct world *w = (struct world *)(void *)((uint8_t *)self - offsetof(struct world, ear));
    w->told[role]++;
}

static void boot(struct world *w, bool online)
{
    memset(&w->ra, 0xa5, sizeof w->ra);
    memset(w->reply, 0xa5, sizeof w->reply);
    memset(w->told, 0, sizeof w->told);
    link_close(w);
    nor_model_power_on(&w->flash);
    w->flash.cut_fired = false;
    w->flash.cut_at = w->cut_after != 0 ? w->flash.operations + w->cut_after : 0;
    w->true_ms += 1000;
    w->boot_ms = w->true_ms;
    w->idle = 0;
    w->steps = 0;
    must(ra_init(&w->ra, &w->hal, online ? &w->link.transport : NULL, w->reply) == RA_OK,
         "ra_init");
    w->ear = (struct ra_subscriber){.changed = told};
    ra_subscribe(&w->ra, &w->ear);
    for (unsigned i = 0; !ra_started(&w->ra) && !w->flash.cut_fired; i++) {
        must(i < START_STEPS, "the start does not end");
        (void)ra_step(&w->ra);
    }
}

void world_boot(struct world *w)
{
    boot(w, true);
}

void world_boot_offline(struct world *w)
{
    boot(w, false);
}

void world_set(struct world *w, const char *name, const char *value)
{
    must(ra_setting_change(&w->ra, name, value) == RA_OK, name);
    ra_config_save(&w->ra);
}

void world_anchor(struct world *w, unsigned place, const char *name)
{
    const struct world_blob *root = world_blob(name);
    ra_err e;
    do {
        (void)ra_step(&w->ra);
        e = ra_provision_anchor(&w->ra, place, root->p, root->size);
    } while (e == RA_AGAIN);
    must(e == RA_OK, "the anchor is refused");
}

/* Not fake_ca_key: it remembers few keys, and a simulated life has many. */
static struct ra_key key_of(const char *name)
{
    const struct world_blob *blob = world_blob(name);
    struct ra_key key;
    must(ra_key_from_der(&key, blob->p, blob->size) == RA_OK, name);
    return key;
}

uint32_t world_enrol(struct world *w, enum ra_role role, const char *name, int days_left)
{
    struct ra_key key = key_of(name);
    uint8_t spki[RA_SPKI_MAX];
    size_t size = 0;
    must(ra_key_spki(&key, spki, sizeof spki, &size) == RA_OK, name);
    int64_t end = world_now(w) + (int64_t)days_left * RA_DAY;
    int64_t life = (int64_t)w->ca.life_days * RA_DAY;
    return fake_ca_enrol(&w->ca, role, spki, size, end - life, end);
}

void world_store_issued(struct world *w, enum ra_role role, const char *name, uint32_t id)
{
    const struct world_blob *issuing = world_blob(fake_ca_issuing(w->ca.authority));
    const struct fake_ca_request *r = fake_ca_request(&w->ca, id);
    struct ra_key key = key_of(name);
    uint8_t der[RA_KEY_DER_MAX];
    size_t size = 0;
    ra_err e;
    must(ra_key_to_der(&key, der, sizeof der, &size) == RA_OK, name);
    do {
        (void)ra_step(&w->ra);
        e = ra_provision(&w->ra, role, der, size, r->cert, r->cert_size, issuing->p, issuing->size);
        if (e == RA_E_BUSY) {
            (void)world_step(w);
        }
    } while (e == RA_AGAIN || e == RA_E_BUSY);
    must(e == RA_OK, ra_error_text(e));
}

void world_store_pair(struct world *w, enum ra_role role, const char *name, int days_left)
{
    world_store_issued(w, role, name, world_enrol(w, role, name, days_left));
}

void world_provision(struct world *w, const struct world_enrolment *e)
{
    world_boot_offline(w);
    world_anchor(w, 0, fake_ca_root(w->ca.authority));
    for (unsigned i = 0; i < RA_ROLES; i++) {
        if (e->key[i] != NULL) {
            world_store_pair(w, (enum ra_role)i, e->key[i], e->days_left[i]);
        }
    }
    world_set(w, "ca-url", FAKE_CA_URL);
    world_set(w, "jitter-hours", "0");
    for (unsigned i = 0; i < 8 && e->settings[i][0] != NULL; i++) {
        world_set(w, e->settings[i][0], e->settings[i][1]);
    }
    must(world_settle(w), "the power has gone");
}

void world_provision_pair(struct world *w, int agent_days, int encryption_days)
{
    const struct world_enrolment e = {.key = {"agent.key", "encryption.key"},
                                      .days_left = {agent_days, encryption_days},
                                      .settings = {{"key-policy", "same"}}};
    world_provision(w, &e);
}

/* --- time passes --------------------------------------------------------------------------- */

int64_t world_now(const struct world *w)
{
    return w->true_ms / 1000;
}

bool world_step(struct world *w)
{
    uint32_t wait = ra_step(&w->ra);
    w->steps++;
    w->serial_taken = 0;
    if (w->on_step != NULL) {
        w->on_step(w);
    }
    if (w->flash.cut_fired) {
        return false;
    }
    w->idle = wait == 0 ? w->idle + 1 : 0;
    must(w->idle < SPIN_MAX, "steps without end and without a wait");
    if (wait >= 1000 && w->ra.worker < 0 && wait < w->pace_ms) {
        wait = w->pace_ms;
    }
    w->true_ms += wait;
    return true;
}

bool world_run(struct world *w, int64_t seconds)
{
    int64_t end = w->true_ms + seconds * 1000;
    while (w->true_ms < end) {
        if (!world_step(w)) {
            return false;
        }
    }
    return true;
}

bool world_until(struct world *w, bool (*done)(struct world *w), int64_t seconds)
{
    int64_t end = w->true_ms + seconds * 1000;
    while (!done(w)) {
        if (w->true_ms >= end || !world_step(w)) {
            return false;
        }
    }
    return true;
}

bool world_until_state(struct world *w, enum ra_role role, enum ra_state state, int64_t seconds)
{
    int64_t end = w->true_ms + seconds * 1000;
    while (world_state(w, role) != state) {
        if (w->true_ms >= end) {
            (void)fprintf(stderr, "%s is %s, not %s (%s)\n", ra_role_word(role),
                          ra_state_name(world_state(w, role)), ra_state_name(state),
                          ra_error_text(world_status(w, role).cause));
            return false;
        }
        if (!world_step(w)) {
            return false;
        }
    }
    return true;
}

bool world_settle(struct world *w)
{
    unsigned i = 0;
    do {
        must(i++ < START_STEPS, "the flash does not settle");
        (void)ra_step(&w->ra);
        if (w->flash.cut_fired) {
            return false;
        }
    } while (!ra_settled(&w->ra) || w->ra.config_dirty || w->ra.commit_dirty ||
             w->ra.events.count != 0);
    return true;
}

void world_advance(struct world *w, int64_t seconds)
{
    w->true_ms += seconds * 1000;
}

/* --- what is there ----------------------------------------------------------------------------- */

enum ra_state world_state(const struct world *w, enum ra_role role)
{
    return w->ra.renewal[role].state;
}

struct ra_status world_status(const struct world *w, enum ra_role role)
{
    struct ra_status s;
    ra_status(&w->ra, role, &s);
    return s;
}

unsigned world_logged(struct world *w, enum ra_event_kind kind, enum ra_role role)
{
    unsigned n = 0;
    for (uint32_t back = 0; back < RA_EVENTS; back++) {
        struct ra_event_entry e;
        ra_err err = ra_events_get(&w->ra.events, &w->ra.store, back, &e);
        must(err != RA_AGAIN, "the flash is busy");
        n += err == RA_OK && e.kind == (uint8_t)kind &&
             (e.role == (uint8_t)role || e.role == RA_EVENT_NO_ROLE);
    }
    return n;
}

uint32_t world_serves(struct world *w, enum ra_role role)
{
    uint8_t cert[RA_CERT_MAX], issuers[2048];
    size_t size = 0;
    ra_err e = ra_certificate(&w->ra, role, cert, sizeof cert, &size);
    if (e == RA_E_NO_CREDENTIAL) {
        return 0;
    }
    must(e == RA_OK, ra_error_text(e));
    const struct fake_ca_request *r = fake_ca_find(&w->ca, cert, size);
    must(r != NULL && r->role == role, "served, but never issued for the role");
    e = ra_issuers(&w->ra, role, issuers, sizeof issuers, &size);
    must(e == RA_OK, ra_error_text(e));
    const struct world_blob *issuing = world_blob(fake_ca_issuing(r->by));
    must(size >= issuing->size && memcmp(issuers, issuing->p, issuing->size) == 0,
         "other issuers are served");
    return r->id;
}

static ra_err try_sign(struct world *w, enum ra_role role, const struct ra_cert *cert)
{
    uint8_t digest[RA_HASH_SIZE_MAX], sig[RA_SIGNATURE_MAX];
    size_t size = 0;
    struct ra_key key;
    ra_err e;
    memset(digest, 0x3d, sizeof digest);
    do {
        e = ra_sign(&w->ra, role, RA_HASH_SHA256, digest, sig, sizeof sig, &size);
    } while (e == RA_AGAIN);
    if (e == RA_OK) {
        e = ra_key_from_spki(&key, cert->spki.p, cert->spki.size);
    }
    return e != RA_OK ? e : ra_key_verify(&key, RA_HASH_SHA256, digest, sig, size);
}

static ra_err try_decrypt(struct world *w, const struct ra_cert *cert)
{
    static const uint8_t secret[16] = {7, 1, 9, 3};
    uint8_t sealed[RA_SIGNATURE_MAX], plain[RA_SIGNATURE_MAX] = {0};
    size_t size = 0;
    struct ra_key key;
    ra_err e;
    do {
        e = ra_random_seed(&w->ra.random);
    } while (e == RA_AGAIN);
    if (e == RA_OK) {
        e = ra_key_from_spki(&key, cert->spki.p, cert->spki.size);
    }
    if (e == RA_OK) {
        e = ra_key_encrypt(&key, &w->ra.random, RA_PAD_PKCS1, secret, sizeof secret, sealed,
                           sizeof sealed, &size);
    }
    if (e == RA_OK) {
        e = ra_decrypt(&w->ra, cert->issuer, cert->serial, RA_PAD_PKCS1, sealed, size, plain,
                       sizeof plain, &size);
    }
    return e == RA_OK && (size != sizeof secret || memcmp(plain, secret, size) != 0) ? RA_E_DECRYPT
                                                                                     : e;
}

const char *world_check(struct world *w, enum ra_role role)
{
    uint8_t der[RA_CERT_MAX];
    size_t size = 0;
    struct ra_cert cert;
    ra_err e = ra_certificate(&w->ra, role, der, sizeof der, &size);
    if (e == RA_OK) {
        e = ra_cert_parse(&cert, der, size);
    }
    if (e == RA_OK) {
        e = role == RA_ROLE_ENCRYPTION ? try_decrypt(w, &cert) : try_sign(w, role, &cert);
    }
    return e != RA_OK ? ra_error_text(e) : world_clean(w);
}

const char *world_clean(const struct world *w)
{
    if (w->ca.bad != 0) {
        return w->ca.why;
    }
    return w->flash.violations != 0 ? w->flash.why : NULL;
}

struct ra_store *world_flash_mount(struct world *w)
{
    static struct ra_store store;
    must(ra_store_init(&store, &w->hal.flash, &w->ra.seal, &w->ra.random) == RA_OK,
         "another store");
    for (unsigned i = 0; ra_store_mount_step(&store) == RA_AGAIN; i++) {
        must(i < START_STEPS, "the mount does not end");
    }
    return &store;
}

void world_damage(struct world *w, enum ra_record type, uint16_t id)
{
    unsigned damaged = 0;
    for (uint32_t i = 0; i < w->ra.store.entries; i++) {
        const struct ra_store_entry_ *e = &w->ra.store.entry[i];
        if (e->type == (uint8_t)type && e->id == id) {
            w->memory[e->at + 40u] ^= 0x24;
            damaged++;
        }
    }
    must(damaged == 1, "no record to damage");
}

bool world_erased(struct world *w)
{
    return !ra_erasing(&w->ra) && ra_settled(&w->ra);
}

bool world_flash_holds(struct world *w, enum ra_record type, uint16_t id, void *out, size_t cap,
                       size_t *size)
{
    static uint8_t record[RA_RECORD_MAX];
    struct ra_store *store = world_flash_mount(w);
    size_t n = 0;
    if (out == NULL) {
        return ra_store_get(store, (uint8_t)type, id, record, sizeof record, &n) == RA_OK;
    }
    return ra_store_get(store, (uint8_t)type, id, out, cap, size) == RA_OK;
}

bool world_holds_anchor(struct world *w, unsigned place, const char *name)
{
    const struct world_blob *b = world_blob(name);
    uint8_t cert[RA_CERT_MAX];
    size_t size = 0;
    return world_flash_holds(w, RA_RECORD_ANCHOR, (uint16_t)place, cert, sizeof cert, &size) &&
           size == b->size && memcmp(cert, b->p, size) == 0;
}
