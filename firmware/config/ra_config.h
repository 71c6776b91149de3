/* ra_config.h - every setting an operator can change, in one struct and one table.
 *
 * The struct is plain data that the rest of the firmware reads as const. The
 * table gives each setting its name, kind, limits, default and one line of
 * help; the console's `config list`, the text stored in flash and
 * docs/configuration.md all come from it.
 *
 * Stored form: lines of "name value\n", only those that differ from the
 * default. A name this build does not know is skipped on reading, so that
 * flash written by a newer release is usable; a value it does not accept
 * leaves the default and is counted.
 */
#ifndef RA_CONFIG_H
#define RA_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ra_error.h"
#include "ra_limits.h"
#include "ra_text.h"

/* The enrolment protocol; the numbers are stored with a transaction. */
enum ra_protocol { RA_PROTOCOL_ADCS = 0, RA_PROTOCOL_SCEP = 1, RA_PROTOCOL_EST = 2, RA_PROTOCOLS };

enum ra_key_policy {
    RA_KEY_POLICY_NEW = 0, /* a new key at each renewal                    */
    RA_KEY_POLICY_SAME = 1 /* keep the key, as certreq's UseExistingKeySet */
};

/* Whose key signs a SCEP message; the order is that of the setting's choices. */
enum ra_signer { RA_SIGNER_OWN, RA_SIGNER_AGENT, RA_SIGNER_ENCRYPTION, RA_SIGNER_DEVICE };

/* Against what the dates of a TLS server are checked while the time is unknown: not at all, for
 * there is no connection before it is known; or against the time floor. */
enum ra_tls_time { RA_TLS_TIME_WAIT, RA_TLS_TIME_FLOOR };
/* Whether a TLS server that asks for a certificate gets the device role's. */
enum ra_tls_client { RA_TLS_CLIENT_OFF, RA_TLS_CLIENT_DEVICE };

#define RA_FINGERPRINT_TEXT 95 /* 32 bytes in hex, colons between them */
#define RA_SUBJECT_MAX 160

/* Choices are in the order of their words: values of enum ra_key_alg, enum ra_protocol, ... */
struct ra_config {
    /* the CA */
    uint8_t protocol; /* enum ra_protocol */
    char ca_url[RA_URL_MAX + 1];
    char ca_user[RA_USER_MAX + 1];
    char ca_password[RA_USER_MAX + 1]; /* secret: never printed, sealed in flash */
    bool allow_plaintext_password;
    uint16_t poll_minutes;
    char device_url[RA_URL_MAX + 1]; /* "": as ca_url */
    uint8_t device_protocol;         /* 0: as protocol, else enum ra_protocol + 1 */
    /* SCEP */
    char ca_id[RA_USER_MAX + 1];
    char ca_fingerprint[RA_FINGERPRINT_TEXT + 1];
    uint8_t scep_cipher; /* 0: AES-128, 1: AES-256 */
    uint8_t scep_hash;   /* 0: SHA-256, 1: SHA-512 */
    bool scep_legacy;
    uint8_t scep_renewal;                 /* enum ra_scep_renewal */
    uint8_t scep_poll;                    /* enum ra_scep_poll */
    char scep_challenge[RA_USER_MAX + 1]; /* secret */
    bool challenge_at_renewal;
    uint8_t signer[3]; /* enum ra_signer, for each role */
    /* EST */
    char est_label[RA_USER_MAX + 1];
    uint8_t est_channel_binding; /* enum ra_est_binding */
    uint8_t est_renewal;         /* 0: simplereenroll, 1: simpleenroll */

