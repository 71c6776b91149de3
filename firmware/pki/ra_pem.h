/* ra_pem.h - PEM and base64 [RFC 7468, RFC 4648 section 4].
 *
 * Decoding takes what CAs and operators really send: CRLF or LF or no line breaks, any
 * width, missing armour, blanks, missing padding, a trailing zero byte. Encoding is by
 * offset: any part of the text can be produced at any time from the bytes, so that a
 * request is never held twice.
 */
#ifndef RA_PEM_H
#define RA_PEM_H

#include <stddef.h>
#include <stdint.h>

#include "ra_der.h"
#include "ra_error.h"

/* Decode in[0 .. size-1] to `out`, which may be `in` itself. White space and zero bytes
 * are skipped; '=' ends the data. RA_E_BASE64, RA_E_SPACE. cap >= size / 4 * 3 + 2
 * always fits. */
ra_err ra_base64_decode(const uint8_t *in, size_t size, uint8_t *out, size_t cap, size_t *out_size);

/* The number of characters of the base64 text of `size` bytes, with CR LF after every
 * `line` characters and at the end; line 0: no line breaks at all. `line` is a multiple
 * of 4. */
size_t ra_base64_size(size_t size, size_t line);
/* Write the characters offset .. offset+cap-1 of that text. Returns how many there
 * were, less than `cap` only at the end. No zero byte. */
size_t ra_base64_read(struct ra_span in, size_t line, size_t offset, char *to, size_t cap);

/* The same for a whole PEM block of 64 columns with CR LF. `label` is "CERTIFICATE" or
 * the like, at most 32 characters. */
size_t ra_pem_size(size_t size, const char *label);
size_t ra_pem_read(struct ra_span in, const char *label, size_t offset, char *to, size_t cap);

/* Find the next PEM block in *rest: its label and the text between the armour lines;
 * *rest moves behind it. RA_E_PEM when there is none or it has no end. */
ra_err ra_pem_next(struct ra_span *rest, struct ra_span *label, struct ra_span *body);

/* One object in DER (or BER), PEM (the first block) or bare base64, told apart by its
 * bytes, to `out`, which may be `in`. White space and zero bytes after DER are dropped;
 * otherwise its inside is not looked at. RA_E_PEM, RA_E_BASE64, RA_E_SPACE. */
ra_err ra_pem_to_der(const uint8_t *in, size_t size, uint8_t *out, size_t cap, size_t *out_size);

#endif
