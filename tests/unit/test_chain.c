/* Chains: each rule has a certificate made by openssl that breaks it and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pki_vectors.h"
#include "ra_chain.h"

#define NOW 1795385040 /* 2026-11-22 */

static struct ra_key work;
static struct ra_chain chain;
static struct ra_cert leaf;
static unsigned steps;

/* Names parted by blanks; "" is none. */
static size_t spans(const char *names, struct ra_span *out, size_t max)
{
    size_t n = 0;
    while (*names != 0) {
        char name[32];
        size_t size = strcspn(names, " ");
        assert_true(size < sizeof name && n < max);
        memcpy(name, names, size);
        name[size] = 0;
        out[n++] = pki_cert_der(name);
        names += size;
        names += *names == ' ';
    }
    return n;
}

static bool floor_only;

static ra_err verify_at(const char *name, const char *pool, const char *anchors, int64_t now)
{
    static struct ra_span p[RA_CHAIN_CERTS_MAX + 1], a[RA_ANCHORS_MAX + 1];
    size_t pn = spans(pool, p, RA_CHAIN_CERTS_MAX + 1);
    size_t an = spans(anchors, a, RA_ANCHORS_MAX + 1);
    pki_cert_parse(&leaf, name);
    ra_err err = ra_chain_start(&chain, &leaf, p, pn, a, an, now);
    if (floor_only) {
        ra_chain_at_least(&chain);
    }
    steps = 0;
    if (err == RA_OK) {
        do {
            err = ra_chain_step(&chain, &work);
            assert_true(++steps <= RA_CHAIN_SIGNATURES + 3);
        } while (err == RA_AGAIN);
    }
    assert_int_equal(chain.err, err);
    assert_int_equal(ra_chain_step(&chain, &work), err);
    return err;
}

static ra_err verify(const char *name, const char *pool, const char *anchors)
{
    return verify_at(name, pool, anchors, NOW);
}

static void assert_failed(const char *name)
{
    assert_true(ra_span_equal(chain.failed, pki_cert_der(name)));
}

static void good_chains(void **state)
{
    (void)state;
    assert_int_equal(verify("agent", "sub", "root"), RA_OK);
    assert_int_equal(chain.length, 1);
    assert_int_equal(chain.path[0], 0);
    assert_int_equal(chain.anchor, 0);
    assert_int_equal(chain.failed.size, 0);
    assert_int_equal(steps, 3); /* the leaf's key, two signatures */
    /* what a CA sends: leaf and root among the rest, any order, doubles */
    assert_int_equal(verify("agent", "root agent other sub sub", "ec_root root"), RA_OK);
    assert_int_equal(chain.length, 1);
    assert_int_equal(chain.path[0], 3);
    assert_int_equal(chain.anchor, 1);
    /* the issuing CA itself is pinned: nothing above it is needed */
    assert_int_equal(verify("agent", "", "sub"), RA_OK);
    assert_int_equal(chain.length, 0);
    assert_int_equal(verify("agent", "sub root", "root sub"), RA_OK);
    assert_int_equal(chain.anchor, 1);
    /* ECDSA and RSA mixed, SHA-384 */
    assert_int_equal(verify("agent_ec", "sub", "root"), RA_OK);
    assert_int_equal(verify("agent_ec384", "", "ec_root"), RA_OK);
    assert_int_equal(verify("agent", "sub_by_other", "other"), RA_OK);
    /* two levels of cross certificate */
    assert_int_equal(verify("agent", "root_of_cross sub", "other"), RA_OK);
    assert_int_equal(chain.length, 2);
    assert_int_equal(chain.path[0], 1);
    assert_int_equal(chain.path[1], 0);
    /* an anchor counts by name and key: the root is pinned, its cross certificate was sent */
    assert_int_equal(verify("agent", "root_of_cross sub", "root"), RA_OK);
    assert_int_equal(chain.length, 1);
    /* a pinned root of version 1, signed with SHA-1 */
    assert_int_equal(verify("agent", "sub_by_v1", "root_v1"), RA_OK);
    /* self-issued certificates do not count for the path length */
    assert_int_equal(verify("below_rolled", "root_rolled", "root_pathlen0"), RA_OK);
    assert_int_equal(chain.length, 1);
    /* names compare by meaning */
    assert_int_equal(verify("agent", "sub_folded", "root"), RA_OK);
}

