/* What the operator does by the calls of perennial.h: requests carried by hand, answers pasted right and
 * wrong, requests handed over, given up and asked for again, keys chosen, pairs taken back and
 * imported, settings changed. His own random numbers say when and what: a life in which he does
 * nothing is the life that it would be without him. What his actions promise is looked at here. */
#include <stdio.h>
#include <string.h>

#include "life.h"
#include "ra_cipher.h"
#include "ra_pbkdf.h"
#include "ra_pem.h"
#include "world_vectors.h"

#define PASSPHRASE "Frobozz-Import-7"
#define GIVES_UP (2 * DAY)     /* waiting for the request to be shown */
#define LASTS_LONG (120 * DAY) /* of a certificate that passes whatever minimum-life-days says */

static uint8_t text[16384];

static bool speaks(const struct life *l, const char *protocol)
{
    return strcmp(l->protocol->name, protocol) == 0;
}

static const struct ra *ra_of(const struct life *l)
{
    return &l->w.ra;
}

const char *operator_words(enum life_act act)
{
    static const char *const words[] = {
#define WORDS(name, text) text,
        LIFE_ACTS(WORDS)};
    return words[act];
}

/* What came of an action. */
static bool did(struct life *l, enum life_act act, enum ra_role role, ra_err e)
{
    char more[160];
    (void)snprintf(more, sizeof more, "%s, %s%s", operator_words(act), ra_role_word(role),
                   e == RA_OK ? "" : ", refused");
    life_say(l, "operator", more);
    if (e != RA_OK) {
        l->n.refused[act]++;
        life_say(l, "  because", ra_error_text(e));
        return false;
    }
    l->n.acts[act]++;
    l->calm_ms = l->w.true_ms;
    memset(l->pending_clean, 0, sizeof l->pending_clean);
    return true;
}

/* --- a request by hand ---------------------------------------------------------------------------- */

/* SCEP needs RSA keys, and so do the clients of CEP Encryption; wolfSSL's search for one takes long. */
static struct ra_wish any_wish(struct life *l, enum ra_role role)
{
    bool rsa = role == RA_ROLE_ENCRYPTION || speaks(l, "scep");
    struct ra_wish wish = {.key = (enum ra_key_wish)life_random(l, 3)};
    if (wish.key == RA_WISH_NEW_KEY && life_chance(l, 1, 2)) {
        wish.alg = rsa ? RA_KEY_RSA_2048 : RA_KEY_EC_P256;
    }
    if (!l->fast && (rsa || wish.key != RA_WISH_NEW_KEY)) {
        wish = (struct ra_wish){.key = RA_WISH_SAME_KEY};
    }
    wish.hash = life_chance(l, 1, 4) ? RA_HASH_SHA384 : RA_HASH_NONE;
    return wish;
}

static void renews_by_hand(struct life *l, enum ra_role role)
{
    struct ra_wish wish = any_wish(l, role);
    wish.by_hand = true;
    if (l->w.ra.commit.slot[role].active == 0 || world_state(&l->w, role) == RA_STATE_EXPIRED) {
        wish.key = RA_WISH_ANY_KEY;
        (void)did(l, LIFE_FIRST_BY_HAND, role, ra_enroll_new(&l->w.ra, role, &wish));
        return;
    }
    (void)did(l, LIFE_BY_HAND, role, ra_renew_as(&l->w.ra, role, life_chance(l, 1, 2), &wish));
}

/* The CA manager gets what was shown. He does not count as the network's attempt. */
static void carry(struct life *l, enum ra_role role, size_t size)
{
    struct fake_ca *ca = &l->w.ca;
    struct life_hand *hand = &l->operator.hand[role];
    if (ca->mode[role] == FAKE_CA_DENY || ca->mode[role] == FAKE_CA_ERROR) {
        (void)did(l, LIFE_CARRIED, role, RA_E_CA_DENIED);
        return;
    }
    hand->id = fake_ca_take(ca, world_now(&l->w), (const char *)text, size);
    (void)did(l, LIFE_CARRIED, role, hand->id != 0 ? RA_OK : RA_E_CA_DENIED);
    if (hand->id != 0) {
        ca->today[role] -= ca->today[role] != 0;
        l->submits[role] = ca->submits[role];
    }
}

