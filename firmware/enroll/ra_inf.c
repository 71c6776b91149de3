#include "ra_inf.h"

#include <string.h>

#include "ra_name.h"
#include "ra_text.h"

/* --- lines ---------------------------------------------------------------------------- */

/* Where a part of a line goes. Blanks outside quotes at its ends are dropped. */
struct part {
    char *to;
    size_t cap, size, keep;
    bool cut;
};

struct line {
    unsigned number;
    bool section, has_value;
    struct part key, value;
    const char *wrong; /* NULL, or what is wrong with it */
};

static void begin_part(struct part *p, char *to, size_t cap)
{
    *p = (struct part){.to = to, .cap = cap};
    to[0] = '\0';
}

static void add(struct part *p, char c, bool quoted)
{
    bool blank = !quoted && (c == ' ' || c == '\t');
    if (blank && p->size == 0) {
        return;
    }
    if (p->size + 1 >= p->cap) {
        p->cut = p->cut || !blank;
        return;
    }
    p->to[p->size++] = c;
    p->keep = blank ? p->keep : p->size;
}

static void end_part(struct part *p)
{
    p->to[p->keep] = '\0';
}

static uint8_t byte_at(struct ra_span s, size_t i)
{
    return i < s.size ? s.p[i] : 0;
}

static bool same_nocase(const char *a, const char *b, size_t size)
{
    bool same = strlen(a) == size;
    for (size_t i = 0; same && i < size; i++) {
        /* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): a has `size` characters */
        same = (a[i] | 0x20) == (b[i] | 0x20);
    }
    return same;
}

static bool at_line_end(struct ra_span text, size_t i)
{
    return i >= text.size || text.p[i] == '\n' || text.p[i] == '\r';
}

static size_t to_line_end(struct ra_span text, size_t i)
{
    while (!at_line_end(text, i)) {
        i++;
    }
    return i;
}

static size_t past_line_end(struct ra_span text, size_t i)
{
    if (i < text.size && text.p[i] == '\r' && byte_at(text, i + 1) == '\n') {
        i++;
    }
    return i < text.size ? i + 1 : i;
}

/* The first character at or after i that is no blank of this line. */
static size_t past_blanks(struct ra_span text, size_t i)
{
    while (i < text.size && (text.p[i] == ' ' || text.p[i] == '\t')) {
        i++;
    }
    return i;
}

/* Whether a per cent sign follows in the line. */
static bool closes_token(struct ra_span text, size_t i)
{
    while (!at_line_end(text, i) && text.p[i] != '%') {
        i++;
    }
    return !at_line_end(text, i);
}

/* One logical line from *at on. False: there is none. */
static bool read_line(struct ra_span text, size_t *at, unsigned *number, struct line *l)
{
    bool quoted = false, closed = false, token = false;
    struct part *part = &l->key;
    size_t i = past_blanks(text, *at);
    if (i >= text.size) {
        return false;
    }
    l->number = ++*number;
    l->wrong = NULL;
    l->has_value = false;
    l->section = text.p[i] == '[';
    i += l->section;
    while (!at_line_end(text, i)) {
        char c = (char)text.p[i++];
        token = c != '"' && token != (c == '%'); /* between two per cent signs no comment begins */
        if (c == '"' && !l->section) {
            if (quoted && byte_at(text, i) == '"') {
                add(part, '"', true);
                i++;
            } else {
                quoted = !quoted;
            }
        } else if (!quoted && c == ';' && !(token && closes_token(text, i))) {
            i = to_line_end(text, i);
        } else if (!quoted && c == '\\' && at_line_end(text, past_blanks(text, i)) &&
                   past_blanks(text, i) < text.size) {
            i = past_line_end(text, past_blanks(text, i));
            ++*number;
        } else if (l->section && c == ']') {
            closed = true;
            i = to_line_end(text, i);
        } else if (!quoted && !l->section && c == '=' && part == &l->key) {
            part = &l->value;
            l->has_value = true;
        } else {
            if ((uint8_t)c < 0x20 && c != '\t') {
                l->wrong = "holds a control character";
                c = '?';
            }
            add(part, c, quoted);
        }
    }
    *at = past_line_end(text, i);
    end_part(&l->key);
    end_part(&l->value);
    if (quoted) {
        l->wrong = "a quote is not closed";
    } else if (l->section && !closed) {
        l->wrong = "a section's bracket is not closed";
    }
    return true;
}

