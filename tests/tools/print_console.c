/* print_console.c - prints docs/console.md: every command, with a session as the console has it.
 *
 *     print_console > docs/console.md
 *
 * The appliance is one in this process (tests/support/world.h), always the same one. A command
 * without a session is an error: add one to `sessions`. tests/tools/check_docs.py runs it and
 * compares. What differs from build to build (commit, sizes) is replaced by dots, and so is all but
 * the first line of base64.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pkcs12_vectors.h"
#include "ra_command.h"
#include "ra_pem.h"
#include "world.h"
#include "world_vectors.h"

#define AGENT RA_ROLE_AGENT
#define ENCRYPTION RA_ROLE_ENCRYPTION
#define COMMANDS 80

static struct world w;
static struct ra_console console;
static uint8_t bulk[RA_CONSOLE_BULK];
static char typed[16384];
static char *shown_for[COMMANDS]; /* the session of each command */

static void die(const char *why, const char *what)
{
    (void)fprintf(stderr, "print_console: %s: %s\n", why, what);
    exit(1);
}

/* --- the appliance ----------------------------------------------------------------- */

static void boot(void)
{
    world_boot(&w);
    ra_console_init(&console, &w.ra, "an appliance", bulk);
    console.length = 0;
    w.ra.config.idle_minutes = 0;
}

static void turn(void)
{
    (void)ra_console_step(&console);
    if (!world_step(&w)) {
        die("no power", "");
    }
}

static void listen(void)
{
    for (unsigned i = 0, quiet = 0; quiet < 20; i++) {
        size_t before = w.shown_size;
        bool more = w.typed != NULL && *w.typed != '\0';
        bool runs = console.command != NULL && console.input == RA_CONSOLE_COMMANDS;
        turn();
        quiet = !more && !runs && console.out_count == 0 && w.shown_size == before ? quiet + 1 : 0;
        if (i > 100000) {
            die("no end of", w.shown);
        }
    }
}

static const char *say(const char *line)
{
    w.shown_size = 0;
    w.shown[0] = '\0';
    w.typed = line;
    listen();
    w.typed = ""; /* `line` may be written anew */
    return w.shown;
}

/* Let what is still to happen happen, unseen. */
static void quiet(void)
{
    for (unsigned i = 0; i < 100; i++) {
        turn();
    }
    (void)say("");
}

static void until(enum ra_role role, enum ra_state state)
{
    for (unsigned i = 0; world_state(&w, role) != state; i++) {
        turn();
        if (i > 100000) {
            die("never came to", ra_state_text(state));
        }
    }
    listen();
}

/* --- what stands on the terminal at the end ------------------------------------------- */

static bool base64_line(const char *line)
{
    return strlen(line) == 64 && strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                              "0123456789+/=") == 64;
}

static void add_line(char *to, size_t cap, char *row, unsigned *in_base64)
{
    static const char *const varying[] = {"  git ", "  RAM core ", "  RAM console ", "  crypto ",
                                          "  HTTP "};
    size_t n = strlen(row);
    while (n != 0 && row[n - 1] == ' ') {
        row[--n] = '\0';
    }
    if (base64_line(row) && (*in_base64)++ != 0) {
        return;
    }
    *in_base64 = base64_line(row) ? *in_base64 : 0;
    for (size_t i = 0; i < sizeof varying / sizeof varying[0]; i++) {
        if (strncmp(row, varying[i], strlen(varying[i])) == 0) {
            memcpy(row + 15, "...", 4);
        }
    }
    size_t have = strlen(to);
    (void)snprintf(to + have, cap - have, "%s\n%s", row, *in_base64 == 1 ? "...\n" : "");
}

static void render(char *to, size_t cap, const char *prompt, const char *text)
{
    char row[600];
    size_t at;
    unsigned in_base64 = 0;
    memset(row, 0, sizeof row);
    at = strlen(prompt);
    memcpy(row, prompt, at);
    for (; *text != '\0'; text++) {
        if (*text == '\n') {
            add_line(to, cap, row, &in_base64);
            memset(row, 0, sizeof row);
            at = 0;
        } else if (*text == '\r') {
            at = 0;
        } else if (*text == '\b') {
            at--;
        } else if (at < sizeof row - 1) {
            row[at++] = *text;
        }
    }
    if (row[0] != '\0' && strncmp(row, RA_CONSOLE_PROMPT, strlen(RA_CONSOLE_PROMPT)) != 0) {
        add_line(to, cap, row, &in_base64); /* the prompt that comes next is left out */
    }
}

