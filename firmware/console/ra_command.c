#include "ra_command.h"

#include <string.h>

#include "ra_time.h"
#include "ra_x509.h"

void ra_command_error(ra_err e, struct ra_text *to)
{
    ra_text_add(to, "% ");
    ra_error_print(e, to);
    ra_text_add(to, "\n");
}

void ra_command_time(int64_t t, struct ra_text *to)
{
    char when[RA_TIME_TEXT_SIZE];
    if (t == RA_TIME_UNKNOWN) {
        ra_text_add(to, "unknown");
        return;
    }
    ra_time_print(t, when);
    ra_text_add(to, when);
}

void ra_command_field(const char *name, struct ra_text *to)
{
    ra_text_add(to, "  ");
    ra_text_add(to, name);
    ra_text_pad_to(to, 15);
}

enum ra_run ra_command_role_said(enum ra_role role, ra_err e, const char *done, struct ra_text *to)
{
    ra_text_add(to, ra_role_text(role));
    ra_text_add(to, ": ");
    if (e == RA_OK) {
        ra_text_add(to, done);
    } else {
        ra_error_print(e, to);
    }
    ra_text_add(to, "\n");
    return RA_RUN_DONE;
}

const char *ra_command_role_word(unsigned arg, unsigned i)
{
    return arg == 0 && i < RA_ROLES ? ra_role_word((enum ra_role)i) : NULL;
}

bool ra_command_role(const char *word, enum ra_role *role)
{
    size_t n = strlen(word);
    for (unsigned i = 0; i < RA_ROLES; i++) {
        if (n != 0 && strncmp(word, ra_role_word((enum ra_role)i), n) == 0) {
            *role = (enum ra_role)i;
            return true;
        }
    }
    return false;
}

bool ra_command_key(const char *word, enum ra_key_wish *key)
{
    *key = strcmp(word, "same-key") == 0 ? RA_WISH_SAME_KEY : RA_WISH_NEW_KEY;
    return *key == RA_WISH_SAME_KEY || strcmp(word, "new-key") == 0;
}

ra_err ra_command_certificate(struct ra_console *c, enum ra_role role, struct ra_cert *cert)
{
    size_t size = 0;
    ra_err e = ra_certificate(c->ra, role, c->bulk, RA_CERT_MAX, &size);
    return e == RA_OK ? ra_cert_parse(cert, c->bulk, size) : e;
}

void ra_command_certificate_print(const struct ra_cert *cert, struct ra_text *to)
{
    char name[160];
    uint8_t thumbprint[20];
    ra_command_field("subject", to);
    ra_name_text(cert->subject, name, sizeof name);
    ra_text_add(to, name);
    ra_text_add(to, "\n");
    ra_command_field("issuer", to);
    ra_name_text(cert->issuer, name, sizeof name);
    ra_text_add(to, name);
    ra_text_add(to, "\n");
    ra_command_field("serial", to);
    ra_cert_serial_text(cert, name, sizeof name);
    ra_text_add(to, name);
    ra_text_add(to, "\n");
    ra_command_field("thumbprint", to);
    (void)ra_cert_sha1(cert->der, thumbprint);
    ra_text_add_hex(to, thumbprint, sizeof thumbprint, '\0');
    ra_text_add(to, "\n");
    ra_command_field("valid", to);
    ra_command_time(cert->not_before, to);
    ra_text_add(to, " to ");
    ra_command_time(cert->not_after, to);
    ra_text_add(to, "\n");
}
