#include <string.h>

#include "ra_command.h"
#include "ra_pem.h"

/* --- import ---------------------------------------------------------------------------- */

static enum ra_run import(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    enum ra_role role;
    struct ra_status s;
    if (!ra_command_role(c->args[0], &role)) {
        return ra_command_failed(RA_E_PARAMETER, to);
    }
    ra_status(c->ra, role, &s);
    switch (piece) {
    case 0:
        return s.stored ? ra_console_confirm(c, "replace the stored credential? (yes/no) ")
                        : RA_RUN_MORE;
    case 1:
        return ra_console_paste(
            c,
            "paste PKCS #12 in base64, or an encrypted key and its certificates in PEM,\n"
            "then a line with a dot\n",
            c->bulk, RA_CONSOLE_BULK - RA_BER_SLACK, false);
    case 2:
        return ra_console_ask_secret(c, "passphrase: ");
    default:
        break;
    }
    ra_err e = ra_import(c->ra, role, c->bulk, c->paste_size, RA_CONSOLE_BULK, c->answer);
    return e == RA_AGAIN ? RA_RUN_AGAIN : ra_command_role_said(role, e, "stored and serving", to);
}

/* --- trust anchors ----------------------------------------------------------------------- */

/* Subject, end, and SHA-256 fingerprint: of that, two lines for people. */
static void show_anchor(struct ra_console *c, const struct ra_cert *cert, struct ra_text *to)
{
    uint8_t digest[32];
    char value[160];
    struct ra_text text;
    unsigned half = c->json == 0 ? 16 : 32;
    ra_name_text(cert->subject, value, sizeof value);
    ra_show_text(c, "subject", value, to);
    (void)ra_cert_sha256(cert->der, digest);
    ra_text_init(&text, value, sizeof value);
    ra_text_add_hex(&text, digest, half, ':');
    ra_text_add(&text, half == 16 ? ":" : "");
    ra_show_text(c, "SHA-256", value, to);
    if (half == 16) {
        ra_text_init(&text, value, sizeof value);
        ra_text_add_hex(&text, digest + 16, 16, ':');
        ra_show_text(c, "", value, to);
    }
    ra_show_time(c, "valid to", cert->not_after, to);
}

static ra_err read_anchor(struct ra_console *c, unsigned index, struct ra_cert *cert)
{
    size_t size = 0;
    ra_err e =
        ra_store_get(&c->ra->store, RA_RECORD_ANCHOR, (uint16_t)index, c->bulk, RA_CERT_MAX, &size);
    return e == RA_OK ? ra_cert_parse(cert, c->bulk, size) : e;
}

static ra_err parse_paste(struct ra_console *c, struct ra_cert *cert)
{
    size_t size = 0;
    /* Once read it is DER, at the front, and is read so again. */
    ra_err e = ra_pem_to_der(c->bulk, c->paste_size, c->bulk, RA_CONSOLE_BULK, &size);
    if (e == RA_OK && size > RA_CERT_MAX) {
        e = RA_E_LIMIT; /* behind it there is room for another */
    }
    if (e == RA_OK) {
        c->paste_size = (uint32_t)size;
        e = ra_cert_parse(cert, c->bulk, size);
    }
    return e == RA_OK && !cert->is_ca ? RA_E_CHAIN_CA : e;
}

static enum ra_run say_place(unsigned place, const char *before, const char *behind,
                             struct ra_text *to)
{
    ra_text_add(to, before);
    ra_text_add_u32(to, place + 1u);
    ra_text_add(to, behind);
    return RA_RUN_DONE;
}

static enum ra_run trust_add(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    struct ra_cert cert;
    uint8_t *place = &c->bulk[RA_CONSOLE_BULK - 1u]; /* kept while it is being written */
    if (piece == 0) {
        return ra_console_paste(c, "paste the root's certificate in PEM, then a line with a dot\n",
                                c->bulk, RA_CONSOLE_BULK - 1u, false);
    }
    ra_err e = parse_paste(c, &cert);
    if (e != RA_OK) {
        return ra_command_failed(e, to);
    }
    bool known;
    uint16_t found;
    switch (piece) {
    case 1:
    case 3: /* again: a root may have come from the network while the question stood */
        e = ra_anchor_place(c->ra, cert.der, c->bulk + RA_CERT_MAX, &found, &known);
        if (e == RA_AGAIN) {
            return RA_RUN_AGAIN;
        }
        if (e != RA_OK) {
            return ra_command_failed(e, to);
        }
        if (known) {
            return say_place(found, "is trust anchor ", " already\n", to);
        }
        *place = (uint8_t)found;
        if (piece == 1) {
            show_anchor(c, &cert, to);
        }
        return RA_RUN_MORE;
    case 2:
        return ra_console_confirm(c, "is this the fingerprint that the CA's manager told you? "
                                     "(yes/no) ");
    default:
        break;
    }
    e = ra_provision_anchor(c->ra, *place, cert.der.p, cert.der.size);
    if (e == RA_AGAIN) {
        return RA_RUN_AGAIN;
    }
    return e != RA_OK ? ra_command_failed(e, to)
                      : say_place(*place, "stored as trust anchor ", "\n", to);
}