static void read_request(struct life *l)
{
    struct life_operator *o = &l->operator;
    enum ra_role role = (enum ra_role)o->reading;
    struct ra_csr csr;
    struct ra_key key;
    size_t size = 0;
    bool renewal = !ra_of(l)->renewal[role].txn.first;
    ra_err e =
        ra_request_text(&l->w.ra, role, o->reading_inner, 0, (char *)text, sizeof text, &size);
    if (e == RA_AGAIN && l->w.true_ms < o->reading_ms + GIVES_UP * 1000) {
        return;
    }
    o->reading = -1;
    if (!did(l, LIFE_SHOWN, role, e)) {
        return;
    }
    if (!o->reading_inner || !renewal) {
        carry(l, role, size);
    } else if (ra_pem_to_der(text, size, text, sizeof text, &size) != RA_OK ||
               ra_csr_parse(&csr, (struct ra_span){text, size}) != RA_OK ||
               ra_csr_verify(&csr, &key) != RA_OK) {
        life_fail_role(l, role, "what is shown is no PKCS #10");
    }
}

static void looks_at_request(struct life *l, enum ra_role role)
{
    l->operator.reading =(int8_t) role;
    l->operator.reading_ms = l->w.true_ms;
    l->operator.reading_inner = life_chance(l, 1, 5);
}

/* --- the answer ----------------------------------------------------------------------------------------- */

enum answer {
    ANSWER_CHAIN,    /* what the CA has issued, with its issuers                     */
    ANSWER_BARE,     /* alone: its issuers may be known                              */
    ANSWER_GARBLED,  /* some bits turned: it may be whole where it matters           */
    ANSWER_CUT,      /* the end is missing: it may not matter                        */
    ANSWER_ANOTHERS, /* from here on wrong: the newest of another role               */
    ANSWER_SERVED,   /* the certificate that is to be renewed                        */
    ANSWER_ISSUER,   /* the CA's own                                                 */
    ANSWER_NOISE,
    ANSWERS
};

/* The newest certificate that the CA has issued for the key of the open request; NULL: none. */
static const struct fake_ca_request *right_one(struct life *l, enum ra_role role)
{
    const struct ra_txn *txn = &ra_of(l)->renewal[role].txn;
    const struct fake_ca_request *newest = NULL;
    uint8_t der[RA_KEY_DER_MAX], spki[RA_SPKI_MAX];
    struct ra_key key;
    size_t size = 0;
    if (ra_store_get(&l->w.ra.store, RA_RECORD_KEY, ra_generation_id(role, txn->generation), der,
                     sizeof der, &size) != RA_OK ||
        ra_key_from_der(&key, der, size) != RA_OK ||
        ra_key_spki(&key, spki, sizeof spki, &size) != RA_OK) {
        return NULL;
    }
    for (unsigned i = 0; i < FAKE_CA_REQUESTS; i++) {
        const struct fake_ca_request *r = &l->w.ca.request[i];
        if (r->id != 0 && r->role == role && r->state == FAKE_CA_ISSUED && r->spki_size == size &&
            memcmp(r->spki, spki, size) == 0 && (newest == NULL || r->id > newest->id)) {
            newest = r;
        }
    }
    return newest;
}

static size_t add_pem(size_t n, const uint8_t *der, size_t size, const char *label)
{
    return n +
           ra_pem_read((struct ra_span){der, size}, label, 0, (char *)text + n, sizeof text - n);
}

static size_t write_chain(struct life *l, const struct fake_ca_request *r)
{
    const struct world_blob *issuing = world_blob(fake_ca_issuing(r->by));
    uint8_t p7b[4096];
    size_t size = fake_ca_chain(&l->w.ca, r, p7b, sizeof p7b);
    switch (life_random(l, 3)) {
    case 0:
        memcpy(text, p7b, size);
        return size;
    case 1:
        return add_pem(0, p7b, size, "PKCS7");
    default:
        return add_pem(add_pem(0, issuing->p, issuing->size, "CERTIFICATE"), r->cert, r->cert_size,
                       "CERTIFICATE");
    }
}

