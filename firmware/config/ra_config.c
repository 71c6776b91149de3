#include "ra_config.h"

#include <string.h>

#include "ra_hash.h"
#include "ra_key.h"

static const char keys[] = "like-old|rsa2048|rsa3072|rsa4096|p256|p384";
#define SIGNERS "own|agent|encryption|device"
#define AT(field) (uint16_t) offsetof(struct ra_config, field)

/* clang-format off */
static const struct ra_setting settings[] = {
    {"protocol", "adcs", "adcs|scep|est", "adcs: Web Enrollment; scep: RFC 8894; est: RFC 7030", AT(protocol), 0, 0, RA_SETTING_CHOICE},
    {"ca-url", "", NULL, "where the CA's web enrollment, SCEP or EST server is", AT(ca_url), 0, RA_URL_MAX, RA_SETTING_TEXT},
    {"ca-user", "", NULL, "account that may enrol; for the server of ca-url alone", AT(ca_user), 0, RA_USER_MAX, RA_SETTING_TEXT},
    {"ca-password", "", NULL, "its password; never shown", AT(ca_password), 0, RA_USER_MAX, RA_SETTING_SECRET},
    {"allow-plaintext-password", "off", NULL, "send the password over http, readable by anybody", AT(allow_plaintext_password), 0, 0, RA_SETTING_SWITCH},
    {"poll-minutes", "60", NULL, "how often to ask for a pending certificate", AT(poll_minutes), 1, 1440, RA_SETTING_NUMBER},
    {"device-url", "", NULL, "another CA for the device role; empty: the same", AT(device_url), 0, RA_URL_MAX, RA_SETTING_TEXT},
    {"device-protocol", "same", "same|adcs|scep|est", "and its protocol", AT(device_protocol), 0, 0, RA_SETTING_CHOICE},
    {"ca-id", "", NULL, "SCEP: which CA of the server, where it has several", AT(ca_id), 0, RA_USER_MAX, RA_SETTING_TEXT},
    {"ca-fingerprint", "", NULL, "SCEP: SHA-256 of a CA certificate to trust, in hex", AT(ca_fingerprint), 0, RA_FINGERPRINT_TEXT, RA_SETTING_TEXT},
    {"scep-cipher", "aes128", "aes128|aes256", "SCEP: how requests are encrypted", AT(scep_cipher), 0, 0, RA_SETTING_CHOICE},
    {"scep-hash", "sha256", "sha256|sha512", "SCEP: how messages are signed", AT(scep_hash), 0, 0, RA_SETTING_CHOICE},
    {"scep-legacy", "off", NULL, "SCEP: allow DES3 and SHA-1, and open DES replies", AT(scep_legacy), 0, 0, RA_SETTING_SWITCH},
    {"scep-renewal", "auto", "auto|renewalreq|pkcsreq", "SCEP: message type of a renewal", AT(scep_renewal), 0, 0, RA_SETTING_CHOICE},
    {"scep-poll", "certpoll", "certpoll|resend", "SCEP: how to ask for a pending certificate", AT(scep_poll), 0, 0, RA_SETTING_CHOICE},
    {"scep-challenge", "", NULL, "challenge password of a first enrolment; never shown", AT(scep_challenge), 0, RA_USER_MAX, RA_SETTING_SECRET},
    {"challenge-at-renewal", "off", NULL, "send it with renewals too", AT(challenge_at_renewal), 0, 0, RA_SETTING_SWITCH},
    {"agent-signer", "own", SIGNERS, "SCEP: whose key signs the agent's request", AT(signer[0]), 0, 0, RA_SETTING_CHOICE},
    {"encryption-signer", "own", SIGNERS, "SCEP: whose key signs CEP Encryption's request", AT(signer[1]), 0, 0, RA_SETTING_CHOICE},
    {"device-signer", "own", SIGNERS, "SCEP: whose key signs the device's request", AT(signer[2]), 0, 0, RA_SETTING_CHOICE},
    {"est-label", "", NULL, "EST: which CA of the server, where it has several", AT(est_label), 0, RA_USER_MAX, RA_SETTING_TEXT},
    {"est-channel-binding", "asked", "asked|always|never", "EST: bind requests to the TLS connection", AT(est_channel_binding), 0, 0, RA_SETTING_CHOICE},
    {"est-renewal", "simplereenroll", "simplereenroll|simpleenroll", "EST: where a renewal is sent", AT(est_renewal), 0, 0, RA_SETTING_CHOICE},
    {"subject", "", NULL, "name in a first enrolment: CN=ra1,O=Example", AT(subject), 0, RA_SUBJECT_MAX, RA_SETTING_TEXT},
    {"tls-time", "wait", "wait|floor", "https without a known time: wait, or use the floor", AT(tls_time), 0, 0, RA_SETTING_CHOICE},
    {"tls-client-certificate", "off", "off|device", "whose certificate an https server may ask for", AT(tls_client), 0, 0, RA_SETTING_CHOICE},
    {"renew-days", "42", NULL, "renew this many days before expiry", AT(renew_days), 1, 720, RA_SETTING_NUMBER},
    {"renew-percent", "0", NULL, "or at this part of the life; 0: renew-days decides", AT(renew_percent), 0, 95, RA_SETTING_NUMBER},
    {"jitter-hours", "24", NULL, "spread of the start between appliances", AT(jitter_hours), 0, 240, RA_SETTING_NUMBER},
    {"split-days", "7", NULL, "stop waiting for the partner this long before expiry", AT(split_days), 1, 60, RA_SETTING_NUMBER},
    {"probation-hours", "24", NULL, "how long the old pair stays ready to come back", AT(probation_hours), 1, 720, RA_SETTING_NUMBER},
    {"retention-days", "0", NULL, "keep the old decryption key; 0: till its certificate ends", AT(retention_days), 0, 3650, RA_SETTING_NUMBER},
    {"minimum-life-days", "90", NULL, "refuse what lasts less, not near the end", AT(minimum_life_days), 1, 3650, RA_SETTING_NUMBER},
    {"attempts-per-day", "8", NULL, "requests sent to the CA in one day at most, per role", AT(attempts_per_day), 1, 100, RA_SETTING_NUMBER},
    {"boot-budget-seconds", "10", NULL, "how long the boot may wait for us", AT(boot_budget_s), 0, 600, RA_SETTING_NUMBER},
    {"agent-key", "like-old", keys, "new key of the Enrollment Agent", AT(agent_key), 0, 0, RA_SETTING_CHOICE},
    {"encryption-key", "like-old", keys, "new key of CEP Encryption, RSA only", AT(encryption_key), 0, 0, RA_SETTING_CHOICE},
    {"device-key", "like-old", keys, "new key of the device role", AT(device_key), 0, 0, RA_SETTING_CHOICE},
    {"key-policy", "new", "new|same", "make a new key at each renewal, or keep it", AT(key_policy), 0, 0, RA_SETTING_CHOICE},
    {"hold", "off", NULL, "on: renew nothing until switched off", AT(hold), 0, 0, RA_SETTING_SWITCH},
    {"ip-address", "dhcp", NULL, "own address, or dhcp", AT(ip_address), 0, 0, RA_SETTING_IPV4},
    {"netmask", "255.255.255.0", NULL, "with a static address", AT(netmask), 0, 0, RA_SETTING_IPV4},
    {"gateway", "none", NULL, "with a static address", AT(gateway), 0, 0, RA_SETTING_IPV4},
    {"dns-server", "dhcp", NULL, "name server, or dhcp", AT(dns_server), 0, 0, RA_SETTING_IPV4},
    {"sntp-server", "", NULL, "time server, name or address", AT(sntp_server[0]), 0, RA_HOST_MAX, RA_SETTING_TEXT},
    {"sntp-server-2", "", NULL, "another, asked when that is silent", AT(sntp_server[1]), 0, RA_HOST_MAX, RA_SETTING_TEXT},
    {"syslog-server", "", NULL, "where events are sent by syslog; empty: nowhere", AT(syslog_server), 0, RA_HOST_MAX, RA_SETTING_TEXT},
    {"syslog-port", "514", NULL, "its UDP port", AT(syslog_port), 1, 65535, RA_SETTING_NUMBER},
    {"syslog-facility", "16", NULL, "16 is local0, 23 local7", AT(syslog_facility), 0, 23, RA_SETTING_NUMBER},
    {"syslog-level", "info", "emerg|alert|crit|err|warning|notice|info|debug", "send what is at least this severe", AT(syslog_level), 0, 0, RA_SETTING_CHOICE},
    {"idle-minutes", "10", NULL, "end an idle session at the console; 0: never", AT(idle_minutes), 0, 1440, RA_SETTING_NUMBER},
    {"host-name", "ra-appliance", NULL, "this appliance's name", AT(host_name), 0, 32, RA_SETTING_TEXT},
};
/* clang-format on */

