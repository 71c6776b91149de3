/* scep_vectors.h - SCEP messages of other programs, and envelopes made by openssl.
 *
 * scep_vectors.c is made by tests/vectors/make_scep.py; names are those of the files in
 * tests/vectors/scepserver-2.1.0 and (apple_) tests/vectors/apple-mdm-scep-2016, with '_' for '-';
 * env_* are envelopes of `text` for client_cert1.
 */
#ifndef SCEP_VECTORS_H
#define SCEP_VECTORS_H

#include "pki_vectors.h"

extern const struct pki_blob scep_blobs[]; /* ends with an entry whose name is NULL */

/* By name; the test fails when there is none. */
struct ra_span scep_blob(const char *name);

#endif
