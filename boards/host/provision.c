/* provision.c - writes the flash image of a new appliance: credentials, anchors, settings.
 *
 * The firmware's own store and API do the writing, so the image is what the
 * appliance itself would have written. For the factory and for the tests.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host_hal.h"
#include "perennial.h"
#include "ra_pem.h"

#define SF2_FLASH_SIZE 0x1000000u /* the whole NOR part of emcraft-sf2 ... */
#define SF2_STORE_AT 0xf80000u    /* ... and where its store begins        */
#define FILE_MAX 65536u

struct pair {
    const char *key, *cert, *chain; /* or: */
    const char *sealed;             /* PKCS #12, or PEM with the key under the passphrase */
};

static struct hal hal;
static struct ra ra;

static void die(const char *what, const char *why)
{
    fprintf(stderr, "provision: %s: %s\n", what, why);
    exit(1);
}

static void check(const char *what, ra_err e)
{
    if (e != RA_OK) {
        die(what, ra_error_text(e));
    }
}

static size_t read_file(const char *name, uint8_t *to)
{
    FILE *f = fopen(name, "rb");
    if (f == NULL) {
        die(name, "cannot be opened");
    }
    size_t size = fread(to, 1, FILE_MAX, f);
    if (size == FILE_MAX) {
        die(name, "is too large");
    }
    fclose(f);
    return size;
}

/* One object in PEM or DER. */
static size_t read_der(const char *name, uint8_t *to)
{
    uint8_t file[FILE_MAX];
    size_t size = 0;
    size_t n = read_file(name, file);
    check(name, ra_pem_to_der(file, n, to, FILE_MAX, &size));
    return size;
}

/* All certificates of a PEM file, one after the other in DER. */
static size_t read_chain(const char *name, uint8_t *to)
{
    uint8_t file[FILE_MAX];
    struct ra_span rest = {file, read_file(name, file)};
    struct ra_span label, body;
    size_t size = 0;
    while (ra_pem_next(&rest, &label, &body) == RA_OK) {
        size_t n = 0;
        check(name, ra_base64_decode(body.p, body.size, to + size, FILE_MAX - size, &n));
        size += n;
    }
    return size;
}

static void run_until_settled(void)
{
    do {
        (void)ra_step(&ra);
    } while (!ra_started(&ra) || !ra_settled(&ra) || ra.config_dirty || ra.commit_dirty ||
             ra.events.count != 0);
}

static void store_pair(enum ra_role role, const struct pair *pair)
{
    static uint8_t key[FILE_MAX], cert[FILE_MAX], chain[FILE_MAX];
    struct ra_key parsed;
    size_t chain_size = 0;
    size_t key_size = read_der(pair->key, key);
    size_t cert_size = read_der(pair->cert, cert);
    ra_err e;
    if (pair->chain != NULL) {
        chain_size = read_chain(pair->chain, chain);
    }
    check(pair->key, ra_key_from_der(&parsed, key, key_size));
    check(pair->key, ra_key_to_der(&parsed, key, sizeof key, &key_size));
    do {
        (void)ra_step(&ra);
        e = ra_provision(&ra, role, key, key_size, cert, cert_size, chain, chain_size);
    } while (e == RA_AGAIN);
    check(pair->cert, e);
}

/* The console's `import`. */
static void import_pair(enum ra_role role, const char *name, const char *passphrase)
{
    static uint8_t file[FILE_MAX + RA_BER_SLACK];
    static char word[128];
    size_t size = 0;
    if (passphrase == NULL) {
        die(name, "--passphrase FILE is missing");
    }
    size = read_file(passphrase, file);
    if (size >= sizeof word) {
        die(passphrase, "is too long");
    }
    memcpy(word, file, size);
    word[size] = '\0';
    word[strcspn(word, "\r\n")] = '\0';
    size = read_file(name, file);
    ra_err e;
    do {
        (void)ra_step(&ra);
        e = ra_import(&ra, role, file, size, sizeof file, word);
    } while (e == RA_AGAIN);
    check(name, e);
}

static void store_anchor(unsigned index, const char *name)
{
    static uint8_t cert[FILE_MAX];
    size_t size = read_der(name, cert);
    ra_err e;
    do {
        (void)ra_step(&ra);
        e = ra_provision_anchor(&ra, index, cert, size);
    } while (e == RA_AGAIN);
    check(name, e);
}

static void change_setting(char *assignment)
{
    char *value = strchr(assignment, '=');
    if (value == NULL) {
        die(assignment, "NAME=VALUE expected");
    }
    *value++ = '\0';
    check(assignment, ra_setting_change(&ra, assignment, value));
    ra_config_save(&ra);
}

/* The store's region, read back through the driver; on emcraft-sf2 in its place
 * in the whole part. */