/* The text of a name in [Strings], wherever that stands, added to `to`. */
static bool find_string(struct ra_span text, const char *name, size_t size, struct part *to)
{
    char key[RA_INF_NAME_MAX + 1], value[RA_INF_VALUE_MAX + 1];
    bool strings = false;
    unsigned number = 0;
    size_t at = 0;
    struct line l;
    for (;;) {
        begin_part(&l.key, key, sizeof key);
        begin_part(&l.value, value, sizeof value);
        if (!read_line(text, &at, &number, &l)) {
            return false;
        }
        if (l.section) {
            strings = ra_text_equal_nocase(key, "Strings");
        } else if (strings && same_nocase(key, name, size)) {
            break;
        }
    }
    for (const char *p = value; *p != '\0'; p++) {
        add(to, *p, true);
    }
    to->cut = to->cut || l.value.cut;
    return true;
}

/* Put %names% and %% of a value in their place. */
static void expand(struct ra_span text, struct line *l)
{
    char raw[RA_INF_VALUE_MAX + 1];
    struct part *to = &l->value;
    bool cut = to->cut;
    unsigned strings = 0;
    memcpy(raw, to->to, to->keep + 1);
    begin_part(to, to->to, to->cap);
    to->cut = cut;
    for (const char *p = raw; *p != '\0'; p++) {
        const char *end = *p == '%' ? strchr(p + 1, '%') : NULL;
        if (end == NULL || end == p + 1) {
            add(to, *p, true);
            p += end != NULL;
        } else if (++strings > RA_INF_STRINGS_MAX) {
            l->wrong = "too many %strings% in one line";
            break;
        } else {
            if (!find_string(text, p + 1, (size_t)(end - p - 1), to)) {
                l->wrong = "a %string% is not in [Strings]";
            }
            p = end;
        }
    }
    end_part(to);
}

/* --- values ---------------------------------------------------------------------------- */