static size_t write_answer(struct life *l, enum ra_role role, enum answer kind,
                           const struct fake_ca_request *right)
{
    const struct world_blob *issuing = world_blob(fake_ca_issuing(l->w.ca.authority));
    enum ra_role other = role == RA_ROLE_AGENT ? RA_ROLE_ENCRYPTION : RA_ROLE_AGENT;
    const struct fake_ca_request *anothers = fake_ca_newest(&l->w.ca, other);
    uint8_t served[RA_CERT_MAX];
    size_t n = 0;
    switch (kind) {
    case ANSWER_CHAIN:
    case ANSWER_GARBLED:
    case ANSWER_CUT:
        n = write_chain(l, right);
        for (unsigned i = 1u + life_random(l, 8); kind == ANSWER_GARBLED && i != 0; i--) {
            text[life_random(l, (uint32_t)n)] ^= (uint8_t)(1u << life_random(l, 8));
        }
        return kind == ANSWER_CUT ? life_random(l, (uint32_t)n) : n;
    case ANSWER_BARE:
        return add_pem(0, right->cert, right->cert_size, "CERTIFICATE");
    case ANSWER_ANOTHERS:
        return anothers == NULL ? 0 : write_chain(l, anothers);
    case ANSWER_SERVED:
        (void)ra_certificate(&l->w.ra, role, served, sizeof served, &n);
        return add_pem(0, served, n, "CERTIFICATE");
    case ANSWER_ISSUER:
        return add_pem(0, issuing->p, issuing->size, "CERTIFICATE");
    default:
        n = life_random(l, sizeof text);
        for (size_t i = 0; i < n; i++) {
            text[i] = (uint8_t)life_random(l, 256);
        }
        return n;
    }
}

/* Whether the gates have nothing to find, as the world is now. */
static bool must_pass(struct life *l, enum ra_role role, const struct fake_ca_request *r)
{
    struct ra_cert cert;
    return r->as == FAKE_CA_ISSUE && r->by == l->w.ca.authority && !l->untrusted &&
           !l->settings_wrong && l->w.ca.mode[role] != FAKE_CA_UNTRUSTED &&
           l->w.true_ms - l->clock_right_ms > DAY * 1000 &&
           ra_cert_parse(&cert, r->cert, r->cert_size) == RA_OK &&
           cert.not_after > ra_of(l)->commit.slot[role].active_not_after &&
           cert.not_after > world_now(&l->w) + LASTS_LONG;
}

static bool same_request(const struct ra_txn *a, const struct ra_txn *b)
{
    return a->phase == b->phase && a->generation == b->generation && a->by_hand == b->by_hand &&
           a->first == b->first && a->alone == b->alone && a->failures == b->failures &&
           a->attempts == b->attempts && a->submitted == b->submitted && a->next == b->next &&
           a->budget.spent == b->budget.spent && strcmp(a->request_id, b->request_id) == 0;
}

static void pastes(struct life *l, enum ra_role role)
{
    struct life_paste *paste = &l->operator.paste[role];
    const struct ra_renewal *r = &ra_of(l)->renewal[role];
    const struct fake_ca_request *right = right_one(l, role);
    enum answer kind = (enum answer)life_random(l, ANSWERS);
    enum ra_state before = r->state;
    if (right != NULL && life_chance(l, 1, 2)) {
        kind = ANSWER_CHAIN;
    } else if (right == NULL && kind < ANSWER_ANOTHERS) {
        kind = ANSWER_ANOTHERS;
    }
    *paste = (struct life_paste){.wrong = kind >= ANSWER_ANOTHERS,
                                 .right = kind == ANSWER_CHAIN && must_pass(l, role, right),
                                 .txn = r->txn};
    size_t size = write_answer(l, role, kind, right);
    ra_err e = ra_accept(&l->w.ra, role, text, size);
    memset(text, 0xa5, sizeof text); /* not needed any more */
    paste->on =
        did(l, kind == ANSWER_CHAIN || kind == ANSWER_BARE ? LIFE_PASTED : LIFE_MISPASTED, role, e);
    if (!paste->on && (r->state != before || !same_request(&r->txn, &paste->txn))) {
        life_fail_role(l, role, "a paste that is refused changes something");
    }
    if (paste->right && ra_error_layer(e) == RA_LAYER_PARSE) {
        life_fail_role(l, role, "the right answer cannot be read");
    }
}

