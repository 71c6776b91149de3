#include <string.h>

#include "ra_command.h"
#include "ra_inf.h"

/* --- certreq new ------------------------------------------------------------------ */

/* Behind the paste in the buffer of what is public, while the command runs. */
struct new_request {
    struct ra_inf inf;
    enum ra_role role;
};
#define NEW_REQUEST_AT (RA_CONSOLE_BULK - sizeof(struct new_request) - sizeof(void *))

static struct new_request *state_of(const struct ra_console *c)
{
    uintptr_t at = (uintptr_t)(c->bulk + NEW_REQUEST_AT);
    return (struct new_request *)((at + sizeof(void *) - 1) / sizeof(void *) * sizeof(void *));
}

static void print_note(const struct ra_inf_note *note, struct ra_text *to)
{
    static const char *const verdicts[] = {
        [RA_INF_TAKEN] = "taken", [RA_INF_WARNED] = "warning: ", [RA_INF_REFUSED] = "refused: "};
    ra_text_add(to, note->verdict == RA_INF_REFUSED ? "% " : "  ");
    if (note->line != 0) {
        ra_text_add(to, "line ");
        ra_text_add_u32(to, note->line);
        ra_text_add(to, ", ");
    }
    ra_text_add(to, note->name);
    ra_text_add(to, note->verdict == RA_INF_TAKEN ? " " : ": ");
    ra_text_add(to, verdicts[note->verdict]);
    ra_text_add(to, note->why);
    ra_text_add(to, "\n");
}

static enum ra_run read_inf(struct ra_console *c, struct ra_text *to)
{
    struct ra_inf *inf = &state_of(c)->inf;
    struct ra_inf_note note;
    if (ra_inf_next(inf, &note)) {
        /* A key may hold what a terminal acts upon. */
        for (char *p = inf->key; *p != '\0'; p++) {
            *p = *p >= ' ' && *p <= '~' ? *p : '?';
        }
        print_note(&note, to);
        return RA_RUN_AGAIN;
    }
    if (inf->refused == 0) {
        return RA_RUN_MORE;
    }
    ra_text_add(to, "% the file is refused, nothing was begun\n");
    return RA_RUN_DONE;
}

static enum ra_run find_certificate(struct ra_console *c, struct ra_text *to)
{
    struct new_request *n = state_of(c);
    struct ra_inf_note note;
    struct ra_cert cert;
    for (unsigned i = 0; i < RA_ROLES; i++) {
        n->role = (enum ra_role)i;
        ra_err e = ra_command_certificate(c, n->role, &cert);
        if (e == RA_AGAIN) {
            return RA_RUN_AGAIN;
        }
        if (e != RA_OK || !ra_inf_names(&n->inf, &cert)) {
            continue;
        }
        if (!ra_inf_match(&n->inf, &cert, &note)) {
            print_note(&note, to);
            return RA_RUN_DONE;
        }
        ra_text_add(to, ra_role_text(n->role));
        ra_text_add(to, "\n");
        ra_show_names(c, &cert, to);
        ra_show_numbers(c, &cert, to);
        return RA_RUN_MORE;
    }
    if (n->inf.id_size == 20) {
        return ra_command_failed(RA_E_NO_SUCH_CERT, to);
    }
    ra_text_add(to, "no stored certificate has this serial number\n");
    return ra_command_failed(RA_E_THUMBPRINT, to);
}

static enum ra_run say_begun(enum ra_role role, ra_err e, struct ra_text *to)
{
    return ra_command_role_said(
        role, e, "making the request; `request show` prints it when it is there", to);
}

static enum ra_run certreq_new(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    struct new_request *n = state_of(c);
    struct ra_wish wish = {.by_hand = true};
    switch (piece) {
    case 0:
        return ra_console_paste(c, "paste Request.inf, then a line with a dot\n", c->bulk,
                                NEW_REQUEST_AT, false);
    case 1:
        ra_inf_init(&n->inf, (struct ra_span){(uint8_t *)c->paste, c->paste_size});
        return RA_RUN_MORE;
    case 2:
        return read_inf(c, to);
    case 3:
        return find_certificate(c, to);
    case 4:
        return ra_console_confirm(c, "renew this certificate? (yes/no) ");
    default:
        wish.key = n->inf.same_key ? RA_WISH_SAME_KEY : RA_WISH_NEW_KEY;
        wish.alg = n->inf.alg;
        wish.hash = n->inf.hash;
        return say_begun(n->role, ra_renew_as(c->ra, n->role, true, &wish), to);
    }
}

/* --- request --------------------------------------------------------------------- */

static enum ra_run request_new(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    struct ra_wish wish = {.by_hand = true};
    struct ra_status s;
    enum ra_role role;
    (void)piece;
    if (!ra_command_role(c->args[0], &role) ||
        (c->arg_count > 1 && !ra_command_key(c->args[1], &wish.key))) {
        return ra_command_failed(RA_E_PARAMETER, to);
    }
    ra_status(c->ra, role, &s);
    bool first = !s.stored || s.state == RA_STATE_EXPIRED;
    return say_begun(
        role, first ? ra_enroll_new(c->ra, role, &wish) : ra_renew_as(c->ra, role, true, &wish),
        to);
}