/* The bytes of the invisible character at s, 0: none is there. */
static unsigned invisible(const char *s)
{
    static const char *const list[] = {"\xef\xbb\xbf", "\xe2\x80\x8e", "\xe2\x80\x8f",
                                       "\xe2\x80\x8b", "\xc2\xa0"};
    if (*s == ' ' || *s == '\t' || *s == ':' || *s == '\r' || *s == '\n') {
        return 1;
    }
    for (unsigned i = 0; i < sizeof list / sizeof list[0]; i++) {
        size_t n = strlen(list[i]);
        if (strncmp(s, list[i], n) == 0) {
            return (unsigned)n;
        }
    }
    return 0;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

ra_err ra_inf_hex(const char *text, uint8_t out[20], uint8_t *size, unsigned *digits)
{
    ra_err e = RA_OK;
    *digits = 0;
    *size = 0;
    while (*text != '\0') {
        unsigned skip = invisible(text);
        int v = hex_value(*text);
        if (skip != 0) {
            text += skip;
            continue;
        }
        text++;
        if (v < 0) {
            e = RA_E_THUMBPRINT;
            continue;
        }
        if (*digits < 40) {
            uint8_t *byte = &out[*digits / 2];
            *byte = (uint8_t)(*digits % 2 == 0 ? v << 4 : *byte | v);
        }
        ++*digits;
    }
    if (*digits == 0 || *digits > 40 || *digits % 2 != 0) {
        e = RA_E_THUMBPRINT;
    }
    *size = e == RA_OK ? (uint8_t)(*digits / 2) : 0;
    return e;
}

/* "TRUE" or "FALSE"; -1: neither. */
static int truth(const char *value)
{
    if (ra_text_equal_nocase(value, "TRUE") || ra_text_equal_nocase(value, "YES") ||
        strcmp(value, "1") == 0) {
        return 1;
    }
    bool no = ra_text_equal_nocase(value, "FALSE") || ra_text_equal_nocase(value, "NO") ||
              strcmp(value, "0") == 0;
    return no ? 0 : -1;
}

struct named {
    const char *name;
    uint16_t value;
};

/* 0 when the name is not in the list: no value is 0. */
static uint16_t named(const struct named *list, unsigned n, const char *name, size_t size)
{
    for (unsigned i = 0; i < n; i++) {
        if (same_nocase(list[i].name, name, size)) {
            return list[i].value;
        }
    }
    return 0;
}
#define NAMED(list, value) named(list, sizeof(list) / sizeof(list)[0], value, strlen(value))

/* Key usage as certreq has it: bit 0 of the extension is 0x80, bit 8 is 0x8000. */
static uint16_t usage_of_bits(uint32_t bits)
{
    uint16_t usage = 0;
    for (unsigned i = 0; i < 8; i++) {
        usage |= (uint16_t)((bits >> (7 - i) & 1u) << i);
    }
    return (uint16_t)(usage | (bits >> 15 & 1u) << 8);
}

static bool hex_number(const char *s, size_t size, uint32_t *out)
{
    *out = 0;
    for (size_t i = 0; i < size; i++) {
        int v = hex_value(s[i]);
        if (v < 0 || i == 4) {
            return false;
        }
        *out = *out << 4 | (uint32_t)v;
    }
    return size != 0;
}

/* Names or a number, joined by '|'. 0: not understood. */
static uint16_t parse_usage(const char *s)
{
    static const struct named names[] = {
        {"CERT_DIGITAL_SIGNATURE_KEY_USAGE", 0x80}, {"CERT_NON_REPUDIATION_KEY_USAGE", 0x40},
        {"CERT_KEY_ENCIPHERMENT_KEY_USAGE", 0x20},  {"CERT_DATA_ENCIPHERMENT_KEY_USAGE", 0x10},
        {"CERT_KEY_AGREEMENT_KEY_USAGE", 0x08},     {"CERT_KEY_CERT_SIGN_KEY_USAGE", 0x04},
        {"CERT_OFFLINE_CRL_SIGN_KEY_USAGE", 0x02},  {"CERT_CRL_SIGN_KEY_USAGE", 0x02},
        {"CERT_ENCIPHER_ONLY_KEY_USAGE", 0x01},     {"CERT_DECIPHER_ONLY_KEY_USAGE", 0x8000},
    };
    uint16_t usage = 0;
    for (;;) {
        uint32_t bits = 0;
        s += strspn(s, " \t");
        size_t size = strcspn(s, " \t|");
        if (s[0] == '0' && (s[1] | 0x20) == 'x') {
            if (!hex_number(s + 2, size - 2, &bits)) {
                return 0;
            }
        } else if (!ra_text_parse_u32(s, size, 0xffff, &bits)) {
            bits = named(names, sizeof names / sizeof names[0], s, size);
        }
        if (bits == 0 || (bits & ~0x80ffu) != 0) {
            return 0;
        }
        usage |= usage_of_bits(bits);
        s += size;
        s += strspn(s, " \t");
        if (*s == '\0') {
            return usage;
        }
        if (*s++ != '|') {
            return 0;
        }
    }
}

/* --- the table of keys ------------------------------------------------------------------- */

enum section { NONE, VERSION, NEW_REQUEST, ATTRIBUTES, EXTENSIONS, PURPOSES, STRINGS, UNKNOWN };

static const char *const sections[] = {
    [VERSION] = "Version",
    [NEW_REQUEST] = "NewRequest",
    [ATTRIBUTES] = "RequestAttributes",
    [EXTENSIONS] = "Extensions",
    [PURPOSES] = "EnhancedKeyUsageExtension",
    [STRINGS] = "Strings",
};

enum kind {
    SIGNATURE,
    RENEWAL_CERT,
    MACHINE,
    TYPE,
    EXISTING,
    EXPORTABLE,
    LENGTH,
    ALGORITHM,
    HASH,
    SPEC,
    USAGE,
    SUBJECT,
    TEMPLATE,
    PURPOSE,
    ONLY_FALSE, /* FALSE is what happens anyway */
    IGNORED,
    REFUSED,
};

static const char no_meaning[] = "has no meaning on this appliance, ignored";
static const char first_only[] = "belongs to a self-made certificate, not to a renewal";
static const char archival[] = "key archival is not done: keys never leave the appliance";
static const char copied[] = "extensions are copied from the old certificate";
static const char stays[] = "keys never leave the appliance";

/* Why, where the row's fate does not depend on more than its value. */
static const struct row {
    const char *key;
    const char *why;
    uint8_t section, kind;
} rows[] = {
    {"Signature", NULL, VERSION, SIGNATURE},
    {"RenewalCert", NULL, NEW_REQUEST, RENEWAL_CERT},
    {"MachineKeySet", NULL, NEW_REQUEST, MACHINE},
    {"RequestType", NULL, NEW_REQUEST, TYPE},
    {"UseExistingKeySet", NULL, NEW_REQUEST, EXISTING},
    {"Exportable", stays, NEW_REQUEST, EXPORTABLE},
    {"KeyLength", NULL, NEW_REQUEST, LENGTH},
    {"KeyAlgorithm", NULL, NEW_REQUEST, ALGORITHM},
    {"HashAlgorithm", NULL, NEW_REQUEST, HASH},
    {"KeySpec", NULL, NEW_REQUEST, SPEC},
    {"KeyUsage", NULL, NEW_REQUEST, USAGE},
    {"Subject", NULL, NEW_REQUEST, SUBJECT},
    {"CertificateTemplate", NULL, ATTRIBUTES, TEMPLATE},
    {"OID", NULL, PURPOSES, PURPOSE},
    {"2.5.29.37", NULL, EXTENSIONS, PURPOSE},
    {"ExportableEncrypted", stays, NEW_REQUEST, ONLY_FALSE},
    {"AlternateSignatureAlgorithm", "RSASSA-PSS is not done", NEW_REQUEST, ONLY_FALSE},
    {"PrivateKeyArchive", archival, NEW_REQUEST, ONLY_FALSE},
    {"X500NameFlags", no_meaning, NEW_REQUEST, IGNORED},
    {"SubjectNameFlags", no_meaning, NEW_REQUEST, IGNORED},
    {"ProviderName", no_meaning, NEW_REQUEST, IGNORED},
    {"ProviderType", no_meaning, NEW_REQUEST, IGNORED},
    {"KeyContainer", no_meaning, NEW_REQUEST, IGNORED},
    {"ReaderName", no_meaning, NEW_REQUEST, IGNORED},
    {"Silent", no_meaning, NEW_REQUEST, IGNORED},
    {"SMIME", no_meaning, NEW_REQUEST, IGNORED},
    {"FriendlyName", no_meaning, NEW_REQUEST, IGNORED},
    {"KeyProtection", no_meaning, NEW_REQUEST, IGNORED},
    {"UserProtected", no_meaning, NEW_REQUEST, IGNORED},
    {"SuppressDefaults", no_meaning, NEW_REQUEST, IGNORED},
    {"SecurityDescriptor", no_meaning, NEW_REQUEST, IGNORED},
    {"RequesterName", "a renewal is not on behalf of another", NEW_REQUEST, REFUSED},
    {"EncryptionAlgorithm", archival, NEW_REQUEST, REFUSED},
    {"EncryptionLength", archival, NEW_REQUEST, REFUSED},
    {"NotBefore", first_only, NEW_REQUEST, REFUSED},
    {"NotAfter", first_only, NEW_REQUEST, REFUSED},
    {"ValidityPeriod", first_only, NEW_REQUEST, REFUSED},
    {"ValidityPeriodUnits", first_only, NEW_REQUEST, REFUSED},
    {"SAN", "the old certificate's names are kept", ATTRIBUTES, REFUSED},
    {"1.3.6.1.4.1.311.21.10", "application policies are never sent", EXTENSIONS, REFUSED},
};

enum key_kind { KEY_NOT_GIVEN, KEY_RSA, KEY_P256, KEY_P384 };
enum key_spec { SPEC_NOT_GIVEN, SPEC_NONE, SPEC_EXCHANGE, SPEC_SIGNATURE };
enum request_type { TYPE_NOT_GIVEN, TYPE_PKCS7, TYPE_OTHER };

static const char *take_cert(struct ra_inf *inf)
{
    unsigned digits;
    if (ra_inf_hex(inf->value, inf->id, &inf->id_size, &digits) == RA_OK) {
        return NULL;
    }
    return digits > 40       ? "has more than the 40 hex digits of a thumbprint"
           : digits == 0     ? "holds no hex digits"
           : digits % 2 == 0 ? "holds characters that are no hex digits"
                             : "has an odd number of hex digits; a thumbprint has 40";
}

static const char *take_type(struct ra_inf *inf)
{
    if (ra_text_equal_nocase(inf->value, "PKCS7") || strcmp(inf->value, "2") == 0) {
        inf->request_type = TYPE_PKCS7;
        return NULL;
    }
    return "a renewal is PKCS7 here";
}

static const char *take_length(struct ra_inf *inf)
{
    uint32_t bits = 0;
    if (!ra_text_parse_u32(inf->value, strlen(inf->value), 65535, &bits) ||
        (bits != 256 && bits != 384 && bits != 2048 && bits != 3072 && bits != 4096) ||
        bits > RA_RSA_BITS_MAX) {
        return "RSA keys have 2048, 3072 or 4096 bits here";
    }
    inf->key_length = (uint16_t)bits;
    return NULL;
}

static const char *take_algorithm(struct ra_inf *inf)
{
    static const struct named names[] = {{"RSA", KEY_RSA},
                                         {"1.2.840.113549.1.1.1", KEY_RSA},
                                         {"ECDSA_P256", KEY_P256},
                                         {"ECDSA_P384", KEY_P384}};
    inf->key_kind = (uint8_t)NAMED(names, inf->value);
    return inf->key_kind != KEY_NOT_GIVEN ? NULL : "keys are RSA, ECDSA_P256 or ECDSA_P384";
}

static const char *take_hash(struct ra_inf *inf)
{
    static const struct named names[] = {{"SHA256", RA_HASH_SHA256},  {"SHA384", RA_HASH_SHA384},
                                         {"SHA512", RA_HASH_SHA512},  {"SHA-256", RA_HASH_SHA256},
                                         {"SHA-384", RA_HASH_SHA384}, {"SHA-512", RA_HASH_SHA512}};
    uint16_t hash = NAMED(names, inf->value);
    if (hash == 0) {
        return "signatures use SHA256, SHA384 or SHA512";
    }
    inf->hash = (enum ra_hash_alg)hash;
    return NULL;
}

static const char *take_spec(struct ra_inf *inf)
{
    static const struct named names[] = {{"0", SPEC_NONE},
                                         {"AT_NONE", SPEC_NONE},
                                         {"1", SPEC_EXCHANGE},
                                         {"AT_KEYEXCHANGE", SPEC_EXCHANGE},
                                         {"2", SPEC_SIGNATURE},
                                         {"AT_SIGNATURE", SPEC_SIGNATURE},
                                         {"XCN_AT_NONE", SPEC_NONE},
                                         {"XCN_AT_KEYEXCHANGE", SPEC_EXCHANGE},
                                         {"XCN_AT_SIGNATURE", SPEC_SIGNATURE}};
    inf->key_spec = (uint8_t)NAMED(names, inf->value);
    return inf->key_spec != 0 ? NULL : "is AT_NONE, AT_KEYEXCHANGE or AT_SIGNATURE";
}

static const char *take_purpose(struct ra_inf *inf)
{
    const char *oid = inf->value;
    if (strncmp(oid, "{text}", 6) == 0) {
        oid += 6;
    }
    if (strcmp(oid, "1.3.6.1.4.1.311.20.2.1") != 0) {
        return "the purpose is Certificate Request Agent, 1.3.6.1.4.1.311.20.2.1";
    }
    inf->agent_purpose = true;
    return NULL;
}

/* The value of a row that has one fate only by its value. NULL: taken. */
static const char *take(struct ra_inf *inf, const struct row *row, unsigned line)
{
    int yes = truth(inf->value);
    switch (row->kind) {
    case SIGNATURE:
        return ra_text_equal_nocase(inf->value, "$Windows NT$") ? NULL : "is \"$Windows NT$\"";
    case RENEWAL_CERT:
        return take_cert(inf);
    case MACHINE:
        inf->machine = yes == 1;
        return yes == 1 ? NULL : "is TRUE: an appliance has no user's store";
    case TYPE:
        return take_type(inf);
    case EXISTING:
        inf->same_key = yes == 1;
        return yes >= 0 ? NULL : "is TRUE or FALSE";
    case EXPORTABLE:
        inf->exportable = yes == 1;
        return yes == 0 ? NULL : row->why;
    case LENGTH:
        return take_length(inf);
    case ALGORITHM:
        return take_algorithm(inf);
    case HASH:
        return take_hash(inf);
    case SPEC:
        inf->spec_line = (uint16_t)line;
        return take_spec(inf);
    case USAGE:
        inf->usage_line = (uint16_t)line;
        inf->key_usage = parse_usage(inf->value);
        return inf->key_usage != 0 ? NULL : "is not a key usage";
    case SUBJECT:
        inf->subject_line = (uint16_t)line;
        memcpy(inf->subject, inf->value, sizeof inf->subject);
        return NULL;
    case TEMPLATE:
        inf->template_line = (uint16_t)line;
        if (strlen(inf->value) >= sizeof inf->template_name) {
            return "is longer than a template's name";
        }
        memcpy(inf->template_name, inf->value, strlen(inf->value) + 1);
        return NULL;
    case PURPOSE:
        inf->purpose_line = (uint16_t)line;
        return take_purpose(inf);
    case ONLY_FALSE:
        return yes == 0 ? NULL : row->why;
    default:
        return row->why;
    }
}

static const struct row *find_row(uint8_t section, const char *key)
{
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].section == section && ra_text_equal_nocase(rows[i].key, key)) {
            return &rows[i];
        }
    }
    return NULL;
}

