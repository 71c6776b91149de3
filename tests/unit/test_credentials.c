/* The stored form of commit and transaction. The expected bytes are written by hand from the
 * layout: little-endian, a version byte first. A change of them is a change of what is in the
 * field. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ra_credentials.h"

static const uint8_t commit_bytes[] = {
    1,                                              /* version          */
    1,                                              /* slots that follow */
    0x00, 0xd2, 0x49, 0x6b, 0,    0,    0,    0,    /* time floor       */
    7,    0,    0,    0,                            /* active           */
    6,    0,    0,    0,                            /* previous         */
    9,    0,    0,    0,                            /* newest           */
    0x01, 0,    0,    0,    0,    0,    0,    0,    /* not before       */
    0x02, 0,    0,    0,    1,    0,    0,    0,    /* not after        */
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, /* previous's end   */
    0x04, 0x03, 0,    0,    0,    0,    0,    0,    /* probation until  */
    0x0d, 0x0c, 0x0b, 0x0a,                         /* seed; slots never used are left out */
};

static const uint8_t txn_bytes[] = {
    1,    0x83, 0,                         /* version; phase SENT, alone; protocol */
    5,    0,    0,    0,                   /* generation   */
    2,    '4',  '2',                       /* request id   */
    0,    1,    2,    3,    4,  5,  6,  7, /* SHA-256      */
    8,    9,    10,   11,   12, 13, 14, 15, 16, 17,   18,   19, 20, 21, 22,
    23,   24,   25,   26,   27, 28, 29, 30, 31, 0x61, 0x51, 0,  0,  3,  0, /* budget       */
    4,    0,    2,    0,    6,             /* attempts, failures, rollbacks */
    0x10, 0,    0,    0,    0,  0,  0,  0, /* started      */
    0x20, 0,    0,    0,    0,  0,  0,  0, /* submitted    */
    0x30, 0,    0,    0,    0,  0,  0,  0, /* next         */
    0xc1, 0,                               /* cause: layer 6, number 1 */
    0x00, 0x48, 0x09, 0x80,                /* HRESULT      */
    3,    'n',  'o',  '!',                 /* the peer's words */
};

static void commit_has_its_bytes(void **state)
{
    (void)state;
    struct ra_commit c, back;
    uint8_t out[RA_COMMIT_SIZE];
    memset(&c, 0, sizeof c);
    c.time_floor = 1800000000;
    c.slot[0] = (struct ra_slot){.active = 7,
                                 .previous = 6,
                                 .newest = 9,
                                 .active_not_before = 1,
                                 .active_not_after = 0x100000002,
                                 .previous_not_after = -1,
                                 .probation_until = 0x304,
                                 .seed = 0x0a0b0c0d};
    assert_int_equal(ra_commit_encode(&c, out), sizeof commit_bytes);
    assert_memory_equal(out, commit_bytes, sizeof commit_bytes);
    memset(&back, 0xa5, sizeof back);
    assert_int_equal(ra_commit_decode(&back, commit_bytes, sizeof commit_bytes), RA_OK);
    assert_int_equal(back.time_floor, c.time_floor);
    assert_memory_equal(&back.slot[0].active_not_before, &c.slot[0].active_not_before, 32);
    assert_int_equal(back.slot[0].active, 7);
    assert_int_equal(back.slot[0].previous, 6);
    assert_int_equal(back.slot[0].newest, 9);
    assert_int_equal(back.slot[0].seed, 0x0a0b0c0d);
    assert_int_equal(back.slot[3].newest, 0);
}

