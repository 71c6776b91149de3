#include "ra_lookup.h"

#include <string.h>

#include "ra_command.h"

unsigned ra_lookup_words(const char *line, size_t size, struct ra_word *words, unsigned max)
{
    unsigned n = 0;
    for (size_t i = 0; i < size;) {
        size_t start = i;
        while (i < size && line[i] != ' ') {
            i++;
        }
        if (i != start) {
            if (n < max) {
                words[n].p = line + start;
                words[n].size = i - start;
            }
            n++;
        }
        i += i < size;
    }
    return n;
}

/* The level-th word of a command; size 0: it has none. */
static struct ra_word word_of(const struct ra_command *command, unsigned level)
{
    struct ra_word w = {command->words, strcspn(command->words, " ")};
    while (level-- != 0) {
        w.p += w.size + (w.p[w.size] == ' ');
        w.size = strcspn(w.p, " ");
    }
    return w;
}

static bool same(struct ra_word a, struct ra_word b)
{
    return a.size == b.size && memcmp(a.p, b.p, a.size) == 0;
}

static bool begins(struct ra_word word, struct ra_word start)
{
    return start.size <= word.size && memcmp(word.p, start.p, start.size) == 0;
}

/* Whether the first `levels` words of two commands are the same. */
static bool alike(const struct ra_command *a, const struct ra_command *b, unsigned levels)
{
    for (unsigned i = 0; i < levels; i++) {
        if (!same(word_of(a, i), word_of(b, i))) {
            return false;
        }
    }
    return true;
}

/* The command whose word at out->depth is `typed`, or the only one that begins so. */
static const struct ra_command *follow(struct ra_lookup *out, struct ra_word typed)
{
    const struct ra_command *found = NULL, *at;
    out->ambiguous = false;
    for (unsigned i = 0; (at = ra_command_at(i)) != NULL; i++) {
        struct ra_word w = word_of(at, out->depth);
        if (!alike(out->like, at, out->depth) || w.size == 0 || !begins(w, typed)) {
            continue;
        }
        if (w.size == typed.size) {
            out->ambiguous = false;
            return at;
        }
        if (found == NULL) {
            found = at;
        } else if (!same(w, word_of(found, out->depth))) {
            out->ambiguous = true;
        }
    }
    return out->ambiguous ? NULL : found;
}

void ra_lookup(const struct ra_word *words, unsigned count, struct ra_lookup *out)
{
    const struct ra_command *at;
    memset(out, 0, sizeof *out);
    out->like = ra_command_at(0);
    while (out->depth < count && (at = follow(out, words[out->depth])) != NULL) {
        out->like = at;
        out->depth++;
    }
    for (unsigned i = 0; out->depth != 0 && (at = ra_command_at(i)) != NULL; i++) {
        if (alike(out->like, at, out->depth) && word_of(at, out->depth).size == 0) {
            out->command = at;
        }
    }
}

bool ra_lookup_is(const struct ra_lookup *at, const struct ra_command *command)
{
    return alike(at->like, command, at->depth);
}

/* Whether an earlier command has the same words up to this level. */
static bool repeated(unsigned index, unsigned level)
{
    for (unsigned i = 0; i < index; i++) {
        if (alike(ra_command_at(i), ra_command_at(index), level + 1)) {
            return true;
        }
    }
    return false;
}

bool ra_lookup_next(const struct ra_lookup *at, unsigned count, struct ra_word start, unsigned i,
                    struct ra_word *word, const char **help)
{
    const struct ra_command *command;
    *help = NULL;
    for (unsigned k = 0; count == at->depth && (command = ra_command_at(k)) != NULL; k++) {
        *word = word_of(command, count);
        if (word->size != 0 && alike(at->like, command, count) && begins(*word, start) &&
            !repeated(k, count) && i-- == 0) {
            *help = word_of(command, count + 1).size == 0 ? command->help : "...";
            return true;
        }
    }
    if (at->command == NULL || at->command->complete == NULL) {
        return false;
    }
    for (unsigned k = 0; (word->p = at->command->complete(count - at->depth, k)) != NULL; k++) {
        word->size = strlen(word->p);
        if (begins(*word, start) && i-- == 0) {
            return true;
        }
    }
    return false;
}