static void judge(struct ra_inf *inf, const struct line *l, struct ra_inf_note *note)
{
    const struct row *row = find_row(inf->section, inf->key);
    note->verdict = RA_INF_REFUSED;
    if (l->wrong != NULL) {
        note->why = l->wrong;
        return;
    }
    if (inf->section == NONE || inf->section == UNKNOWN) {
        note->why = inf->section == NONE ? "stands in no section" : "stands in an unknown section";
        return;
    }
    if (!l->has_value || l->key.cut) {
        note->why = l->has_value ? "is longer than any key" : "has no value";
        return;
    }
    if (row == NULL) {
        note->why = inf->section == EXTENSIONS ? copied : "is not known here";
        return;
    }
    /* The first rows hold what may be said once; those behind them have one fate only. */
    uint32_t bit = row - rows < 32 ? 1u << (row - rows) : 0;
    if ((inf->seen & bit) != 0 && row->kind < PURPOSE) {
        note->why = "is given twice";
        return;
    }
    inf->seen |= bit;
    if (l->value.cut && row->kind != IGNORED) {
        note->why = "is longer than this appliance reads";
        return;
    }
    note->why = take(inf, row, l->number);
    if (note->why == NULL) {
        note->why = "";
        note->verdict = RA_INF_TAKEN;
    } else if (row->kind == IGNORED) {
        note->verdict = RA_INF_WARNED;
    }
}

