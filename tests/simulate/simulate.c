/* simulate - years of appliances in which everything goes wrong that can.
 *
 *     simulate [--seed N] [--years N] [--part I/N] [--stop]   lives until N years have gone by
 *     simulate --replay ID [--quiet 1]                one life again, and what happens in it
 *
 * A life is 4 to 12 years of one appliance, and its id alone says what happens in it (life.h). Each
 * ends with the first promise that is broken, and its id is printed. The program links fast_perennial
 * (simulate) or wolfSSL (simulate_wolfssl).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "life.h"

#define LIVES_A_SEED 1000000u
#define YEAR (365.25 * 86400)

#ifdef SIMULATE_WOLFSSL
static const bool fast = false;
#else
static const bool fast = true;
#endif

static struct life life;
static struct life_count sum;
static unsigned failures;

static void print_id(const char *why)
{
    printf("FAIL: life %u: %s\n  replay: %s --replay %u\n", (unsigned)life.id, why,
           fast ? "simulate" : "simulate_wolfssl", (unsigned)life.id);
    (void)fflush(stdout);
}

/* A must of the world itself ends the program; say where before. */
static void at_abort(void)
{
    print_id("the world ended");
}

static void add(void)
{
    const uint64_t *from = (const uint64_t *)(const void *)&life.n;
    uint64_t *to = (uint64_t *)(void *)&sum;
    for (size_t i = 0; i < sizeof sum / sizeof *to; i++) {
        to[i] += from[i];
    }
}

static void one(uint32_t id, bool trace)
{
    if (!life_run(&life, id, fast, trace)) {
        failures++;
        print_id(life.failure);
    }
    add();
}

/* simulate.py adds them up. */
static void print_acts(void)
{
    for (unsigned i = 0; i < LIFE_ACT_COUNT; i++) {
        printf("%s%.0f %s (%.0f refused)", i == 0 ? "operator: " : ", ", (double)sum.acts[i],
               operator_words((enum life_act)i), (double)sum.refused[i]);
    }
    printf("\n");
}

static void report(double seconds)
{
    const struct life_count *n = &sum;
    printf(
        "%.0f steps, %.0f boots; %.0f power cuts planned in flash operations: %.0f fired, a reset "
        "came before %.0f, %.0f taken back for an operator's work, a life ended before %.0f\n",
        (double)n->steps, (double)n->boots, (double)n->cuts_planned, (double)n->cuts,
        (double)n->cuts_overtaken, (double)n->cuts_withdrawn, (double)n->cuts_left);
    if (n->cuts + n->cuts_overtaken + n->cuts_withdrawn + n->cuts_left != n->cuts_planned) {
        printf("FAIL: what became of a planned power cut is not known\n");
        failures++;
    }
    printf("%.0f renewals with %.0f requests, %.0f alone, %.0f rollbacks, %.0f rollovers of the CA "
           "(%.0f roots by GetNextCACert), %.0f expired after troubles, %.0f enrolled anew\n",
           (double)n->renewals, (double)n->submits, (double)n->splits, (double)n->rollbacks,
           (double)n->rollovers, (double)n->staged_roots, (double)n->lost, (double)n->provisioned);
    printf("%.0f troubles, %.0f %% of the time without any, %.0f console lines, %.0f looks at all "
           "that is served, %.1f s\n",
           (double)n->troubles, 100.0 * (double)n->calm_seconds / (double)n->seconds,
           (double)n->commands, (double)n->looks, seconds);
    print_acts();
    printf("%.0f lives, %.0f years, %u failures\n", (double)n->lives, (double)n->seconds / YEAR,
           failures);
}

int main(int argc, char **argv)
{
    uint32_t seed = 1, part = 0, parts = 1, replay = 0;
    bool quiet = false;
    unsigned enough = 5; /* failures */
    double years = 100;
    world_at_abort = at_abort;
    if (argc > 1 && strcmp(argv[argc - 1], "--stop") == 0) {
        enough = 1;
        argc--;
    }
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *value = argv[i + 1];
        if (strcmp(argv[i], "--seed") == 0) {
            seed = (uint32_t)strtoul(value, NULL, 10);
        } else if (strcmp(argv[i], "--years") == 0) {
            years = strtod(value, NULL);
        } else if (strcmp(argv[i], "--replay") == 0) {
            replay = (uint32_t)strtoul(value, NULL, 10);
        } else if (strcmp(argv[i], "--quiet") == 0) {
            quiet = true;
        } else if (strcmp(argv[i], "--part") == 0) {
            part = (uint32_t)strtoul(value, NULL, 10);
            parts = (uint32_t)strtoul(strchr(value, '/') + 1, NULL, 10);
        } else {
            (void)fprintf(stderr,
                          "usage: simulate [--seed N] [--years N] [--part I/N] [--replay ID]\n");
            return 2;
        }
    }
    clock_t began = clock();
    if (replay != 0) {
        one(replay, !quiet);
    }
    uint32_t id = seed % (UINT32_MAX / LIVES_A_SEED) * LIVES_A_SEED + 1u + part;
    for (; replay == 0 && (double)sum.seconds < years * YEAR && failures < enough; id += parts) {
        one(id, false);
    }
    report((double)(clock() - began) / CLOCKS_PER_SEC);
    return failures == 0 ? 0 : 1;
}
