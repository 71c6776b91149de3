/* fake_ca_internal.h - what fake_ca.c, fake_scep.c and fake_est.c share: one CA behind three protocols. */
#ifndef FAKE_CA_INTERNAL_H
#define FAKE_CA_INTERNAL_H

#include "fake_ca.h"
#include "ra_csr.h"

/* Ends the program with `what` when it is not the truth. */
void fake_ca_must(bool truth, const char *what);

/* Of the authority at work. */
struct fake_authority_files {
    const char *root, *issuing, *issuing_key, *scep, *scep_key;
};
const struct fake_authority_files *fake_ca_files(enum fake_authority by);
/* The CA's own random numbers: they follow from how often it was asked. One at a time. */
struct ra_random *fake_ca_random(struct fake_ca *ca);

struct fake_ca_request *fake_ca_new_request(struct fake_ca *ca, enum ra_role role, int64_t now,
                                            struct ra_span spki);
/* The certificate of a request, to be renewed: a copy, for the next request may take the place of this
 * one. Until the next call. False: it has none. */
bool fake_ca_old(const struct fake_ca_request *r, struct ra_cert *out);
/* Certify the request as the mode says; `old` is what it renews, or has the subject at least. */
void fake_ca_issue(struct fake_ca *ca, struct fake_ca_request *r, enum fake_ca_mode mode,
                   int64_t now, const struct ra_cert *old);
void fake_ca_count(struct fake_ca *ca, enum ra_role role, int64_t now, struct ra_span spki);
/* The root's certificate as it sends it. */
const struct world_blob *fake_ca_top(const struct fake_ca *ca, enum fake_authority by);
/* certs-only SignedData of these certificates in this order. */
size_t fake_ca_certs(const struct ra_span certs[], size_t n, uint8_t *out, size_t cap);
/* The certificates that it names as its own: certs[0 .. n-1], and `strangers` behind them. */
size_t fake_ca_set(const struct fake_ca *ca, const struct ra_span certs[], size_t n, uint8_t *out,
                   size_t cap);

/* A whole HTTP reply; `more` are further header lines. */
size_t fake_ca_reply(const struct fake_ca *ca, int64_t now, unsigned status, const char *more,
                     const char *type, const void *body, size_t size,
                     uint8_t reply[FAKE_CA_REPLY_MAX]);
/* "Sun, 06 Nov 1994 08:49:37 GMT" */
void fake_ca_date(int64_t t, char out[40]);
/* The role that the key usage in a request says. */
enum ra_role fake_ca_role_of(const struct ra_csr *csr);
const char *fake_ca_find_text(const char *p, size_t size, const char *word);
/* What follows `name` up to '&' or a blank, percent-decoded; 0 when it is not there. */
size_t fake_ca_field(const char *p, size_t size, const char *name, uint8_t *out, size_t cap);

size_t fake_est_serve(struct fake_ca *ca, int64_t now, const char *request, size_t size,
                      uint8_t reply[FAKE_CA_REPLY_MAX]);
size_t fake_scep_serve(struct fake_ca *ca, int64_t now, const char *request, size_t size,
                       uint8_t reply[FAKE_CA_REPLY_MAX]);

#endif