static void other_ways_are_tried(void **state)
{
    (void)state;
    /* wrong ones first: same name, other key; expired; no CA; signed by a stranger */
    assert_int_equal(
        verify("agent", "sub_other_key sub_expired sub_not_ca sub_by_other sub", "root"), RA_OK);
    assert_int_equal(chain.path[0], 4);
    assert_int_equal(verify("agent", "sub", "root_other root"), RA_OK);
    assert_int_equal(chain.anchor, 1);
    /* the furthest failure is told: sub_by_other verified the leaf and led nowhere */
    assert_int_equal(verify("agent", "sub_expired sub_by_other", "root"), RA_E_CHAIN_ISSUER);
    assert_failed("sub_by_other");
}

static void no_way_to_an_anchor(void **state)
{
    (void)state;
    assert_int_equal(verify("agent", "", "root"), RA_E_CHAIN_ISSUER);
    assert_failed("agent");
    assert_int_equal(verify("agent", "sub root", "other"), RA_E_CHAIN_ISSUER);
    assert_failed("root");
    assert_int_equal(verify("agent", "sub", "ec_root"), RA_E_CHAIN_ISSUER);
    assert_failed("sub");
    assert_int_equal(verify("agent", "sub", ""), RA_E_NO_ANCHOR);
    /* the leaf, or its twin, is never its own anchor */
    assert_int_equal(verify("agent", "", "agent"), RA_E_CHAIN_ISSUER);
    assert_int_equal(verify("root", "", "root"), RA_E_CHAIN_ISSUER);
    assert_int_equal(verify("agent", "", "encryption"), RA_E_CHAIN_ISSUER);
    /* too much */
    assert_int_equal(verify("agent", "sub root sub root sub root sub root sub root sub", "root"),
                     RA_E_CMS_TOO_MANY);
    assert_int_equal(verify("agent", "sub", "root root root root root"), RA_E_LIMIT);
    /* rubbish in the pool is passed over */
    static const uint8_t rubbish[] = {0x30, 0x03, 0x02, 0x01};
    struct ra_span pool[2] = {{rubbish, sizeof rubbish}, pki_cert_der("sub")};
    struct ra_span anchor = pki_cert_der("root");
    pki_cert_parse(&leaf, "agent");
    assert_int_equal(ra_chain_start(&chain, &leaf, pool, 2, &anchor, 1, NOW), RA_OK);
    ra_err err;
    do {
        err = ra_chain_step(&chain, &work);
    } while (err == RA_AGAIN);
    assert_int_equal(err, RA_OK);
}