/* Type lines; what is seen belongs to `command`. */
static void session(const char *command, const char *lines)
{
    const struct ra_command *at;
    const size_t cap = 16384;
    for (unsigned i = 0; (at = ra_command_at(i)) != NULL && i < COMMANDS; i++) {
        if (strcmp(at->words, command) == 0) {
            if (shown_for[i] == NULL) {
                shown_for[i] = calloc(1, cap);
            }
            quiet();
            const char *prompt = console.line.drawn ? RA_CONSOLE_PROMPT : "";
            render(shown_for[i], cap, prompt, say(lines));
            return;
        }
    }
    die("no such command", command);
}

/* --- the sessions ------------------------------------------------------------------- */

static const char *inf(const char *more)
{
    char sha1[41];
    uint8_t der[RA_CERT_MAX], digest[20];
    size_t size = 0;
    struct ra_text to;
    if (ra_certificate(&w.ra, AGENT, der, sizeof der, &size) != RA_OK ||
        ra_cert_sha1((struct ra_span){der, size}, digest) != RA_OK) {
        die("no certificate", "");
    }
    ra_text_init(&to, sha1, sizeof sha1);
    ra_text_add_hex(&to, digest, sizeof digest, '\0');
    (void)snprintf(typed, sizeof typed,
                   "certreq new\r[Version]\r\nSignature=\"$Windows NT$\"\r\n[NewRequest]\r\n"
                   "RenewalCert = \"%s\"\r\nMachineKeySet = TRUE\r\n%s.\r\nyes\r",
                   sha1, more);
    return typed;
}

/* The request that is shown goes to the CA, its answer into a paste. */
static const char *answer(const char *show, const char *accept)
{
    const char *text = say(show);
    const char *begin = strstr(text, "-----BEGIN"), *end = strstr(text, "-----END");
    if (begin == NULL || end == NULL) {
        die("no request in", text);
    }
    uint32_t id = fake_ca_take(&w.ca, world_now(&w), begin, (size_t)(end - begin) + 60);
    if (id == 0) {
        die("the CA refuses the request", w.ca.why);
    }
    uint8_t p7b[4096];
    size_t n = (size_t)snprintf(typed, sizeof typed, "%s\r", accept);
    size_t size = fake_ca_chain(&w.ca, fake_ca_request(&w.ca, id), p7b, sizeof p7b);
    n += ra_pem_read((struct ra_span){p7b, size}, "PKCS7", 0, typed + n, sizeof typed - n);
    memcpy(typed + n, ".\r", 3);
    return typed;
}

/* A paste of PEM, or of base64 where the label is NULL, and what follows. */
static const char *pasted(const char *command, const char *label, const uint8_t *p, size_t size,
                          const char *after)
{
    struct ra_span der = {p, size};
    size_t n = (size_t)snprintf(typed, sizeof typed, "%s\r", command);
    n += label != NULL ? ra_pem_read(der, label, 0, typed + n, sizeof typed - n)
                       : ra_base64_read(der, 64, 0, typed + n, sizeof typed - n);
    (void)snprintf(typed + n, sizeof typed - n, ".\r%s", after);
    return typed;
}

static const char *with_id(const char *format)
{
    (void)snprintf(typed, sizeof typed, format, (unsigned)fake_ca_newest(&w.ca, ENCRYPTION)->id);
    return typed;
}

static void look(void)
{
    session("help", "help\r");
    session("help", "help config set\r");
    session("help", "help re\r");
    session("terminal length", "terminal length 0\r");
    session("show", "show\r");
    session("show credentials", "sh cred | json\r");
    session("show credentials", "show credentials | include days\r");
    session("show timers", "show timers\r");
    session("show counters", "show counters\r");
    session("show version", "show version\r");
    session("config", "config | include poll\r");
    session("config list", "config list | include days\r");
    session("config set", "config set poll-minutes 15\r");
    session("config set", "config set poll-minutes 0\r");
    session("config set", "config set ca-password\rsesame-opens\r");
    session("show running-config", "show running-config\r");
    session("config save", "config save\r");
    session("time", "time\r");
    session("time set", "time set 2027-01-20T12:00:00Z\r");
}