#define COUNT (sizeof settings / sizeof settings[0])

_Static_assert(RA_KEY_NONE == 0 && RA_KEY_RSA_2048 == 1 && RA_KEY_RSA_4096 == 3 &&
                   RA_KEY_EC_P256 == 4 && RA_KEY_EC_P384 == 5,
               "`keys` lists the algorithms in the order of enum ra_key_alg");

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool ra_config_fingerprint(const char *text, uint8_t out[32])
{
    for (unsigned i = 0; i < 32; i++) {
        int high = hex_digit(text[0]);
        int low = high < 0 ? -1 : hex_digit(text[1]);
        if (low < 0) {
            return false;
        }
        out[i] = (uint8_t)(high << 4 | low);
        text += 2;
        if (*text == ':' && i < 31) {
            text++;
        }
    }
    return *text == '\0';
}

size_t ra_setting_count(void)
{
    return COUNT;
}

const struct ra_setting *ra_setting_at(size_t i)
{
    return &settings[i];
}

const struct ra_setting *ra_setting_find(const char *name)
{
    for (size_t i = 0; i < COUNT; i++) {
        if (ra_text_equal_nocase(settings[i].name, name)) {
            return &settings[i];
        }
    }
    return NULL;
}

static bool parse_ipv4(const char *s, uint32_t *out)
{
    uint32_t address = 0;
    for (unsigned part = 0; part < 4; part++) {
        size_t n = strspn(s, "0123456789");
        uint32_t octet;
        if (n > 3 || !ra_text_parse_u32(s, n, 255, &octet)) {
            return false;
        }
        address = address << 8 | octet;
        s += n;
        if (*s++ != (part < 3 ? '.' : '\0')) {
            return false;
        }
    }
    *out = address;
    return true;
}

