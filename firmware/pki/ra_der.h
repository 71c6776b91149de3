/* ra_der.h - DER in and out [X.690], and BER in when a peer sends it.
 *
 * Reader: a cursor over the caller's bytes. It accepts DER only: one-byte tags,
 * definite lengths in their shortest form, strings never constructed. The first error
 * sticks in `err` and ends the cursor, so a parser reads a whole structure and looks at
 * `err` once; after an error every call returns an empty result. Nothing is copied:
 * spans point into the input and live as long as it.
 *
 *     struct ra_der d;
 *     ra_der_init(&d, input);
 *     const uint8_t *outer = ra_der_enter(&d, RA_DER_SEQUENCE);
 *     version = ra_der_u32(&d);
 *     name = ra_der_whole(&d, RA_DER_SEQUENCE);
 *     ra_der_leave(&d, outer);
 *     return ra_der_finish(&d);
 *
 * Writer: fills the caller's buffer from its end towards its start, so that lengths are
 * known when their headers are written: the last field goes first. What does not fit
 * latches RA_E_SPACE.
 *
 * All calls are total (any bytes, any size) and linear in the bytes they look at; none
 * recurses.
 */
#ifndef RA_DER_H
#define RA_DER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ra_error.h"
#include "ra_oid.h"

/* Tags. */
#define RA_DER_BOOLEAN 0x01
#define RA_DER_INTEGER 0x02
#define RA_DER_BITS 0x03
#define RA_DER_OCTETS 0x04
#define RA_DER_NULL 0x05
#define RA_DER_OID 0x06
#define RA_DER_UTF8 0x0c
#define RA_DER_PRINTABLE 0x13
#define RA_DER_T61 0x14
#define RA_DER_IA5 0x16
#define RA_DER_UTC_TIME 0x17
#define RA_DER_GENERALIZED_TIME 0x18
#define RA_DER_UNIVERSAL 0x1c
#define RA_DER_BMP 0x1e
#define RA_DER_SEQUENCE 0x30
#define RA_DER_SET 0x31
#define RA_DER_CONTEXT(n) (0x80 | (n))             /* [n] primitive   */
#define RA_DER_CONTEXT_CONSTRUCTED(n) (0xa0 | (n)) /* [n] constructed */

#define RA_DER_DEPTH_MAX 20 /* levels of nesting ra_der_check and ra_ber_to_der follow */

/* --- reader ------------------------------------------------------------ */

struct ra_der {
    const uint8_t *p;
    const uint8_t *end;
    ra_err err; /* the first error, RA_OK until then */
};

void ra_der_init(struct ra_der *d, struct ra_span in);
/* Whether another element follows in the present container; false after an error. */
bool ra_der_more(const struct ra_der *d);
/* The next element's tag without reading it; 0 at the end and after an error. */
uint8_t ra_der_peek(const struct ra_der *d);
/* Read any element: its contents, and its tag where `tag` is not NULL. */
struct ra_span ra_der_next(struct ra_der *d, uint8_t *tag);
/* Read an element of this tag; RA_E_DER_TAG when it has another. The contents. */
struct ra_span ra_der_read(struct ra_der *d, uint8_t tag);
/* The same, header included. */
struct ra_span ra_der_whole(struct ra_der *d, uint8_t tag);
/* Read any element, header included. */
struct ra_span ra_der_any(struct ra_der *d);
/* Step into an element of this tag. Hand the result to ra_der_leave, which demands that
 * all of it was read (RA_E_DER_TRAILING). */
const uint8_t *ra_der_enter(struct ra_der *d, uint8_t tag);
void ra_der_leave(struct ra_der *d, const uint8_t *outer);
/* INTEGER 0 .. 2^32-1, else RA_E_DER_VALUE. */
uint32_t ra_der_u32(struct ra_der *d);
/* INTEGER of any size, shortest form demanded; contents. */
struct ra_span ra_der_integer(struct ra_der *d);
bool ra_der_boolean(struct ra_der *d);
/* BIT STRING with no unused bits; its bytes. */
struct ra_span ra_der_bits(struct ra_der *d);
/* OBJECT IDENTIFIER; RA_OID_UNKNOWN when it is not in the table. */
enum ra_oid ra_der_oid(struct ra_der *d);
/* AlgorithmIdentifier: the OID; parameters must be absent or NULL, otherwise
 * RA_OID_UNKNOWN, which is no error. */
