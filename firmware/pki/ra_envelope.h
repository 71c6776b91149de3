/* ra_envelope.h - CMS EnvelopedData [RFC 5652 6] with key transport, to one recipient.
 *
 * Building: RSAES-PKCS1-v1_5, AES or DES3 in CBC. Opening: also RSAES-OAEP with SHA-1 or
 * SHA-256, any number of recipients of which one must be ours, DER or BER at every level.
 * All in the caller's buffers; nothing is kept, nothing remains after a power cut. The
 * content key is wiped before a call returns.
 *
 * No padding oracle: a content key that does not come out of the RSA block is replaced by a
 * random one, so that a wrong key, a wrong block and a wrong content end in the same error
 * after the same work [RFC 3218 2.3.2].
 */
#ifndef RA_ENVELOPE_H
#define RA_ENVELOPE_H

#include "ra_cipher.h"
#include "ra_key.h"
#include "ra_random.h"
#include "ra_x509.h"

/* Encrypt `content` to the certificate: a ContentInfo at the end of buf. The content may lie
 * anywhere in buf or elsewhere; buf needs room for it and about 700 bytes for an RSA-4096
 * recipient, plus its issuer's name. `work` is room for its public key. One public-key
 * operation. RA_E_SPACE; RA_E_ENCRYPTION_EC for a recipient without an RSA key;
 * RA_E_UNSUPPORTED for DES. */
ra_err ra_envelope_build(uint8_t *buf, size_t cap, struct ra_span content,
                         const struct ra_cert *recipient, struct ra_key *work,
                         enum ra_cipher cipher, struct ra_random *random, struct ra_span *out);

/* What is needed to open one; points into the buffer. */
struct ra_envelope {
    struct ra_span key; /* encryptedKey of our RecipientInfo */
    struct ra_span iv;
    uint8_t *data; /* encryptedContent, NULL: absent */
    size_t size;
    enum ra_padding padding;
    enum ra_cipher cipher;
};

/* Take buf[0 .. size-1] apart (`cap` is its room, see ra_ber_to_der) and find the
 * RecipientInfo of `recipient`, by issuer and serial number or by key identifier.
 * RA_E_CMS_RECIPIENT: none is for it. RA_E_CMS_ALGORITHM: a cipher or key transport we do not
 * know. RA_E_CMS_SYNTAX, RA_E_DER_*. An envelope without content is RA_OK with size 0. */
ra_err ra_envelope_parse(struct ra_envelope *e, uint8_t *buf, size_t size, size_t cap,
                         const struct ra_cert *recipient);

/* Decrypt in place; `content` then points into the buffer. RA_E_DECRYPT for everything that is
 * wrong with the message, RA_E_RANDOM_STATE and the like for what is wrong with us. One
 * private-key operation. */
ra_err ra_envelope_open(struct ra_envelope *e, const struct ra_key *key, struct ra_random *random,
                        struct ra_span *content);

#endif