/* A larger key than this build has room for would fail at each renewal. */
static bool can_be_made(enum ra_key_alg alg)
{
    return !ra_key_is_rsa(alg) || ra_key_bits(alg) <= RA_RSA_BITS_MAX;
}

/* The index of `value` among words parted by '|', or -1. */
static int choice_index(const char *choices, const char *value)
{
    int index = 0;
    size_t size = strlen(value);
    for (;; index++) {
        size_t n = strcspn(choices, "|");
        if (n == size && memcmp(choices, value, n) == 0) {
            return index;
        }
        if (choices[n] == '\0') {
            return -1;
        }
        choices += n + 1;
    }
}

static bool printable(const char *s, char least, size_t max)
{
    size_t n = 0;
    for (; s[n] != '\0'; n++) {
        if (s[n] < least || s[n] > '~') {
            return false;
        }
    }
    return n <= max;
}

static ra_err set(struct ra_config *c, const struct ra_setting *s, const char *value)
{
    void *field = (uint8_t *)c + s->offset;
    uint32_t number;
    uint8_t digest[32];
    char least;
    int index;
    switch (s->kind) {
    case RA_SETTING_TEXT:
    case RA_SETTING_SECRET:
        /* What is not a word: a name of a company, a password. */
        least = s->kind == RA_SETTING_SECRET || s->offset == AT(subject) ? ' ' : '!';
        if (!printable(value, least, s->max)) {
            return RA_E_CONFIG_VALUE;
        }
        if (s->offset == AT(ca_fingerprint) && value[0] != '\0' &&
            !ra_config_fingerprint(value, digest)) {
            return RA_E_CONFIG_VALUE;
        }
        /* Zero the rest too: no tail of an older secret stays behind. */
        memset(field, 0, (size_t)s->max + 1u);
        memcpy(field, value, strlen(value));
        return RA_OK;
    case RA_SETTING_NUMBER:
        if (!ra_text_parse_u32(value, strlen(value), s->max, &number) || number < s->min) {
            return RA_E_CONFIG_VALUE;
        }
        *(uint16_t *)field = (uint16_t)number;
        return RA_OK;
    case RA_SETTING_SWITCH:
        index = choice_index("off|on", value);
        if (index < 0) {
            return RA_E_CONFIG_VALUE;
        }
        *(bool *)field = index == 1;
        return RA_OK;
    case RA_SETTING_CHOICE:
        index = choice_index(s->choices, value);
        if (index < 0 || (s->choices == keys && !can_be_made((enum ra_key_alg)index))) {
            return RA_E_CONFIG_VALUE;
        }
        if (s->offset == offsetof(struct ra_config, encryption_key) && index >= RA_KEY_EC_P256) {
            return RA_E_ENCRYPTION_EC;
        }
        *(uint8_t *)field = (uint8_t)index;
        return RA_OK;
    default: /* RA_SETTING_IPV4 */
        if (strcmp(value, "dhcp") == 0 || strcmp(value, "none") == 0) {
            number = 0;
        } else if (!parse_ipv4(value, &number)) {
            return RA_E_CONFIG_VALUE;
        }
        memcpy(field, &number, sizeof number);
        return RA_OK;
    }
}