/* --- by the network after all, and not at all --------------------------------------------------------- */

static void submits(struct life *l, enum ra_role role)
{
    if (did(l, LIFE_SUBMITTED, role, ra_submit(&l->w.ra, role))) {
        operator_hands_over(l, role);
    }
}

static void retrieves(struct life *l, enum ra_role role)
{
    struct life_hand *hand = &l->operator.hand[role];
    const struct fake_ca_request *right = right_one(l, role);
    uint32_t id = right != NULL ? right->id : hand->id;
    char number[RA_ENROLL_ID_MAX + 1] = "";
    struct ra_text to;
    struct ra_cert cert;
    ra_text_init(&to, number, sizeof number);
    bool wrong = life_chance(l, 1, 3);
    if (wrong && life_chance(l, 1, 4)) {
        ra_text_add(&to, life_chance(l, 1, 2) ? "x1" : "");
    } else if (speaks(l, "scep")) {
        enum ra_role other = role == RA_ROLE_AGENT ? RA_ROLE_ENCRYPTION : RA_ROLE_AGENT;
        const struct fake_ca_request *r = wrong ? fake_ca_newest(&l->w.ca, other) : right;
        if (r != NULL && ra_cert_parse(&cert, r->cert, r->cert_size) == RA_OK) {
            ra_text_add_hex(&to, cert.serial.p, cert.serial.size,
                            life_chance(l, 1, 2) ? ':' : '\0');
        }
    } else {
        id = wrong ? l->w.ca.last_id - (uint32_t)life_random(l, 4) : id;
        ra_text_add_u32(&to, id);
    }
    /* At AD CS one that waits is taken, whoever's it is. */
    const struct fake_ca_request *at_ca = fake_ca_request(&l->w.ca, id);
    bool may_count = at_ca != NULL && (at_ca->role == role || at_ca->state == FAKE_CA_WAITS);
    struct life_paste named = {.on = wrong && (speaks(l, "scep") || !may_count), .wrong = true};
    named.txn = ra_of(l)->renewal[role].txn;
    if (!did(l, wrong ? LIFE_MISRETRIEVED : LIFE_RETRIEVED, role,
             ra_retrieve(&l->w.ra, role, number))) {
        return;
    }
    if (named.on) {
        l->operator.paste[role] = named; /* as good as a wrong answer */
    } else {
        operator_hands_over(l, role);
    }
}

static void cancels(struct life *l, enum ra_role role)
{
    if (did(l, LIFE_CANCELLED, role, ra_cancel(&l->w.ra, role))) {
        operator_hands_over(l, role);
    }
}

static void asks_again(struct life *l, enum ra_role role)
{
    (void)did(l, LIFE_RETRIED, role, ra_retry(&l->w.ra, role));
}

static void takes_back(struct life *l, enum ra_role role)
{
    (void)did(l, LIFE_TAKEN_BACK, role, ra_roll_back(&l->w.ra, role));
}

static void renews(struct life *l, enum ra_role role)
{
    struct ra_wish wish = any_wish(l, role);
    wish.key = wish.key == RA_WISH_ANY_KEY ? RA_WISH_SAME_KEY : wish.key;
    (void)did(l, wish.key == RA_WISH_NEW_KEY ? LIFE_NEW_KEY : LIFE_SAME_KEY, role,
              ra_renew_as(&l->w.ra, role, life_chance(l, 1, 2), &wish));
}

/* --- a pair that somebody else made ------------------------------------------------------------------- */

