/* seeds FOLDER: the messages, certificates and keys of tests/support, each to a file; and flash
 * images of stores that were used, for `mount`. seeds.py asks for them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto_vectors.h"
#include "fake_flash.h"
#include "fuzz.h"
#include "pkcs12_vectors.h"
#include "pki_vectors.h"
#include "ra_credentials.h"
#include "ra_store.h"
#include "scep_vectors.h"
#include "world_vectors.h"

static const char *folder;

static void write_file(const char *kind, const char *name, const void *p, size_t size)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s_%s", folder, kind, name);
    FILE *f = fopen(path, "wb");
    fuzz_must(f != NULL && fwrite(p, 1, size, f) == size && fclose(f) == 0, path);
}

/* A store of few small sectors, used until it has moved to another bank. */
static void write_image(void)
{
    static const struct fake_geometry g = {512, 64, 1, 1, 0xff};
    static const struct ra_store_need needs[] = {{8, 100}, {2, 700}};
    static struct fake_flash f;
    static struct ra_store s;
    uint8_t bytes[100], first = 0;
    fake_flash_start(&f, &g);
    fuzz_must(ra_store_init_needs(&s, &f.hal, NULL, NULL, needs, 2) == RA_OK, "a store");
    while (ra_store_mount_step(&s) == RA_AGAIN) {
    }
    for (unsigned i = 0; i < 40; i++) {
        char name[32];
        memset(bytes, (int)i, sizeof bytes);
        fuzz_must(ra_store_put(&s, 1, (uint16_t)(i % 5u), bytes, sizeof bytes) == RA_OK, "a put");
        while (ra_store_step(&s) == RA_AGAIN) {
        }
        if (i == 0 || i == 5 || i == 39) {
            uint8_t image[1 + 8192];
            image[0] = first;
            memcpy(image + 1, f.model.memory, sizeof image - 1);
            (void)snprintf(name, sizeof name, "after_%u", i);
            write_file("flash", name, image, sizeof image);
        }
    }
}

static void write_records(void)
{
    uint8_t out[1024] = {0};
    struct ra_commit c;
    struct ra_txn t;
    memset(&c, 0, sizeof c);
    memset(&t, 0, sizeof t);
    for (unsigned i = 0; i < RA_ROLES_MAX; i++) {
        c.slot[i] = (struct ra_slot){.active = 2,
                                     .previous = 1,
                                     .newest = 3,
                                     .active_not_before = 1700000000,
                                     .active_not_after = 1800000000,
                                     .seed = 7};
    }
    c.time_floor = 1700000000;
    write_file("record", "commit", out, ra_commit_encode(&c, out));
    t.generation = 3;
    t.phase = (enum ra_phase)2;
    memcpy(t.request_id, "17", 3);
    memcpy(t.peer, "Taken Under Submission", 23);
    t.started = t.submitted = 1700000000;
    write_file("record", "txn", out, ra_txn_encode(&t, out));
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        return 2;
    }
    folder = argv[1];
    for (const struct pki_blob *b = pki_blobs; b->name != NULL; b++) {
        write_file("pki", b->name, b->p, b->size);
    }
    for (const struct pki_blob *b = scep_blobs; b->name != NULL; b++) {
        write_file("scep", b->name, b->p, b->size);
    }
    for (const struct pki_cert *c = pki_certs; c->name != NULL; c++) {
        write_file("cert", c->name, c->p, c->size);
    }
    for (const struct world_blob *b = world_blobs; b->name != NULL; b++) {
        write_file("world", b->name, b->p, b->size);
    }
    for (const struct crypto_blob *b = crypto_blobs; b->name != NULL; b++) {
        write_file("crypto", b->name, b->p, b->size);
    }
    for (const struct pkcs12_file *f = pkcs12_files; f->name != NULL; f++) {
        write_file("pkcs12", f->name, f->p, f->size);
    }
    write_image();
    write_records();
    return 0;
}