    char subject[RA_SUBJECT_MAX + 1]; /* of a first enrolment */
    /* TLS */
    uint8_t tls_time;   /* enum ra_tls_time */
    uint8_t tls_client; /* enum ra_tls_client */
    /* when and how to renew */
    uint16_t renew_days;
    uint16_t renew_percent; /* 0: renew_days decides */
    uint16_t jitter_hours;
    uint16_t split_days;
    uint16_t probation_hours;
    uint16_t retention_days; /* 0: until the old certificate expires */
    uint16_t minimum_life_days;
    uint16_t attempts_per_day;
    uint16_t boot_budget_s;
    uint8_t agent_key;      /* 0: like the old key, else enum ra_key_alg */
    uint8_t encryption_key; /* 0: like the old key, else enum ra_key_alg */
    uint8_t device_key;     /* 0: like the old key, else enum ra_key_alg */
    uint8_t key_policy;     /* enum ra_key_policy */
    bool hold;
    uint16_t idle_minutes; /* of the console; 0: no end */
    /* the network */
    uint32_t ip_address; /* 0: DHCP; else a.b.c.d, a in the top byte */
    uint32_t netmask;
    uint32_t gateway;
    uint32_t dns_server; /* 0: as DHCP says */
    char sntp_server[2][RA_HOST_MAX + 1];
    char syslog_server[RA_HOST_MAX + 1];
    uint16_t syslog_port;
    uint16_t syslog_facility; /* RFC 5424 table 1: 16 is local0 */
    uint8_t syslog_level;     /* the least severe that is sent: RFC 5424 table 2, by word */
    char host_name[33];       /* sent to the DHCP server and as the client's name in requests */
};

enum ra_setting_kind {
    RA_SETTING_TEXT,   /* printable ASCII, at most `max` characters; spaces in `subject` alone */
    RA_SETTING_SECRET, /* same, with spaces, never shown                           */
    RA_SETTING_NUMBER, /* decimal, min .. max                                      */
    RA_SETTING_SWITCH, /* on or off                                                */
    RA_SETTING_CHOICE, /* one of `choices`, words parted by '|'                    */
    RA_SETTING_IPV4    /* a.b.c.d, or `default`'s word for 0                       */
};

struct ra_setting {
    const char *name;
    const char *initial; /* default, as text */
    const char *choices; /* for RA_SETTING_CHOICE */
    const char *help;    /* one line, under 60 characters */
    uint16_t offset;     /* into struct ra_config */
    uint16_t min, max;
    uint8_t kind; /* enum ra_setting_kind */
};

/* Upper bound of the stored form. */
#define RA_CONFIG_TEXT_MAX 2048

size_t ra_setting_count(void);
/* i < ra_setting_count(); static. */
const struct ra_setting *ra_setting_at(size_t i);
/* NULL when there is none of this name. Names compare without case. */
const struct ra_setting *ra_setting_find(const char *name);

/* Fill with the defaults. */
void ra_config_defaults(struct ra_config *c);

/* Set one setting from its text. RA_E_CONFIG_NAME or RA_E_CONFIG_VALUE leave
 * `c` as it was. RA_E_ENCRYPTION_EC for an EC key in the encryption role. */
ra_err ra_config_set(struct ra_config *c, const char *name, const char *value);

/* Append the setting's value as ra_config_set reads it; a secret as "(set)" or "(not set)"
 * unless `reveal`. */
void ra_config_print(const struct ra_config *c, const struct ra_setting *s, bool reveal,
                     struct ra_text *to);

/* The 32 bytes of a fingerprint typed as 64 hex digits, colons allowed between bytes.
 * False when it is none. */
bool ra_config_fingerprint(const char *text, uint8_t out[32]);

/* Whether the setting has its default value. */
bool ra_config_is_default(const struct ra_config *c, const struct ra_setting *s);

/* The stored form, secrets included, in to[0 .. *size-1]; RA_E_SPACE when cap is too small. */
ra_err ra_config_write(const struct ra_config *c, char *to, size_t cap, size_t *size);
/* Read the stored form over the defaults. Any bytes are accepted; returns the
 * number of lines that were not understood. */
unsigned ra_config_read(struct ra_config *c, const char *text, size_t size);

#endif