static bool enter(struct ra_inf *inf, const struct line *l, struct ra_inf_note *note)
{
    inf->section = UNKNOWN;
    for (unsigned i = VERSION; i <= STRINGS; i++) {
        if (ra_text_equal_nocase(sections[i], inf->key)) {
            inf->section = (uint8_t)i;
        }
    }
    if (inf->section != UNKNOWN && l->wrong == NULL) {
        return false;
    }
    note->verdict = RA_INF_REFUSED;
    note->why = l->wrong != NULL ? l->wrong : "is an unknown section";
    return true;
}

/* --- the file as a whole ----------------------------------------------------------------- */

static bool seen(const struct ra_inf *inf, uint8_t kind)
{
    unsigned i = 0;
    while (rows[i].kind != kind) {
        i++;
    }
    return (inf->seen & 1u << i) != 0;
}

/* The checks that need all lines, one after the other; NULL: this one is passed. */
static const char *conclude(struct ra_inf *inf, unsigned check, const char **name)
{
    static const enum ra_key_alg algs[] = {RA_KEY_NONE, RA_KEY_NONE, RA_KEY_EC_P256,
                                           RA_KEY_EC_P384};
    switch (check) {
    case 0:
        *name = "RenewalCert";
        return seen(inf, RENEWAL_CERT) ? NULL : "is missing: it names the certificate to renew";
    case 1:
        *name = "MachineKeySet";
        return seen(inf, MACHINE) ? NULL : "is missing: it has to be TRUE";
    case 2:
        *name = "UseExistingKeySet";
        return inf->same_key && (seen(inf, EXPORTABLE) || seen(inf, LENGTH) || seen(inf, ALGORITHM))
                   ? "keeps the key: Exportable, KeyLength and KeyAlgorithm do not go with it"
                   : NULL;
    default:
        *name = "KeyLength";
        inf->alg = algs[inf->key_kind];
        if (inf->alg == RA_KEY_NONE && inf->key_length >= 2048) {
            inf->alg = (enum ra_key_alg)(RA_KEY_RSA_2048 + (inf->key_length - 2048) / 1024);
        } else if (inf->key_kind == KEY_RSA && inf->key_length == 0) {
            inf->alg = RA_KEY_RSA_2048; /* certreq's own default */
        }
        bool fits = inf->key_kind == KEY_P256   ? inf->key_length == 0 || inf->key_length == 256
                    : inf->key_kind == KEY_P384 ? inf->key_length == 0 || inf->key_length == 384
                                                : inf->key_length == 0 || inf->key_length >= 2048;
        return fits ? NULL : "does not fit KeyAlgorithm";
    }
}
#define CONCLUSIONS 4u

