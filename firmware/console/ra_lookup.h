/* ra_lookup.h - which command the words of a line are, and what could be typed next.
 *
 * Pure, over the tables of commands. The beginning of a word stands for the word where only one
 * fits; a word that is complete fits even where a longer one begins with it. Words are looked up
 * from the left until one is none of the commands': the rest are arguments.
 * Private to firmware/console.
 */
#ifndef RA_LOOKUP_H
#define RA_LOOKUP_H

#include <stdbool.h>
#include <stddef.h>

struct ra_command;

struct ra_word {
    const char *p; /* in the line */
    size_t size;
};

struct ra_lookup {
    const struct ra_command *like;    /* some command that begins with these words        */
    const struct ra_command *command; /* the one that is these words; NULL: more are needed */
    unsigned depth;                   /* words of it                                        */
    bool ambiguous;                   /* the word behind them is the beginning of several   */
};

/* The words of line[0 .. size-1]; those past `max` are counted and not stored. */
unsigned ra_lookup_words(const char *line, size_t size, struct ra_word *words, unsigned max);
void ra_lookup(const struct ra_word *words, unsigned count, struct ra_lookup *out);

/* Whether a command begins with the words that were found. */
bool ra_lookup_is(const struct ra_lookup *at, const struct ra_command *command);

/* The i-th word that begins with `start` and can follow those `count` words, which `at` was found
 * with; `help` gets what it means, NULL when nothing is known. False past the last. */
bool ra_lookup_next(const struct ra_lookup *at, unsigned count, struct ra_word start, unsigned i,
                    struct ra_word *word, const char **help);

#endif
