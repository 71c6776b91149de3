/* ra_gates.h - the checks a certificate passes before it may be installed.
 *
 * The ten gates: 1 key, 2 not the old one and longer, 3 subject and SAN,
 * 4 key usage and EKU, 5 template, 6 chain, 7 validity, 8 strength are here;
 * 9, the self-test with key and certificate as read back from flash, is the
 * renewal's state SELF_TEST, and 10, keeping the old pair through probation,
 * is its state PROBATION. Nothing is installed unless all pass.
 *
 * Pure: bytes and a time in, a verdict out. All spans point into the caller's
 * buffers, which must stay until the gates are done.
 */
#ifndef RA_GATES_H
#define RA_GATES_H

#include <stdint.h>

#include "ra_config.h"
#include "ra_credentials.h"
#include "ra_der.h"
#include "ra_error.h"
#include "ra_key.h"
#include "ra_x509.h"

/* How far ahead of our clock a notBefore may be without remark. */
#define RA_GATE_SKEW_S 300

struct ra_gates_input {
    enum ra_role role;
    const struct ra_config *config;
    const struct ra_cert *old;   /* the certificate being renewed; NULL: a first enrolment,
                                    which has only its subject to be compared with */
    struct ra_span subject;      /* asked for, Name, whole: the old one's, or the setting's */
    struct ra_span key;          /* SubjectPublicKeyInfo of the stored new key     */
    const struct ra_span *certs; /* what the CA sent, any order, the new one among them */
    size_t cert_count;           /* at most RA_CHAIN_CERTS_MAX                     */
    int64_t now;                 /* known                                          */
    struct ra_key *work;         /* scratch for one public key                     */
};

/* Pick the issued certificate by its public key and pass it through gates 1 to
 * 5, 7 and 8. Returns RA_OK with *leaf parsed, or the RA_E_GATE_* that refused.
 * A certificate whose time comes within a day is not refused: the caller waits
 * until leaf->not_before. In the last split-days of the old one minimum-life-days
 * refuses nothing: what lasts longer than the old one is better than none.
 * Bounded: RA_CHAIN_CERTS_MAX parses. */
ra_err ra_gates_check(const struct ra_gates_input *in, struct ra_cert *leaf);

/* The gate of a role alone, for provisioning: no CA, usage, EKU, key kind and strength.
 * The device role may have any usage and EKU; a renewal keeps them exactly. */
ra_err ra_gates_role(enum ra_role role, const struct ra_cert *cert, struct ra_key *work);

#endif