/* --- the calls ----------------------------------------------------------------------------- */

void ra_inf_init(struct ra_inf *inf, struct ra_span text)
{
    memset(inf, 0, sizeof *inf);
    if (text.size >= 3 && memcmp(text.p, "\xef\xbb\xbf", 3) == 0) {
        text.p += 3;
        text.size -= 3;
    }
    inf->text = text;
    inf->hash = RA_HASH_SHA256;
}

static bool next_note(struct ra_inf *inf, struct ra_inf_note *note)
{
    struct line l;
    if (inf->text.size > RA_INF_TEXT_MAX) {
        *note = (struct ra_inf_note){0, RA_INF_REFUSED, "the file", "is too long"};
        inf->text.size = 0;
        inf->end = CONCLUSIONS;
        return true;
    }
    for (;;) {
        begin_part(&l.key, inf->key, sizeof inf->key);
        begin_part(&l.value, inf->value, sizeof inf->value);
        if (!read_line(inf->text, &inf->at, &inf->line, &l)) {
            break;
        }
        if (inf->section != STRINGS) {
            expand(inf->text, &l);
        }
        note->line = l.number;
        note->name = inf->key;
        if (l.section ? enter(inf, &l, note)
                      : (inf->key[0] != '\0' || l.has_value) && inf->section != STRINGS) {
            if (!l.section) {
                judge(inf, &l, note);
            }
            return true;
        }
        if (!l.section && inf->section == STRINGS && l.wrong != NULL) {
            *note = (struct ra_inf_note){l.number, RA_INF_REFUSED, inf->key, l.wrong};
            return true;
        }
    }
    while (inf->end < CONCLUSIONS) {
        note->why = conclude(inf, inf->end++, &note->name);
        if (note->why != NULL) {
            note->line = 0;
            note->verdict = RA_INF_REFUSED;
            return true;
        }
    }
    return false;
}

