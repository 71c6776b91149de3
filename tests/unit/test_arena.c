/* The arena of wolfSSL's TLS: nothing overlaps, nothing is lost, nothing is left readable. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ra_arena.h"

/* wolfSSL's entrances, see user_settings.h. */
void *ra_arena_wolfssl_alloc(size_t size);
void *ra_arena_wolfssl_realloc(void *p, size_t size);
void ra_arena_wolfssl_free(void *p);
extern unsigned ra_wolfssl_alloc_count;

static _Alignas(8) uint8_t memory[2048];
static struct ra_arena arena;

static int setup(void **state)
{
    (void)state;
    memset(memory, 0xa5, sizeof memory);
    return ra_arena_init(&arena, memory, sizeof memory) == RA_OK ? 0 : -1;
}

static void memory_that_will_not_do(void **state)
{
    struct ra_arena a;
    (void)state;
    assert_int_equal(ra_arena_init(&a, NULL, 1024), RA_E_ARGUMENT);
    assert_int_equal(ra_arena_init(&a, memory + 4, 1024), RA_E_ARGUMENT);
    assert_int_equal(ra_arena_init(&a, memory, RA_ARENA_MIN - 1), RA_E_ARGUMENT);
}

static void blocks_are_aligned_apart_and_inside(void **state)
{
    uint8_t *p[8];
    (void)state;
    for (size_t i = 0; i < 8; i++) {
        p[i] = ra_arena_alloc(&arena, i * 13);
        assert_non_null(p[i]);
        assert_int_equal((uintptr_t)p[i] % 8, 0);
        memset(p[i], (int)i, i * 13);
    }
    for (size_t i = 0; i < 8; i++) {
        assert_true(p[i] >= memory && p[i] + i * 13 <= memory + sizeof memory);
        for (size_t j = 0; j < i * 13; j++) {
            assert_int_equal(p[i][j], i);
        }
    }
    assert_false(arena.failed);
}

static void all_of_it_once(void **state)
{
    (void)state;
    assert_null(ra_arena_alloc(&arena, sizeof memory - 7));
    assert_true(arena.failed);
    void *p = ra_arena_alloc(&arena, sizeof memory - 8);
    assert_non_null(p);
    assert_int_equal(arena.used, sizeof memory);
    assert_int_equal(arena.peak, sizeof memory);
    assert_null(ra_arena_alloc(&arena, 0));
    ra_arena_free(&arena, p);
    assert_int_equal(arena.used, 0);
    assert_int_equal(arena.peak, sizeof memory);
    assert_non_null(ra_arena_alloc(&arena, sizeof memory - 8));
    assert_null(ra_arena_alloc(&arena, SIZE_MAX));
}

static void neighbours_join_again(void **state)
{
    void *p[4];
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        p[i] = ra_arena_alloc(&arena, sizeof memory / 4 - 8);
        assert_non_null(p[i]);
    }
    ra_arena_free(&arena, p[1]);
    ra_arena_free(&arena, p[3]);
    assert_null(ra_arena_alloc(&arena, sizeof memory / 2 - 8));
    ra_arena_free(&arena, p[2]);
    void *big = ra_arena_alloc(&arena, 3 * sizeof memory / 4 - 8);
    assert_ptr_equal(big, p[1]);
    ra_arena_free(&arena, big);
    ra_arena_free(&arena, p[0]);
    assert_non_null(ra_arena_alloc(&arena, sizeof memory - 8));
}

static void what_is_freed_is_zero(void **state)
{
    (void)state;
    uint8_t *p = ra_arena_alloc(&arena, 100);
    memset(p, 0x77, 100);
    ra_arena_free(&arena, p);
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(p[i], 0);
    }
    p = ra_arena_alloc(&arena, 100);
    memset(p, 0x77, 100);
    ra_arena_wipe(&arena);
    for (size_t i = 0; i < sizeof memory; i++) {
        assert_int_equal(memory[i], 0);
    }
}