static void renew_by_hand(void)
{
    session("certreq new", inf("Silent = TRUE\r\nUseExistingKeySet = TRUE\r\n"));
    until(AGENT, RA_STATE_OFFLINE);
    session("request show", "request show\r");
    session("certreq accept", answer("request show\r", "certreq accept"));
    until(AGENT, RA_STATE_PROBATION);
    session("request new", "request new encryption same-key\r");
    until(ENCRYPTION, RA_STATE_OFFLINE);
    session("cancel", "cancel encryption\ryes\r");
    until(ENCRYPTION, RA_STATE_IDLE);
    (void)say("request new encryption same-key\r");
    until(ENCRYPTION, RA_STATE_OFFLINE);
    w.ca.mode[ENCRYPTION] = FAKE_CA_PEND;
    session("certreq submit", "certreq submit " FAKE_CA_URL "\r");
    until(ENCRYPTION, RA_STATE_PENDING);
    (void)fake_ca_approve(&w.ca, ENCRYPTION, world_now(&w));
    session("certreq retrieve", with_id("certreq retrieve %u\r"));
    until(ENCRYPTION, RA_STATE_PROBATION);
}

static void renew_by_network(void)
{
    session("renew", "renew agent same-key\r");
    until(AGENT, RA_STATE_PROBATION);
    session("renew", "renew encryption same-key\r");
    until(ENCRYPTION, RA_STATE_PENDING);
    session("show transactions", "show transactions\r");
    session("show log", "show log 4\r");
    session("retry", "retry encryption\r");
    until(ENCRYPTION, RA_STATE_PENDING);
    (void)fake_ca_approve(&w.ca, ENCRYPTION, world_now(&w));
    session("retrieve", with_id("retrieve encryption %u\r"));
    until(ENCRYPTION, RA_STATE_PROBATION);
    session("hold", "hold\r");
    session("resume", "resume\r");
    session("rollback", "rollback agent\ryes\r");
    (void)say("config set subject CN=ra01.example.net\r");
    session("enroll", "enroll device\r");
}

static void leave(void)
{
    session("show tech", "show tech | include !\r");
    session("password set", "password set\rcorrect horse\rcorrect horse\r");
    session("trust list", "trust list\r");
    const struct world_blob *root = world_blob("stranger.cert");
    session("trust add", pasted("trust add", "CERTIFICATE", root->p, root->size, "yes\r"));
    session("trust remove", "trust remove 2\ryes\r");
    const struct pkcs12_file *pair = pkcs12_files;
    while (strcmp(pair->name, "modern.p12") != 0) {
        pair++;
    }
    session("import", pasted("import device", NULL, pair->p, pair->size, PKCS12_PASSWORD "\r"));
    session("erase credentials", "erase credentials\ryes\r");
    session("logout", "logout\r");
    session("logout", "correct horse\r");
    session("password clear", "password clear force\r");
    session("reboot", "reboot\r");
}

int main(void)
{
    const struct ra_command *at;
    static const char *const intro =
#include "console_intro.h"
        ;
    world_init(&w, NULL);
    world_provision_pair(&w, 400, 400);
    w.pace_ms = 100;
    boot();
    listen();
    w.serial_room = 1024;
    look();
    renew_by_hand();
    renew_by_network();
    leave();
    (void)fputs(intro, stdout);
    int missing = 0;
    for (unsigned i = 0; (at = ra_command_at(i)) != NULL; i++) {
        (void)printf("\n### %s%s%s\n\n%c%s.%s%s\n", at->words, *at->usage != '\0' ? " " : "",
                     at->usage, at->help[0] - 'a' + 'A', at->help + 1,
                     (at->flags & RA_COMMAND_JSON) != 0 ? " With `| json` for scripts." : "",
                     (at->flags & RA_COMMAND_FORCE) != 0 ? " `force` skips the question." : "");
        if (shown_for[i] == NULL) {
            (void)fprintf(stderr, "print_console: `%s` has no session\n", at->words);
            missing = 1;
        } else {
            (void)printf("\n```\n%s```\n", shown_for[i]);
        }
    }
    return missing;
}