void ra_config_defaults(struct ra_config *c)
{
    memset(c, 0, sizeof *c);
    for (size_t i = 0; i < COUNT; i++) {
        if (settings[i].initial[0] != '\0') { /* else the zeros are it */
            (void)set(c, &settings[i], settings[i].initial);
        }
    }
}

ra_err ra_config_set(struct ra_config *c, const char *name, const char *value)
{
    const struct ra_setting *s = ra_setting_find(name);
    return s == NULL ? RA_E_CONFIG_NAME : set(c, s, value);
}

static void print_choice(const char *choices, unsigned index, struct ra_text *to)
{
    while (index-- != 0) {
        choices += strcspn(choices, "|") + 1;
    }
    ra_text_add_bytes(to, choices, strcspn(choices, "|"));
}

void ra_config_print(const struct ra_config *c, const struct ra_setting *s, bool reveal,
                     struct ra_text *to)
{
    const void *field = (const uint8_t *)c + s->offset;
    uint32_t address;
    switch (s->kind) {
    case RA_SETTING_SECRET:
        if (!reveal) {
            ra_text_add(to, *(const char *)field != '\0' ? "(set)" : "(not set)");
            break;
        }
        ra_text_add(to, field);
        break;
    case RA_SETTING_TEXT:
        ra_text_add(to, field);
        break;
    case RA_SETTING_NUMBER:
        ra_text_add_u32(to, *(const uint16_t *)field);
        break;
    case RA_SETTING_SWITCH:
        ra_text_add(to, *(const bool *)field ? "on" : "off");
        break;
    case RA_SETTING_CHOICE:
        print_choice(s->choices, *(const uint8_t *)field, to);
        break;
    default:
        memcpy(&address, field, sizeof address);
        if (address == 0) {
            ra_text_add(to, s->initial[0] == 'd' ? "dhcp" : "none");
            break;
        }
        for (unsigned shift = 32; shift != 0; shift -= 8) {
            ra_text_add_u32(to, address >> (shift - 8) & 255u);
            ra_text_add(to, shift > 8 ? "." : "");
        }
        break;
    }
}

bool ra_config_is_default(const struct ra_config *c, const struct ra_setting *s)
{
    char value[RA_URL_MAX + 1];
    struct ra_text text;
    ra_text_init(&text, value, sizeof value);
    ra_config_print(c, s, true, &text);
    bool same = strcmp(value, s->initial) == 0;
    ra_wipe(value, sizeof value);
    return same;
}

ra_err ra_config_write(const struct ra_config *c, char *to, size_t cap, size_t *size)
{
    struct ra_text text;
    ra_text_init(&text, to, cap);
    for (size_t i = 0; i < COUNT; i++) {
        if (ra_config_is_default(c, &settings[i])) {
            continue;
        }
        ra_text_add(&text, settings[i].name);
        ra_text_add_char(&text, ' ');
        ra_config_print(c, &settings[i], true, &text);
        ra_text_add_char(&text, '\n');
    }
    *size = text.size;
    return text.cut ? RA_E_SPACE : RA_OK;
}

unsigned ra_config_read(struct ra_config *c, const char *text, size_t size)
{
    char line[RA_URL_MAX + 40];
    unsigned bad = 0;
    ra_config_defaults(c);
    while (size != 0) {
        const char *end = memchr(text, '\n', size);
        size_t n = end != NULL ? (size_t)(end - text) : size;
        size_t step = end != NULL ? n + 1 : n;
        char *space = NULL;
        if (n < sizeof line) {
            memcpy(line, text, n);
            line[n] = '\0';
            space = strchr(line, ' ');
        }
        if (space == NULL) {
            bad += n != 0;
        } else {
            *space = '\0';
            if (ra_config_set(c, line, space + 1) != RA_OK) {
                bad++;
            }
        }
        text += step;
        size -= step;
    }
    ra_wipe(line, sizeof line);
    return bad;
}