static void each_rule(void **state)
{
    (void)state;
    static const struct {
        const char *leaf, *pool, *anchors;
        ra_err err;
        const char *failed;
    } cases[] = {
        {"agent", "sub_not_ca", "root", RA_E_CHAIN_CA, "sub_not_ca"},
        {"agent", "sub_no_constraints", "root", RA_E_CHAIN_CA, "sub_no_constraints"},
        {"agent", "sub_no_sign", "root", RA_E_CHAIN_CA, "sub_no_sign"},
        {"agent", "sub_expired", "root", RA_E_CHAIN_DATE, "sub_expired"},
        {"agent", "sub_future", "root", RA_E_CHAIN_DATE, "sub_future"},
        {"agent", "sub_critical", "root", RA_E_CHAIN_CRITICAL, "sub_critical"},
        {"agent", "sub_sha1", "root", RA_E_GATE_WEAK, "sub_sha1"},
        {"agent_sha1", "sub", "root", RA_E_GATE_WEAK, "agent_sha1"},
        {"weak_leaf", "sub", "root", RA_E_GATE_WEAK, "weak_leaf"},
        {"below_weak", "weak_ca", "root", RA_E_GATE_WEAK, "weak_ca"},
        {"below_sub2", "sub2 sub", "root", RA_E_CHAIN_PATH, "sub"},
        {"below_sub2", "sub2", "sub", RA_E_CHAIN_PATH, "sub"},    /* an anchor's path length too */
        {"agent", "sub", "root_other", RA_E_CHAIN_ISSUER, "sub"}, /* AKI and SKI differ */
        {"agent", "", "sub_not_ca", RA_E_CHAIN_CA, "sub_not_ca"},
        {"agent", "", "sub_expired", RA_E_CHAIN_DATE, "sub_expired"},
        /* same name, other key, and no SKI to tell */
        {"agent", "sub_other_key", "root", RA_E_CHAIN_SIGNATURE, "agent"},
        {"sub_critical", "", "root", RA_E_CHAIN_CRITICAL, "sub_critical"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(verify(cases[i].leaf, cases[i].pool, cases[i].anchors), cases[i].err);
        assert_failed(cases[i].failed);
    }
    /* two levels are allowed where nothing forbids them */
    assert_int_equal(verify("below_sub2", "sub2 sub_folded", "root"), RA_OK);
    /* the dates' edges, as openssl reads them */
    assert_int_equal(verify_at("agent", "", "sub", 1704067200), RA_OK);
    assert_int_equal(verify_at("agent", "", "sub", 1704067199), RA_E_CHAIN_DATE);
    assert_int_equal(verify_at("agent", "", "sub", 2493072000), RA_OK);
    assert_int_equal(verify_at("agent", "", "sub", 2493072001), RA_E_CHAIN_DATE);
}

/* Against a floor: what ended before it has ended, what begins after it may have begun. */
static void a_floor_of_the_time(void **state)
{
    (void)state;
    floor_only = true;
    assert_int_equal(verify("agent", "sub_future", "root"), RA_OK);
    assert_int_equal(verify_at("agent", "", "sub", 1704067199), RA_OK);
    assert_int_equal(verify_at("agent", "", "sub", 2493072001), RA_E_CHAIN_DATE);
    assert_int_equal(verify("agent", "sub_expired", "root"), RA_E_CHAIN_DATE);
    floor_only = false;
    assert_int_equal(verify("agent", "sub_future", "root"), RA_E_CHAIN_DATE);
}

/* Certificates that all vouch for each other: 6! orders, but a bounded search. */
static void the_search_ends(void **state)
{
    (void)state;
    assert_int_equal(verify("sub", "twin0 twin1 twin2 twin3 twin4 root", "ec_root"),
                     RA_E_CHAIN_ISSUER);
    assert_true(steps <= RA_CHAIN_SIGNATURES + 2);
    assert_int_equal(verify("sub", "twin0 twin1 twin2 twin3 twin4 root_of_cross", "other"), RA_OK);
}

/* A flipped bit anywhere in the signed part or the signature is noticed. */
static void forged(void **state)
{
    static uint8_t copy[RA_CERT_MAX];
    struct ra_span der = pki_cert_der("agent_ec");
    struct ra_span anchor = pki_cert_der("sub");
    (void)state;
    unsigned parsed = 0;
    for (size_t i = 0; i < der.size; i += 9) {
        memcpy(copy, der.p, der.size);
        copy[i] ^= 0x01;
        if (ra_cert_parse(&leaf, copy, der.size) != RA_OK) {
            continue;
        }
        parsed++;
        assert_int_equal(ra_chain_start(&chain, &leaf, NULL, 0, &anchor, 1, NOW), RA_OK);
        ra_err err;
        do {
            err = ra_chain_step(&chain, &work);
        } while (err == RA_AGAIN);
        assert_int_not_equal(err, RA_OK);
    }
    assert_true(parsed > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_chains),
        cmocka_unit_test(other_ways_are_tried),
        cmocka_unit_test(no_way_to_an_anchor),
        cmocka_unit_test(each_rule),
        cmocka_unit_test(a_floor_of_the_time),
        cmocka_unit_test(the_search_ends),
        cmocka_unit_test(forged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