bool ra_inf_next(struct ra_inf *inf, struct ra_inf_note *note)
{
    bool noted = next_note(inf, note);
    if (noted && note->verdict == RA_INF_REFUSED) {
        inf->refused++;
    }
    return noted;
}

bool ra_inf_names(const struct ra_inf *inf, const struct ra_cert *cert)
{
    uint8_t thumbprint[20];
    struct ra_span serial = cert->serial;
    if (serial.size > 1 && serial.p[0] == 0) {
        serial.p++;
        serial.size--;
    }
    if (inf->id_size == 0) {
        return false;
    }
    if (inf->id_size == sizeof thumbprint && ra_cert_sha1(cert->der, thumbprint) == RA_OK &&
        memcmp(thumbprint, inf->id, sizeof thumbprint) == 0) {
        return true;
    }
    return serial.size == inf->id_size && memcmp(serial.p, inf->id, serial.size) == 0;
}

/* The same RDNs in the opposite order: which end comes first depends on who writes. */
static struct ra_span reversed(struct ra_span name, uint8_t *buf, size_t cap)
{
    struct ra_der d;
    struct ra_der_put w;
    ra_der_init(&d, name);
    ra_der_put_init(&w, buf, cap);
    (void)ra_der_enter(&d, RA_DER_SEQUENCE);
    while (ra_der_more(&d)) {
        ra_der_put_raw(&w, ra_der_any(&d));
    }
    ra_der_put_wrap(&w, RA_DER_SEQUENCE, 0);
    return ra_der_put_span(&w);
}