/* EncryptedPrivateKeyInfo [RFC 5958 3] by PBES2 [RFC 8018 6.2], as PEM. */
static size_t add_shrouded(size_t n, const uint8_t *key, size_t size)
{
    static const uint8_t pbes2[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0d};
    static const uint8_t pbkdf2[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0c};
    static const uint8_t hmac[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x09};
    static const uint8_t salt[16] = {7, 2, 9}, iv[16] = {4, 4, 1};
    uint8_t shrouded[RA_KEY_DER_MAX + 16], out[RA_KEY_DER_MAX + 256];
    struct ra_pbkdf kdf;
    struct ra_der_put w;
    size_t padding = 16 - size % 16;
    memcpy(shrouded, key, size);
    memset(shrouded + size, (int)padding, padding);
    size += padding;
    (void)ra_pbkdf_start(&kdf, RA_HASH_SHA256, PASSPHRASE, strlen(PASSPHRASE), salt, sizeof salt,
                         20, 32);
    while (ra_pbkdf_step(&kdf, 20) == RA_AGAIN) {
    }
    (void)ra_cipher_encrypt(RA_CIPHER_AES_256, kdf.out, iv, shrouded, size);
    ra_der_put_init(&w, out, sizeof out);
    ra_der_put_value(&w, RA_DER_OCTETS, shrouded, size);
    size_t algorithm = ra_der_put_size(&w);
    ra_der_put_value(&w, RA_DER_OCTETS, iv, sizeof iv);
    ra_der_put_oid(&w, RA_OID_AES_256_CBC);
    ra_der_put_wrap(&w, RA_DER_SEQUENCE, algorithm);
    size_t derivation = ra_der_put_size(&w);
    ra_der_put_value(&w, RA_DER_NULL, NULL, 0);
    ra_der_put_value(&w, RA_DER_OID, hmac, sizeof hmac);
    ra_der_put_wrap(&w, RA_DER_SEQUENCE, derivation);
    ra_der_put_u32(&w, 20);
    ra_der_put_value(&w, RA_DER_OCTETS, salt, sizeof salt);
    ra_der_put_wrap(&w, RA_DER_SEQUENCE, derivation);
    ra_der_put_value(&w, RA_DER_OID, pbkdf2, sizeof pbkdf2);
    ra_der_put_wrap(&w, RA_DER_SEQUENCE, derivation);
    ra_der_put_wrap(&w, RA_DER_SEQUENCE, algorithm);
    ra_der_put_value(&w, RA_DER_OID, pbes2, sizeof pbes2);
    ra_der_put_wrap(&w, RA_DER_SEQUENCE, algorithm);
    ra_der_put_wrap(&w, RA_DER_SEQUENCE, 0);
    struct ra_span all = ra_der_put_span(&w);
    return add_pem(n, all.p, all.size, "ENCRYPTED PRIVATE KEY");
}

static void imports(struct life *l, enum ra_role role)
{
    struct world *w = &l->w;
    const struct world_blob *issuing = world_blob(fake_ca_issuing(w->ca.authority));
    const char *name = life_chance(l, 1, 2) ? "encryption_new1.key" : "encryption_new2.key";
    const struct world_blob *blob = world_blob(name);
    bool phrase = life_chance(l, 3, 4), usage = role >= RA_PAIR || life_chance(l, 3, 4);
    enum ra_role issued = usage ? role : (enum ra_role)(1u - (unsigned)role); /* the partner's */
    struct ra_key key;
    uint8_t der[RA_KEY_DER_MAX];
    size_t size = 0, n = 0;
    if (!troubles_may_store(l) || w->ra.commit.slot[role].active == 0) {
        return;
    }
    life_no_cut(l);
    uint32_t id = world_enrol(w, issued, name, (int)(w->ca.life_days - life_random(l, 300)));
    const struct fake_ca_request *r = fake_ca_request(&w->ca, id);
    if (ra_key_from_der(&key, blob->p, blob->size) == RA_OK) {
        (void)ra_key_to_der(&key, der, sizeof der, &size);
    }
    n = add_shrouded(n, der, size);
    n = add_pem(n, r->cert, r->cert_size, "CERTIFICATE");
    n = add_pem(n, issuing->p, issuing->size, "CERTIFICATE");
    ra_err e;
    do {
        (void)ra_step(&w->ra);
        e = ra_import(&w->ra, role, text, n, sizeof text, phrase ? PASSPHRASE : LIFE_PASSWORD);
    } while (e == RA_AGAIN);
    bool right = phrase && usage;
    if (did(l, right ? LIFE_IMPORTED : LIFE_MISIMPORTED, role, e)) {
        if (!right) {
            life_fail_role(l, role, "a pair is imported that is not right");
        }
        oracle_accept(l);
    } else if (right && e != RA_E_BUSY) {
        life_fail_role(l, role, "a right pair is not imported");
    }
}