/* Six lines of PEM a piece; the line ends are the console's. */
#define PEM_PIECE 396u

static enum ra_run request_show(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    char text[PEM_PIECE];
    size_t size = 0;
    enum ra_role role;
    bool pkcs10 = c->arg_count != 0 && strcmp(c->args[c->arg_count - 1], "pkcs10") == 0;
    unsigned roles = c->arg_count - (pkcs10 ? 1u : 0u);
    ra_err e =
        roles > 1 ? RA_E_PARAMETER : ra_command_open_role(c, roles == 1 ? c->args[0] : NULL, &role);
    if (e == RA_OK) {
        e = ra_request_text(c->ra, role, pkcs10, (size_t)piece * PEM_PIECE, text, sizeof text,
                            &size);
    }
    if (e == RA_AGAIN) {
        return RA_RUN_AGAIN;
    }
    if (e != RA_OK) {
        return ra_command_failed(e, to);
    }
    for (size_t i = 0; i < size; i++) {
        if (text[i] != '\r') {
            ra_text_add_char(to, text[i]);
        }
    }
    return size == sizeof text ? RA_RUN_MORE : RA_RUN_DONE;
}

/* --- certreq submit, retrieve, accept --------------------------------------------- */

static enum ra_run certreq_submit(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    enum ra_role role;
    const char *url = NULL;
    (void)piece;
    unsigned roles = c->arg_count;
    if (roles != 0 && strstr(c->args[roles - 1], "://") != NULL) {
        url = c->args[--roles];
    }
    ra_err e =
        roles > 1 ? RA_E_PARAMETER : ra_command_open_role(c, roles == 1 ? c->args[0] : NULL, &role);
    if (e == RA_OK && url != NULL) {
        struct ra_url parsed;
        e = ra_url_parse(&parsed, url, strlen(url));
    }
    if (e == RA_OK && url != NULL) {
        /* It is polled there too, after a reset as well: so it is a setting. */
        e = ra_setting_change(c->ra, role == RA_ROLE_DEVICE ? "device-url" : "ca-url", url);
    }
    if (e != RA_OK) {
        return ra_command_failed(e, to);
    }
    if (url != NULL) {
        ra_config_save(c->ra);
    }
    return ra_command_role_said(role, ra_submit(c->ra, role), "submitting the request", to);
}

static enum ra_run certreq_retrieve(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    enum ra_role role;
    ra_err e = ra_command_open_role(c, c->arg_count > 1 ? c->args[0] : NULL, &role);
    if (e != RA_OK) {
        return ra_command_failed(e, to);
    }
    return ra_command_retrieve(c, role, c->args[c->arg_count - 1], piece, to);
}

static enum ra_run certreq_accept(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    enum ra_role role;
    ra_err e = ra_command_open_role(c, c->args[0], &role);
    if (e == RA_OK && piece == 0) {
        return ra_console_paste(
            c, "paste the certificate, a PEM chain or a p7b, then a line with a dot\n", c->bulk,
            RA_CONSOLE_BULK, false);
    }
    if (e == RA_OK) {
        e = ra_accept(c->ra, role, (const uint8_t *)c->paste, c->paste_size);
        if (e == RA_E_BUSY) {
            return RA_RUN_AGAIN; /* another role talks to the CA: that ends */
        }
        return ra_command_role_said(role, e, "checking the certificate", to);
    }
    return ra_command_failed(e, to);
}

#define ROLES "agent|encryption|device"

static const struct ra_command commands[] = {
    {"certreq new", "[force]", "make a request as a pasted Request.inf says", "certreq new",
     certreq_new, NULL, 0, 0, RA_COMMAND_FORCE},
    {"certreq submit", "[" ROLES "] [URL]", "send the request to the CA after all",
     "certreq submit http://ca01.example.net/certsrv/", certreq_submit, ra_command_role_word, 0, 2,
     0},
    {"certreq retrieve", "[" ROLES "] ID [force]", "fetch what the CA manager issued by its id",
     "certreq retrieve 17", certreq_retrieve, ra_command_role_word, 1, 2, RA_COMMAND_FORCE},
    {"certreq accept", "[" ROLES "]", "take the certificate or p7b that you paste",
     "certreq accept agent", certreq_accept, ra_command_role_word, 0, 1, 0},
    {"request new", ROLES " [same-key|new-key]", "make a request to be carried by hand",
     "request new agent new-key", request_new, ra_command_role_key_word, 1, 2, 0},
    {"request show", "[" ROLES "] [pkcs10]", "the request for the CA manager, in PEM",
     "request show", request_show, ra_command_role_word, 0, 2, 0},
};
const struct ra_command_table ra_commands_certreq = {commands,
                                                     sizeof commands / sizeof commands[0]};