static bool same_subject(const char *text, struct ra_span subject)
{
    uint8_t name[RA_NAME_MAX], turned[RA_NAME_MAX];
    char plain[RA_INF_VALUE_MAX + 1];
    struct ra_span span;
    size_t n = 0;
    bool quoted = false, after_comma = false;
    /* "CN=x, O="y, z"" as Windows writes it, made what ra_name_from_text reads. */
    for (; *text != '\0'; text++) {
        if (*text == '"') {
            quoted = !quoted;
        } else if (*text != ' ' || !after_comma) {
            if (n + 3 > sizeof plain) {
                return false;
            }
            if (quoted && (*text == ',' || *text == '\\')) {
                plain[n++] = '\\';
            }
            plain[n++] = *text;
            after_comma = *text == ',' && !quoted && (n < 2 || plain[n - 2] != '\\');
        }
    }
    plain[n] = '\0';
    if (ra_name_from_text(plain, name, sizeof name, &span) != RA_OK) {
        return false;
    }
    return ra_name_equal(span, subject) ||
           ra_name_equal(reversed(span, turned, sizeof turned), subject);
}

bool ra_inf_match(struct ra_inf *inf, const struct ra_cert *cert, struct ra_inf_note *note)
{
    /* Keys of CryptoAPI either sign or exchange keys; those that may do the latter may sign too. */
    bool signs_only = cert->key_usage == RA_KU_DIGITAL_SIGNATURE;
    bool never_signs = (cert->key_usage & RA_KU_DIGITAL_SIGNATURE) == 0;
    note->verdict = RA_INF_REFUSED;
    note->why = "differs from the old certificate's";
    if (inf->subject_line != 0 && !same_subject(inf->subject, cert->subject)) {
        note->line = inf->subject_line;
        note->name = "Subject";
        return false;
    }
    if (inf->usage_line != 0 && (!cert->has_key_usage || inf->key_usage != cert->key_usage)) {
        note->line = inf->usage_line;
        note->name = "KeyUsage";
        return false;
    }
    if (inf->purpose_line != 0 && (!cert->eku_request_agent || cert->eku_count != 1)) {
        note->line = inf->purpose_line;
        note->name = "OID";
        return false;
    }
    if (inf->template_line != 0) {
        char name[64];
        ra_cert_template_name(cert, name, sizeof name);
        if (!ra_text_equal_nocase(name, inf->template_name)) {
            note->line = inf->template_line;
            note->name = "CertificateTemplate";
            return false;
        }
    }
    if (inf->spec_line != 0 && cert->has_key_usage &&
        ((inf->key_spec == SPEC_EXCHANGE && signs_only) ||
         (inf->key_spec == SPEC_SIGNATURE && never_signs))) {
        note->line = inf->spec_line;
        note->name = "KeySpec";
        note->why = "does not fit the certificate's key usage";
        return false;
    }
    return true;
}