static void broken_commits_are_refused(void **state)
{
    (void)state;
    struct ra_commit c, none;
    uint8_t bytes[sizeof commit_bytes + 1];
    memset(&none, 0, sizeof none);
    memcpy(bytes, commit_bytes, sizeof commit_bytes);
    bytes[sizeof commit_bytes] = 0;
    for (size_t size = 0; size <= sizeof bytes; size++) {
        ra_err e = ra_commit_decode(&c, bytes, size);
        assert_int_equal(e, size == sizeof commit_bytes ? RA_OK : RA_E_RECORD_DAMAGED);
        if (e != RA_OK) {
            assert_memory_equal(&c, &none, sizeof c);
        }
    }
    bytes[0] = 2;
    assert_int_equal(ra_commit_decode(&c, bytes, sizeof commit_bytes), RA_E_RECORD_DAMAGED);
    bytes[0] = 1;
    bytes[1] = RA_ROLES_MAX + 1;
    assert_int_equal(ra_commit_decode(&c, bytes, sizeof commit_bytes), RA_E_RECORD_DAMAGED);
    bytes[1] = 0;
    assert_int_equal(ra_commit_decode(&c, bytes, sizeof commit_bytes), RA_E_RECORD_DAMAGED);
}

static void transaction_has_its_bytes(void **state)
{
    (void)state;
    struct ra_txn t;
    uint8_t out[RA_TXN_SIZE_MAX];
    memset(&t, 0xa5, sizeof t);
    assert_int_equal(ra_txn_decode(&t, txn_bytes, sizeof txn_bytes), RA_OK);
    assert_int_equal(t.phase, RA_PHASE_SENT);
    assert_true(t.alone);
    assert_int_equal(t.generation, 5);
    assert_string_equal(t.request_id, "42");
    assert_int_equal(t.request_sha256[31], 31);
    assert_int_equal(t.budget.day, 20833);
    assert_int_equal(t.budget.spent, 3);
    assert_int_equal(t.attempts, 4);
    assert_int_equal(t.failures, 2);
    assert_int_equal(t.rollbacks, 6);
    assert_int_equal(t.started, 16);
    assert_int_equal(t.submitted, 32);
    assert_int_equal(t.next, 48);
    assert_int_equal(t.cause, RA_E_CA_DENIED);
    assert_int_equal(t.hresult, 0x80094800);
    assert_string_equal(t.peer, "no!");
    assert_int_equal(ra_txn_encode(&t, out), sizeof txn_bytes);
    assert_memory_equal(out, txn_bytes, sizeof txn_bytes);
}

static void the_largest_transaction_fits(void **state)
{
    (void)state;
    struct ra_txn t, back;
    uint8_t out[RA_TXN_SIZE_MAX];
    memset(&t, 0, sizeof t);
    t.phase = RA_PHASE_ISSUED;
    t.signer = 0x0107;
    memset(t.request_id, '9', RA_REQUEST_ID_MAX);
    memset(t.peer, 'x', RA_PEER_TEXT_MAX);
    size_t size = ra_txn_encode(&t, out);
    assert_in_range(size, 1, RA_TXN_SIZE_MAX);
    assert_int_equal(ra_txn_decode(&back, out, size), RA_OK);
    assert_int_equal(back.signer, 0x0107);
    assert_int_equal(out[size - 2], 0x07);
    assert_string_equal(back.request_id, t.request_id);
    assert_string_equal(back.peer, t.peer);
}

static void broken_transactions_are_refused(void **state)
{
    (void)state;
    struct ra_txn t, none;
    uint8_t bytes[sizeof txn_bytes + 1];
    memset(&none, 0, sizeof none);
    memcpy(bytes, txn_bytes, sizeof txn_bytes);
    bytes[sizeof txn_bytes] = 0;
    for (size_t size = 0; size <= sizeof bytes; size++) {
        ra_err e = ra_txn_decode(&t, bytes, size);
        assert_int_equal(e, size == sizeof txn_bytes ? RA_OK : RA_E_RECORD_DAMAGED);
        if (e != RA_OK) {
            assert_memory_equal(&t, &none, sizeof t);
        }
    }
    /* Any byte changed: never a crash, never a phase or a text out of bounds. */
    for (size_t i = 0; i < sizeof txn_bytes; i++) {
        for (unsigned v = 0; v < 256; v++) {
            bytes[i] = (uint8_t)v;
            (void)ra_txn_decode(&t, bytes, sizeof txn_bytes);
            assert_true(t.phase < RA_PHASE_COUNT);
            assert_true(strlen(t.request_id) <= RA_REQUEST_ID_MAX);
            assert_true(strlen(t.peer) <= RA_PEER_TEXT_MAX);
        }
        bytes[i] = txn_bytes[i];
    }
    bytes[1] = 0x80 | RA_PHASE_COUNT;
    assert_int_equal(ra_txn_decode(&t, bytes, sizeof txn_bytes), RA_E_RECORD_DAMAGED);
}

