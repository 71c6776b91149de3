/* print_docs.c - prints the documents that come from the code's own tables.
 *
 *     print_docs states|errors|configuration > docs/NAME.md
 *
 * tests/tools/check_docs.py runs it and compares.
 */
#include <stdio.h>
#include <string.h>

#include "ra_config.h"
#include "ra_error.h"
#include "ra_states.h"

static void print_states(void)
{
    printf("# The renewal of one credential\n\n"
           "Printed from `firmware/renewal/ra_states.c` by `make docs`; a test compares.\n\n"
           "## States\n\n"
           "A working state does something by itself and ends with an event; the others wait.\n\n"
           "| state | works | the console says |\n|---|---|---|\n");
    for (int s = 0; s < RA_STATE_COUNT; s++) {
        printf("| %s | %s | %s |\n", ra_state_name((enum ra_state)s),
               ra_state_works((enum ra_state)s) ? "yes" : "", ra_state_text((enum ra_state)s));
    }
    printf("\n## Events\n\n| event | meaning |\n|---|---|\n");
    for (int e = 0; e < RA_EVENT_COUNT; e++) {
        printf("| %s | %s |\n", ra_event_name((enum ra_event)e), ra_event_text((enum ra_event)e));
    }
    printf("\n## Transitions\n\n"
           "Every pair that is not listed means: stay.\n\n| in | on | go to |\n|---|---|---|\n");
    for (int s = 0; s < RA_STATE_COUNT; s++) {
        for (int e = 0; e < RA_EVENT_COUNT; e++) {
            enum ra_state to = ra_states_next((enum ra_state)s, (enum ra_event)e);
            if ((int)to != s) {
                printf("| %s | %s | %s |\n", ra_state_name((enum ra_state)s),
                       ra_event_name((enum ra_event)e), ra_state_name(to));
            }
        }
    }
    static const char *const tri[] = {"no", "yes", "any"};
    static const char *const phases[] = {"none", "wait", "key", "sent", "pending", "issued"};
    printf("\n## After a reset, or when a waiting time is over\n\n"
           "What is found in flash decides; the first row that fits, the last fits all.\n\n"
           "| transaction | active pair | its key | its certificate | still waiting "
           "| on probation | go on in | why |\n|---|---|---|---|---|---|---|---|\n");
    for (unsigned i = 0; i < ra_recovery_count(); i++) {
        const struct ra_recovery *r = ra_recovery_at(i);
        printf("| %s%s%s | %s | %s | %s | %s | %s | %s | %s |\n", phases[r->phase_from],
               r->phase_from == r->phase_to ? "" : " to ",
               r->phase_from == r->phase_to ? "" : phases[r->phase_to], tri[r->active], tri[r->key],
               tri[r->cert], tri[r->waiting], tri[r->probation],
               ra_state_name((enum ra_state)r->to), r->why);
    }
}

static void print_errors(void)
{
    static const char *const layers[] = {"API", "STORE", "CRYPTO", "PARSE",   "NET", "HTTP",
                                         "CA",  "GATE",  "TIME",   "CONSOLE", "TLS", "ALERT"};
    static const char *const retries[] = {"no", "soon, then ever later", "next day, then weekly",
                                          "14, 7, 3, 1 days before expiry",
                                          "daily; a person must act"};
    static const ra_err codes[] = {
#define CODE(name, layer, no, retry, text) RA_E_##name,
        RA_ERRORS(CODE)
#undef CODE
    };
    printf(
        "# Errors\n\n"
        "Printed from `firmware/ra_error.h` by `make docs`; a test compares. The console shows\n"
        "`E<layer>-<number>` and the sentence, then the peer's own words where there are any.\n\n"
        "| code | layer | name | sentence | tried again |\n|---|---|---|---|---|\n");
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        ra_err e = codes[i];
        printf("| E%d-%02u | %s | `RA_E_%s` | %s | %s |\n", (int)ra_error_layer(e),
               ra_error_number(e), layers[ra_error_layer(e)], ra_error_name(e), ra_error_text(e),
               retries[ra_error_retry(e)]);
    }
}

static void print_configuration(void)
{
    printf(
        "# Settings\n\n"
        "Printed from `firmware/config/ra_config.c` by `make docs`; a test compares. Set one with\n"
        "`config set NAME VALUE`, write all to flash with `config save`.\n\n"
        "| name | default | values | meaning |\n|---|---|---|---|\n");
    for (size_t i = 0; i < ra_setting_count(); i++) {
        const struct ra_setting *s = ra_setting_at(i);
        printf("| `%s` | %s | ", s->name, s->initial[0] != '\0' ? s->initial : "(empty)");
        switch (s->kind) {
        case RA_SETTING_NUMBER:
            printf("%u to %u", s->min, s->max);
            break;
        case RA_SETTING_SWITCH:
            printf("on, off");
            break;
        case RA_SETTING_IPV4:
            printf("a.b.c.d or %s", s->initial[0] == 'd' ? "dhcp" : "none");
            break;
        case RA_SETTING_CHOICE:
            for (const char *p = s->choices; *p != '\0'; p++) {
                printf(*p == '|' ? ", " : "%c", *p);
            }
            break;
        default:
            printf("up to %u characters", s->max);
            break;
        }
        printf(" | %s |\n", s->help);
    }
}

int main(int argc, char *argv[])
{
    if (argc == 2 && strcmp(argv[1], "states") == 0) {
        print_states();
    } else if (argc == 2 && strcmp(argv[1], "errors") == 0) {
        print_errors();
    } else if (argc == 2 && strcmp(argv[1], "configuration") == 0) {
        print_configuration();
    } else {
        fprintf(stderr, "usage: print_docs states|errors|configuration\n");
        return 64;
    }
    return 0;
}