/* --- settings ------------------------------------------------------------------------------------------ */

static void changes_a_setting(struct life *l, enum ra_role role)
{
    static const char *const some[][4] = {
        {"renew-days", "42", "30", "100"},         {"renew-percent", "0", "0", "80"},
        {"jitter-hours", "0", "24", "240"},        {"split-days", "1", "7", "20"},
        {"probation-hours", "1", "24", "96"},      {"retention-days", "0", "30", "400"},
        {"attempts-per-day", "8", "1", "100"},     {"poll-minutes", "60", "15", "1440"},
        {"key-policy", "same", "same", "new"},     {"syslog-level", "info", "warning", "err"},
        {"agent-key", "like-old", "p256", "p384"}, {"device-key", "like-old", "p256", "p256"},
    };
    /* Keys last: not where SCEP needs RSA. */
    const char *const *setting =
        some[life_random(l, sizeof some / sizeof some[0] - (speaks(l, "scep") ? 2u : 0u))];
    const char *value = setting[1 + life_random(l, l->fast ? 3 : 2)];
    ra_err e = ra_setting_change(&l->w.ra, setting[0], value);
    life_say(l, setting[0], value);
    if (did(l, LIFE_SETTINGS, role, e)) {
        ra_config_save(&l->w.ra);
    }
}

/* --- when ------------------------------------------------------------------------------------------------ */

typedef void (*action)(struct life *l, enum ra_role role);

/* With a request in his hands, with one that waits for the CA or for time, and without: what is named
 * more often is done more often. */
#define ACTIONS 9u
static const action carrying[ACTIONS] = {looks_at_request, looks_at_request, pastes,
                                         pastes,           pastes,           pastes,
                                         submits,          cancels,          retrieves};
static const action waiting[ACTIONS] = {pastes,     pastes,     asks_again,
                                        asks_again, asks_again, cancels,
                                        takes_back, retrieves,  changes_a_setting};
static const action others[ACTIONS] = {renews_by_hand, renews_by_hand,    renews,
                                       renews,         renews_by_hand,    takes_back,
                                       imports,        changes_a_setting, changes_a_setting};

static bool has_request(const struct life *l, unsigned role)
{
    enum ra_state state = world_state(&l->w, (enum ra_role)role);
    return state == RA_STATE_PENDING || state == RA_STATE_BACKOFF;
}

static void visit(struct life *l)
{
    struct life_operator *o = &l->operator;
    const struct ra_commit before = l->w.ra.commit;
    enum ra_role role = (enum ra_role)life_random(l, l->protocol->device ? RA_ROLES : RA_PAIR);
    for (unsigned i = 0; i < RA_ROLES; i++) {
        bool open = o->hand[i].open || has_request(l, i);
        role = open && life_chance(l, 7, 8) ? (enum ra_role)i : role;
    }
    bool carries = o->hand[role].open;
    bool waits = has_request(l, role);
    (carries ? carrying : waits ? waiting : others)[life_random(l, ACTIONS)](l, role);
    for (unsigned i = 0; i < RA_ROLES; i++) {
        if (l->now.slot[i].active == before.slot[i].active &&
            ra_of(l)->commit.slot[i].active != before.slot[i].active) {
            life_fail_role(l, (enum ra_role)i, "a call switches at once");
        }
    }
    bool soon = carries || ra_of(l)->renewal[role].wish.by_hand;
    o->next_ms =
        l->w.true_ms + 1000 * (soon ? life_span(l, HOUR, 100 * DAY) : life_span(l, DAY, 500 * DAY));
}