static void open_or_over(void **state)
{
    (void)state;
    struct ra_slot slot = {.active = 4, .previous = 3, .newest = 4};
    struct ra_txn t;
    memset(&t, 0, sizeof t);
    t.generation = 9;
    assert_false(ra_txn_open(&t, &slot)); /* phase NONE */
    for (unsigned phase = RA_PHASE_KEY; phase < RA_PHASE_COUNT; phase++) {
        t.phase = (enum ra_phase)phase;
        t.generation = 5;
        assert_true(ra_txn_open(&t, &slot));
        t.generation = 4; /* it became the active one */
        assert_false(ra_txn_open(&t, &slot));
    }
    t.phase = RA_PHASE_WAIT;
    assert_true(ra_txn_open(&t, &slot));
    t.generation = 3;
    assert_false(ra_txn_open(&t, &slot));
    /* After a rollback: what was given up does not come back. */
    slot.active = 3;
    slot.previous = 0;
    t.phase = RA_PHASE_ISSUED;
    t.generation = 4;
    assert_false(ra_txn_open(&t, &slot));
    t.generation = 5;
    assert_true(ra_txn_open(&t, &slot));
}

/* An appliance that never had a credential: no slot is stored, and none comes back. */
static void a_commit_of_nothing(void **state)
{
    (void)state;
    struct ra_commit nothing = {.time_floor = 1800000000}, back;
    uint8_t record[RA_COMMIT_SIZE];
    memset(&back, 0xa5, sizeof back);
    assert_int_equal(ra_commit_encode(&nothing, record), 10);
    assert_int_equal(record[1], 0);
    assert_int_equal(ra_commit_decode(&back, record, 10), RA_OK);
    assert_true(back.time_floor == 1800000000);
    for (unsigned i = 0; i < RA_ROLES_MAX; i++) {
        assert_int_equal(back.slot[i].active, 0);
        assert_int_equal(back.slot[i].newest, 0);
    }
}

static void names_of_roles_and_records(void **state)
{
    (void)state;
    assert_string_equal(ra_role_text(RA_ROLE_AGENT), "Enrollment Agent");
    assert_string_equal(ra_role_word(RA_ROLE_ENCRYPTION), "encryption");
    assert_string_equal(ra_role_template(RA_ROLE_AGENT), "EnrollmentAgentOffline");
    assert_string_equal(ra_role_template(RA_ROLE_ENCRYPTION), "CEPEncryption");
    assert_int_equal(ra_generation_id(RA_ROLE_AGENT, 1), 1);
    assert_int_equal(ra_generation_id(RA_ROLE_ENCRYPTION, 257), 0x101);
    assert_int_equal(ra_generation_id(RA_ROLE_ENCRYPTION, 256), 0x100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commit_has_its_bytes),
        cmocka_unit_test(broken_commits_are_refused),
        cmocka_unit_test(transaction_has_its_bytes),
        cmocka_unit_test(the_largest_transaction_fits),
        cmocka_unit_test(broken_transactions_are_refused),
        cmocka_unit_test(open_or_over),
        cmocka_unit_test(a_commit_of_nothing),
        cmocka_unit_test(names_of_roles_and_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