static void strange_pointers_are_left_alone(void **state)
{
    uint8_t other[8];
    (void)state;
    uint8_t *p = ra_arena_alloc(&arena, 100);
    size_t used = arena.used;
    ra_arena_free(&arena, NULL);
    ra_arena_free(&arena, other);
    ra_arena_free(&arena, p + 8);
    assert_int_equal(arena.used, used);
    ra_arena_free(&arena, p);
    ra_arena_free(&arena, p); /* twice */
    assert_int_equal(arena.used, 0);
}

static void content_moves_with_realloc(void **state)
{
    (void)state;
    uint8_t *p = ra_arena_realloc(&arena, NULL, 16);
    memset(p, 0x42, 16);
    uint8_t *q = ra_arena_realloc(&arena, p, 200);
    assert_non_null(q);
    for (size_t i = 0; i < 16; i++) {
        assert_int_equal(q[i], 0x42);
    }
    assert_null(ra_arena_realloc(&arena, q, sizeof memory));
    assert_int_equal(q[15], 0x42);
    uint8_t *r = ra_arena_realloc(&arena, q, 4);
    assert_int_equal(r[3], 0x42);
    assert_int_equal(arena.used, 16);
}

/* Against a model: 4000 random steps, every block holds its own byte all the time. */
static void random_use(void **state)
{
    struct {
        uint8_t *p;
        size_t size;
    } held[24] = {{NULL, 0}};
    uint32_t seed = 12345;
    (void)state;
    for (unsigned step = 0; step < 4000; step++) {
        seed = seed * 1664525u + 1013904223u;
        size_t i = (seed >> 8) % 24;
        if (held[i].p != NULL) {
            for (size_t j = 0; j < held[i].size; j++) {
                assert_int_equal(held[i].p[j], i);
            }
            ra_arena_free(&arena, held[i].p);
            held[i].p = NULL;
        } else {
            held[i].size = (seed >> 16) % 200;
            held[i].p = ra_arena_alloc(&arena, held[i].size);
            if (held[i].p != NULL) {
                memset(held[i].p, (int)i, held[i].size);
            }
        }
    }
    for (size_t i = 0; i < 24; i++) {
        ra_arena_free(&arena, held[i].p);
    }
    assert_int_equal(arena.used, 0);
    assert_non_null(ra_arena_alloc(&arena, sizeof memory - 8));
}

static void wolfssl_gets_memory_only_inside(void **state)
{
    (void)state;
    unsigned before = ra_wolfssl_alloc_count;
    assert_null(ra_arena_wolfssl_alloc(8));
    assert_null(ra_arena_wolfssl_realloc(NULL, 8));
    assert_int_equal(ra_wolfssl_alloc_count, before + 2);
    ra_arena_enter(&arena);
    void *p = ra_arena_wolfssl_alloc(8);
    assert_non_null(p);
    p = ra_arena_wolfssl_realloc(p, 80);
    assert_non_null(p);
    ra_arena_leave();
    ra_arena_wolfssl_free(p); /* nobody's now */
    assert_int_not_equal(arena.used, 0);
    ra_arena_enter(&arena);
    ra_arena_wolfssl_free(p);
    ra_arena_leave();
    assert_int_equal(arena.used, 0);
    assert_int_equal(ra_wolfssl_alloc_count, before + 2);
    ra_wolfssl_alloc_count = before;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_that_will_not_do),
        cmocka_unit_test_setup(blocks_are_aligned_apart_and_inside, setup),
        cmocka_unit_test_setup(all_of_it_once, setup),
        cmocka_unit_test_setup(neighbours_join_again, setup),
        cmocka_unit_test_setup(what_is_freed_is_zero, setup),
        cmocka_unit_test_setup(strange_pointers_are_left_alone, setup),
        cmocka_unit_test_setup(content_moves_with_realloc, setup),
        cmocka_unit_test_setup(random_use, setup),
        cmocka_unit_test_setup(wolfssl_gets_memory_only_inside, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