/* By its number in the list. One that can no longer be read can be removed too. */
static enum ra_run trust_remove(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    struct ra_cert cert;
    uint32_t number;
    if (!ra_text_parse_u32(c->args[0], strlen(c->args[0]), RA_ANCHORS_MAX, &number) ||
        number == 0) {
        return ra_command_failed(RA_E_PARAMETER, to);
    }
    ra_err e;
    switch (piece) {
    case 0:
        e = read_anchor(c, number - 1u, &cert);
        if (e == RA_AGAIN) {
            return RA_RUN_AGAIN;
        }
        if (e == RA_E_NOT_FOUND) {
            return ra_command_failed(e, to);
        }
        if (e == RA_OK) {
            show_anchor(c, &cert, to);
        } else {
            ra_command_error(e, to);
        }
        return RA_RUN_MORE;
    case 1:
        return ra_console_confirm(c,
                                  "what leads to it alone is trusted no more, a renewal under it "
                                  "fails;\nremove it? (yes/no) ");
    default:
        break;
    }
    e = ra_remove_anchor(c->ra, number - 1u);
    if (e == RA_AGAIN) {
        return RA_RUN_AGAIN;
    }
    if (e != RA_OK) {
        return ra_command_failed(e, to);
    }
    ra_text_add(to, "removed\n");
    return RA_RUN_DONE;
}

static enum ra_run trust_list(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    struct ra_cert cert;
    char title[24];
    struct ra_text text;
    ra_err e = read_anchor(c, piece, &cert);
    if (e == RA_AGAIN) {
        return RA_RUN_AGAIN;
    }
    if (e != RA_E_NOT_FOUND) {
        ra_text_init(&text, title, sizeof title);
        ra_text_add(&text, "Trust anchor ");
        ra_text_add_u32(&text, piece + 1u);
        ra_show_item(c, title, to);
        if (c->json != 0) {
            ra_show_number(c, "number", piece + 1u, to);
        }
        if (e == RA_OK) {
            show_anchor(c, &cert, to);
        } else {
            ra_show_error(c, "certificate", e, to);
        }
    }
    return piece + 1 < RA_ANCHORS_MAX ? RA_RUN_MORE : RA_RUN_DONE;
}

/* --- erase ---------------------------------------------------------------------------------- */

static enum ra_run erase(struct ra_console *c, unsigned piece, struct ra_text *to)
{
    ra_err e;
    switch (piece) {
    case 0:
        return ra_console_confirm(c, "erase all keys and certificates for ever? (yes/no) ");
    case 1:
        e = ra_erase_credentials(c->ra);
        if (e == RA_E_BUSY) {
            return RA_RUN_AGAIN;
        }
        if (e != RA_OK) {
            return ra_command_failed(e, to);
        }
        ra_text_add(to, "erasing; a loss of power only delays it\n");
        return RA_RUN_MORE;
    default:
        if (ra_erasing(c->ra)) {
            return RA_RUN_AGAIN;
        }
        ra_text_add(to, "erased\n");
        return RA_RUN_DONE;
    }
}

static const struct ra_command commands[] = {
    {"import", "agent|encryption|device [force]", "store a pair from PKCS #12 or PEM",
     "import agent", import, ra_command_role_word, 1, 1, RA_COMMAND_FORCE},
    {"trust add", "[force]", "store a trust anchor that you paste", "trust add", trust_add, NULL, 0,
     0, RA_COMMAND_FORCE},
    {"trust remove", "NUMBER [force]", "trust the anchor of this number no more", "trust remove 2",
     trust_remove, NULL, 1, 1, RA_COMMAND_FORCE},
    {"trust list", "", "the stored trust anchors", "trust list", trust_list, NULL, 0, 0,
     RA_COMMAND_JSON},
    {"erase credentials", "[force]", "destroy all keys and certificates", "erase credentials",
     erase, NULL, 0, 0, RA_COMMAND_FORCE},
};
const struct ra_command_table ra_commands_provision = {commands,
                                                       sizeof commands / sizeof commands[0]};