enum ra_oid ra_der_algorithm(struct ra_der *d);
/* Latch `err` unless one is latched already. */
void ra_der_fail(struct ra_der *d, ra_err err);
/* The first error; RA_E_DER_TRAILING when bytes are left. */
ra_err ra_der_finish(struct ra_der *d);

bool ra_span_equal(struct ra_span a, struct ra_span b);

/* Walk all of `in`, which must be one element, down to every primitive: every header,
 * length and nesting is as DER has it. One pass. */
ra_err ra_der_check(struct ra_span in);

/* Rewrite BER as DER lengths, in place: indefinite and long lengths become short
 * definite ones, constructed OCTET STRINGs are joined to primitive ones, at every
 * level. DER comes out unchanged, bytes after the first element are dropped. SETs are
 * not sorted, and an implicitly tagged string stays constructed (join it with
 * ra_der_join). `buf` holds `size` bytes of input and has room for `cap`; BER input
 * needs cap >= size + RA_BER_SLACK, otherwise RA_E_SPACE, and cap <= 65535 is used.
 * After an error buf's contents are undefined. */
#define RA_BER_SLACK (2 * RA_DER_DEPTH_MAX)
ra_err ra_ber_to_der(uint8_t *buf, size_t size, size_t cap, size_t *out_size);

/* Join the OCTET STRINGs in `in` (the contents of a constructed [n] IMPLICIT OCTET
 * STRING) in place; the joined bytes start at in.p. RA_E_DER_*. */
ra_err ra_der_join(uint8_t *p, size_t size, size_t *out_size);

/* --- writer ------------------------------------------------------------ */

struct ra_der_put {
    uint8_t *start; /* the buffer                        */
    uint8_t *p;     /* first byte written; moves down    */
    uint8_t *end;   /* one past the buffer               */
    ra_err err;     /* RA_E_SPACE once something did not fit */
};

void ra_der_put_init(struct ra_der_put *w, uint8_t *buf, size_t cap);
/* Bytes written so far: a mark for ra_der_put_wrap. */
size_t ra_der_put_size(const struct ra_der_put *w);
/* All that was written. */
struct ra_span ra_der_put_span(const struct ra_der_put *w);
/* Raw bytes before what is there. `p` may lie in the unwritten part of the buffer. */
void ra_der_put_bytes(struct ra_der_put *w, const uint8_t *p, size_t size);
void ra_der_put_raw(struct ra_der_put *w, struct ra_span s);
/* A header alone, for contents of `length` bytes (at most 65535). */
void ra_der_put_header(struct ra_der_put *w, uint8_t tag, size_t length);
/* An element with these contents. */
void ra_der_put_value(struct ra_der_put *w, uint8_t tag, const uint8_t *p, size_t size);
/* Make all that was written since `mark` the contents of an element. */
void ra_der_put_wrap(struct ra_der_put *w, uint8_t tag, size_t mark);
void ra_der_put_u32(struct ra_der_put *w, uint32_t v);
void ra_der_put_oid(struct ra_der_put *w, enum ra_oid oid);
/* AlgorithmIdentifier, with NULL parameters or none. */
void ra_der_put_algorithm(struct ra_der_put *w, enum ra_oid oid, bool null);
/* A string from a C string. */
void ra_der_put_text(struct ra_der_put *w, uint8_t tag, const char *text);
/* Sort the elements written since `mark` as DER orders a SET OF [X.690 11.6]. */
void ra_der_put_sort(struct ra_der_put *w, size_t mark);

#endif