static void write_image(const char *name, bool sf2)
{
    uint32_t region = hal.flash.sector_size * hal.flash.sector_count;
    uint32_t size = sf2 ? SF2_FLASH_SIZE : region;
    uint32_t at = sf2 ? SF2_STORE_AT : 0;
    uint8_t *image = malloc(size);
    FILE *f = fopen(name, "wb");
    if (image == NULL || f == NULL || at + region > size) {
        die(name, "cannot be written");
    }
    memset(image, hal.flash.erased, size);
    if (hal.flash.read(hal.flash.dev, 0, image + at, region) != HAL_FLASH_DONE) {
        die(name, "the flash cannot be read back");
    }
    if (fwrite(image, 1, size, f) != size || fclose(f) != 0) {
        die(name, "cannot be written");
    }
    free(image);
}

static void usage(void)
{
    printf(
        "usage: provision --out FILE [--sf2] --device-key FILE\n"
        "  --agent-key K --agent-cert C [--agent-chain P]   Enrollment Agent, PEM or DER\n"
        "  --cep-key K --cep-cert C [--cep-chain P]         CEP Encryption\n"
        "  --own-key K --own-cert C [--own-chain P]         Device\n"
        "  --agent-pair F, --cep-pair F, --own-pair F       instead: PKCS #12, or PEM with the "
        "key\n"
        "                                                   under a passphrase, and the issuers\n"
        "  --passphrase FILE                                its first line opens them\n"
        "  --anchor C ...                                   trust anchors, up to %d\n"
        "  --config NAME=VALUE ...                          settings\n"
        "  --sf2    the whole 16 MiB flash of emcraft-sf2, the store in its place\n%s",
        RA_ANCHORS_MAX, host_options_help());
}

int main(int argc, char *argv[])
{
    static struct pair pairs[RA_ROLES];
    static struct host_options options;
    const char *anchors[RA_ANCHORS_MAX];
    char *settings[64];
    const char *out = NULL, *passphrase = NULL;
    unsigned anchor_count = 0, setting_count = 0;
    bool sf2 = false;
    const struct {
        const char *option;
        const char **to;
    } files[] = {
        {"--out", &out},
        {"--passphrase", &passphrase},
        {"--agent-pair", &pairs[RA_ROLE_AGENT].sealed},
        {"--cep-pair", &pairs[RA_ROLE_ENCRYPTION].sealed},
        {"--own-pair", &pairs[RA_ROLE_DEVICE].sealed},
        {"--agent-key", &pairs[RA_ROLE_AGENT].key},
        {"--agent-cert", &pairs[RA_ROLE_AGENT].cert},
        {"--agent-chain", &pairs[RA_ROLE_AGENT].chain},
        {"--cep-key", &pairs[RA_ROLE_ENCRYPTION].key},
        {"--cep-cert", &pairs[RA_ROLE_ENCRYPTION].cert},
        {"--cep-chain", &pairs[RA_ROLE_ENCRYPTION].chain},
        {"--own-key", &pairs[RA_ROLE_DEVICE].key},
        {"--own-cert", &pairs[RA_ROLE_DEVICE].cert},
        {"--own-chain", &pairs[RA_ROLE_DEVICE].chain},
    };
    host_options_default(&options);
    options.argv = argv;
    for (int at = 1; at < argc;) {
        int known = host_options_read(&options, argc, argv, &at);
        if (known < 0) {
            return HOST_EXIT_USAGE;
        }
        if (known > 0) {
            continue;
        }
        const char *option = argv[at++];
        bool taken = false;
        if (strcmp(option, "--help") == 0) {
            usage();
            return 0;
        }
        if (strcmp(option, "--sf2") == 0) {
            sf2 = true;
            continue;
        }
        if (at == argc) {
            usage();
            return HOST_EXIT_USAGE;
        }
        for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
            if (strcmp(option, files[i].option) == 0) {
                *files[i].to = argv[at++];
                taken = true;
                break;
            }
        }
        if (!taken && strcmp(option, "--anchor") == 0 && anchor_count < RA_ANCHORS_MAX) {
            anchors[anchor_count++] = argv[at++];
            taken = true;
        }
        if (!taken && strcmp(option, "--config") == 0 && setting_count < 64) {
            settings[setting_count++] = argv[at++];
            taken = true;
        }
        if (!taken) {
            usage();
            return HOST_EXIT_USAGE;
        }
    }
    if (out == NULL) {
        usage();
        return HOST_EXIT_USAGE;
    }
    options.network = false;
    if (host_hal_open(&options, &hal) != 0) {
        return 1;
    }
    check("flash", ra_init(&ra, &hal, NULL, NULL));
    while (!ra_started(&ra)) {
        (void)ra_step(&ra);
    }
    for (unsigned i = 0; i < anchor_count; i++) {
        store_anchor(i, anchors[i]);
    }
    for (unsigned i = 0; i < RA_ROLES; i++) {
        if (pairs[i].key != NULL && pairs[i].cert != NULL) {
            store_pair((enum ra_role)i, &pairs[i]);
        }
        if (pairs[i].sealed != NULL) {
            import_pair((enum ra_role)i, pairs[i].sealed, passphrase);
        }
    }
    for (unsigned i = 0; i < setting_count; i++) {
        change_setting(settings[i]);
    }
    run_until_settled();
    write_image(out, sf2);
    return 0;
}
