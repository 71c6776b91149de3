/* ra_time.h - dates as certificates, HTTP and people write them.
 *
 * A time is seconds since 1970-01-01T00:00:00Z in an int64_t, without leap seconds;
 * years 0000 to 9999 of the Gregorian calendar. No time zones: all formats here are
 * UTC.
 */
#ifndef RA_TIME_H
#define RA_TIME_H

#include <stddef.h>
#include <stdint.h>

#include "ra_der.h"
#include "ra_error.h"

struct ra_date {
    int year;                             /* 0 .. 9999 */
    int month, day, hour, minute, second; /* 1 .. 12, 1 .. 31, 0 .. 23, 0 .. 59, 0 .. 59 */
};

/* RA_E_TIME_SYNTAX for a date that does not exist (30 February, hour 24, second 60). */
ra_err ra_time_from_date(const struct ra_date *d, int64_t *time);
/* Times outside the years 0000 to 9999 come out as the nearest one inside. */
void ra_time_to_date(int64_t time, struct ra_date *d);

/* UTCTime "YYMMDDHHMMSSZ" (50 .. 99 are 19xx) or GeneralizedTime "YYYYMMDDHHMMSSZ", by
 * `tag` [RFC 5280 4.1.2.5]; no fractions, no offsets. `text` is the element's contents. */
ra_err ra_time_from_der(uint8_t tag, struct ra_span text, int64_t *time);

/* IMF-fixdate "Sun, 06 Nov 1994 08:49:37 GMT" [RFC 9110 5.6.7], not the obsolete forms.
 * The day's name is not compared with the date. */
ra_err ra_time_from_http(const char *text, size_t size, int64_t *time);

/* "2026-11-22T22:04:00Z"; on reading a blank may stand for T, the Z and the seconds may
 * be missing, and a date alone is its midnight. */
#define RA_TIME_TEXT_SIZE 21
void ra_time_print(int64_t time, char out[RA_TIME_TEXT_SIZE]);
ra_err ra_time_from_text(const char *text, size_t size, int64_t *time);

#endif
