/* fault.h - calls into another part that fail, one place after the other.
 *
 * A suite names the functions, one a line, each beginning in the first column:
 *
 *     FAULT(int, -1, sp_copy, (const void *a, void *r), (a, r))
 *
 * tests/CMakeLists.txt makes a link option --wrap=sp_copy of it. From fault_forget on every place
 * in the code that calls such a function is known to have failed or not; while fault_armed is set,
 * the first place that has not failed yet does, once, and fault_armed is cleared. With fault_all,
 * instead: each new place as it is reached. A suite goes on until no new place comes.
 * With fault_chance, instead: one call in so many, at any place, as fault_seed has it.
 * fault_only: the one function that fails; NULL: all of them.
 * FAULT_WHEN, defined before: an expression, false where nothing may fail.
 */
#ifndef FAULT_H
#define FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define FAULT_SITES 1024u
#ifndef FAULT_WHEN
#define FAULT_WHEN true
#endif

static const void *fault_site[FAULT_SITES];
static const char *fault_name; /* the function that failed last */
static const char *fault_only;
static unsigned fault_sites, fault_fired, fault_chance;
static uint32_t fault_seed;
static bool fault_armed, fault_all;

static inline void fault_forget(void)
{
    fault_sites = fault_fired = fault_chance = 0;
    fault_only = NULL;
    fault_armed = fault_all = false;
}

static inline bool fault_here(const void *site, const char *name)
{
    if (!fault_armed || !(FAULT_WHEN) || (fault_only != NULL && strcmp(fault_only, name) != 0)) {
        return false;
    }
    if (fault_chance != 0) {
        fault_seed = fault_seed * 1664525u + 1013904223u;
        bool now = (fault_seed >> 16) % fault_chance == 0;
        fault_fired += now;
        return now;
    }
    for (unsigned i = 0; i < fault_sites; i++) {
        if (fault_site[i] == site) {
            return false;
        }
    }
    assert_true(fault_sites < FAULT_SITES);
    fault_site[fault_sites++] = site;
    fault_name = name;
    fault_fired++;
    fault_armed = fault_all;
    return true;
}

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c): the linker's names */
#define FAULT(type, failure, name, parameters, arguments)                                          \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        return fault_here(__builtin_return_address(0), #name) ? (failure)                          \
                                                              : __real_##name arguments;           \
    }
/* The suite writes __wrap_NAME itself. */
#define FAULT_OWN(type, name, parameters)                                                          \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c) */

#endif
