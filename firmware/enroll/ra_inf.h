/* ra_inf.h - the Request.inf that `certreq -new` reads, as far as it asks for a renewal.
 *
 * The whole text lies in the caller's memory and stays there unchanged; nothing is copied but
 * one line at a time. Each call of ra_inf_next reads one logical line and says what became of
 * it: every key is taken, warned of or refused, by its name and line. A key that is silently
 * ignored is how people come to believe in a setting they never had.
 *
 *     ra_inf_init(&inf, text);
 *     while (ra_inf_next(&inf, &note)) { ... print note ... }
 *     if (inf.refused == 0) { ... find the certificate ... ra_inf_match(&inf, &cert, &note) }
 *
 * Syntax, as INF files have it: section and key names without case, order free, sections of one
 * name merged; `;` begins a comment and `\` at the end of a line goes on with the next, both
 * outside quotes; "" in quotes is a quote, %% a per cent sign, %name% a text of [Strings].
 * [Version] may be absent.
 *
 * Bounds: a text of RA_INF_TEXT_MAX bytes; names of RA_INF_NAME_MAX and values of
 * RA_INF_VALUE_MAX characters (a longer value is refused, where it matters); RA_INF_STRINGS_MAX
 * substitutions in a line. A call reads one line, and the text once more for each substitution.
 * Pure: no clock, no store, no output. Any bytes are accepted.
 *
 * Source: Microsoft Learn, "certreq" and "General syntax rules for INF files"; KB 2712186.
 */
#ifndef RA_INF_H
#define RA_INF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ra_key.h"
#include "ra_x509.h"

#define RA_INF_TEXT_MAX 16384
#define RA_INF_NAME_MAX 47
#define RA_INF_VALUE_MAX 255
#define RA_INF_STRINGS_MAX 8

enum ra_inf_verdict {
    RA_INF_TAKEN,   /* understood and followed                          */
    RA_INF_WARNED,  /* of no meaning here, left out                     */
    RA_INF_REFUSED, /* asks for what this appliance does not do: nothing may begin */
};

/* What became of a line. */
struct ra_inf_note {
    unsigned line; /* of the text, from 1; 0: of the file as a whole             */
    enum ra_inf_verdict verdict;
    const char *name; /* the key, or the section; in struct ra_inf, until the next call */
    const char *why;  /* one phrase, static; "" when taken                             */
};

struct ra_inf {
    /* What was asked for, once all lines are read. */
    unsigned refused;      /* lines refused                                        */
    uint8_t id[20];        /* RenewalCert: a thumbprint or a serial number         */
    uint8_t id_size;       /* its bytes                                            */
    bool same_key;         /* UseExistingKeySet                                    */
    enum ra_key_alg alg;   /* of the new key; RA_KEY_NONE: as the old one          */
    enum ra_hash_alg hash; /* of the request's signatures                          */

    /* Private. */
    struct ra_span text;
    size_t at;
    unsigned line;
    uint8_t section, end;
    uint32_t seen;       /* rows of the table that had their line */
    uint16_t key_length; /* 0: not given  */
    uint8_t key_kind;    /* enum          */
    uint8_t key_spec, request_type;
    uint16_t key_usage; /* RA_KU_; 0: not given */
    bool machine, exportable, agent_purpose;
    uint16_t subject_line, template_line, usage_line, purpose_line, spec_line;
    char key[RA_INF_NAME_MAX + 1];
    char value[RA_INF_VALUE_MAX + 1];
    char subject[RA_INF_VALUE_MAX + 1];
    char template_name[64];
};

/* Begin. The text may start with a byte order mark. */
void ra_inf_init(struct ra_inf *inf, struct ra_span text);
/* Read on to the next line that says something. False at the end: nothing was noted. */
bool ra_inf_next(struct ra_inf *inf, struct ra_inf_note *note);

/* Whether RenewalCert names this certificate, by thumbprint or by serial number. */
bool ra_inf_names(const struct ra_inf *inf, const struct ra_cert *cert);
/* Compare what the file says of subject, key usage, purpose, template and key specification with
 * the certificate to be renewed. False: *note says which differs. */
bool ra_inf_match(struct ra_inf *inf, const struct ra_cert *cert, struct ra_inf_note *note);

/* The hex digits of a certificate's name as people paste it: blanks, colons, byte order mark,
 * U+200E, U+200F, U+200B and U+00A0 are skipped wherever they stand. RA_OK with the bytes in
 * out[0 .. *size-1]; RA_E_THUMBPRINT: another character, an odd number of digits, none or more
 * than 40. *digits is their number in any case. */
ra_err ra_inf_hex(const char *text, uint8_t out[20], uint8_t *size, unsigned *digits);

#endif