/* His random numbers take the place of the life's, and back. */
static void swap_random(struct life *l)
{
    uint64_t random = l->random;
    l->random = l->operator.random;
    l->operator.random = random;
}

void operator_begin(struct life *l)
{
    struct life_operator *o = &l->operator;
    o->random = l->random ^ 0x6f70657261746f72u;
    o->reading = -1;
    swap_random(l);
    o->next_ms =
        life_chance(l, 1, 2) ? l->w.true_ms + life_span(l, DAY, 300 * DAY) * 1000 : INT64_MAX;
    swap_random(l);
}

void operator_step(struct life *l)
{
    struct life_operator *o = &l->operator;
    if (!ra_started(&l->w.ra) || (o->reading < 0 && l->w.true_ms < o->next_ms)) {
        return;
    }
    swap_random(l);
    if (o->reading >= 0) {
        read_request(l);
    } else {
        visit(l);
    }
    swap_random(l);
}

/* --- what is promised ----------------------------------------------------------------------------------- */

void operator_hands_over(struct life *l, enum ra_role role)
{
    l->operator.hand[role].open = false;
}

void operator_booted(struct life *l)
{
    memset(l->operator.paste, 0, sizeof l->operator.paste);
    l->operator.reading = - 1;
}

bool operator_carries(const struct life *l)
{
    for (unsigned i = 0; i < RA_ROLES; i++) {
        if (l->operator.hand[i].open || ra_of(l)->renewal[i].txn.by_hand) {
            return true;
        }
    }
    return false;
}

/* What was pasted has been looked at. */
static void watch_paste(struct life *l, enum ra_role role)
{
    struct life_paste *paste = &l->operator.paste[role];
    const struct ra_renewal *r = &ra_of(l)->renewal[role];
    paste->on = false;
    if (r->state == RA_STATE_READY || ra_of(l)->commit.slot[role].active == paste->txn.generation) {
        if (paste->wrong) {
            life_fail_role(l, role, "a wrong answer is taken");
        }
        return;
    }
    enum ra_layer layer = ra_error_layer(r->txn.cause);
    if (paste->right && (layer == RA_LAYER_GATE || layer == RA_LAYER_PARSE)) {
        life_fail_role(l, role, "the right answer is not taken");
    }
    bool looked_at = layer != RA_LAYER_STORE && layer != RA_LAYER_CRYPTO;
    if (looked_at && !same_request(&r->txn, &paste->txn)) {
        life_fail_role(l, role, "a wrong answer or number changes the request");
    }
}

/* A request by hand stays until it is answered, handed over or given up, over resets too, and is the
 * same each time it is made again. */
static void watch_hand(struct life *l, enum ra_role role)
{
    struct life_hand *hand = &l->operator.hand[role];
    const struct ra_renewal *r = &ra_of(l)->renewal[role];
    if (ra_of(l)->commit.slot[role].active >= hand->generation) {
        hand->open = false; /* answered, or another was imported */
    }
    if (hand->open && (r->txn.generation != hand->generation || !r->txn.by_hand ||
                       (r->state != RA_STATE_OFFLINE && r->state != RA_STATE_BACKOFF &&
                        r->state != RA_STATE_READY))) {
        life_fail_role(l, role, "a request by hand is lost");
    }
    if (r->state != RA_STATE_OFFLINE) {
        return;
    }
    if (!hand->open) {
        *hand = (struct life_hand){.open = true, .generation = r->txn.generation};
        memcpy(hand->sha256, r->txn.request_sha256, sizeof hand->sha256);
    } else if (memcmp(hand->sha256, r->txn.request_sha256, sizeof hand->sha256) != 0) {
        life_fail_role(l, role, "a request by hand is not the same when it is made again");
    }
}

void operator_watch(struct life *l)
{
    for (unsigned i = 0; i < RA_ROLES; i++) {
        if (ra_state_works(world_state(&l->w, (enum ra_role)i))) {
            continue;
        }
        if (l->operator.paste[i].on) {
            watch_paste(l, (enum ra_role)i);
        }
        watch_hand(l, (enum ra_role)i);
    }
}
