#include "ra_time.h"

#include <stdbool.h>
#include <string.h>

#define DAY 86400

static bool is_leap(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Days from 1970-01-01 to the first of March of `year`, counted so that the leap day is
 * the last of its year. */
static int64_t days_to_march(int year)
{
    return (int64_t)year * 365 + year / 4 - year / 100 + year / 400 - 719468;
}

/* Days from the first of March to the first of the month, March being 0. */
static int days_in_year(int month)
{
    return (153 * month + 2) / 5;
}

ra_err ra_time_from_date(const struct ra_date *d, int64_t *time)
{
    static const uint8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    *time = 0;
    if (d->year < 0 || d->year > 9999 || d->month < 1 || d->month > 12 || d->day < 1 ||
        d->day > days[d->month - 1] + (d->month == 2 && is_leap(d->year)) || d->hour < 0 ||
        d->hour > 23 || d->minute < 0 || d->minute > 59 || d->second < 0 || d->second > 59) {
        return RA_E_TIME_SYNTAX;
    }
    /* One era of 400 years is added and taken off: divisions stay of positive numbers. */
    int year = d->year + 400 - (d->month <= 2);
    int64_t day = days_to_march(year) - 146097 + days_in_year((d->month + 9) % 12) + d->day - 1;
    *time = day * DAY + d->hour * 3600 + d->minute * 60 + d->second;
    return RA_OK;
}

void ra_time_to_date(int64_t time, struct ra_date *d)
{
    const int64_t first = -62167219200, last = 253402300799;
    time = time < first ? first : time > last ? last : time;
    /* Seconds and days since 0000-03-01, one era later so that January 0000 is positive. */
    uint64_t t = (uint64_t)(time - first) + (uint64_t)(146097 - 60) * DAY;
    uint32_t day = (uint32_t)(t / DAY);
    uint32_t s = (uint32_t)(t % DAY);
    uint32_t era = day / 146097;
    uint32_t doe = day % 146097;
    uint32_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    uint32_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    uint32_t month = (5 * doy + 2) / 153;
    d->day = (int)(doy + 1) - days_in_year((int)month);
    d->month = (int)(month < 10 ? month + 3 : month - 9);
    d->year = (int)(era * 400 + yoe) - 400 + (d->month <= 2);
    d->hour = (int)(s / 3600);
    d->minute = (int)(s / 60 % 60);
    d->second = (int)(s % 60);
}

static int digits(const char *p, int n)
{
    int v = 0;
    for (int i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9') {
            return -1;
        }
        v = v * 10 + (p[i] - '0');
    }
    return v;
}

static void put_digits(char *p, int n, int v)
{
    while (n-- > 0) {
        p[n] = (char)('0' + v % 10);
        v /= 10;
    }
}

ra_err ra_time_from_der(uint8_t tag, struct ra_span text, int64_t *time)
{
    const char *p = (const char *)text.p;
    struct ra_date d;
    *time = 0;
    if (tag == RA_DER_UTC_TIME && text.size == 13) {
        d.year = digits(p, 2);
        d.year += d.year < 0 ? 0 : d.year < 50 ? 2000 : 1900;
        p += 2;
    } else if (tag == RA_DER_GENERALIZED_TIME && text.size == 15) {
        d.year = digits(p, 4);
        p += 4;
    } else {
        return RA_E_TIME_SYNTAX;
    }
    d.month = digits(p, 2);
    d.day = digits(p + 2, 2);
    d.hour = digits(p + 4, 2);
    d.minute = digits(p + 6, 2);
    d.second = digits(p + 8, 2);
    return p[10] == 'Z' ? ra_time_from_date(&d, time) : RA_E_TIME_SYNTAX;
}

/* Whether p[0 .. size-1] looks like the pattern: '0' stands for a digit, 'a' for a
 * letter, anything else for itself. */
static bool looks_like(const char *p, size_t size, const char *pattern)
{
    for (size_t i = 0; i < size; i++) {
        bool digit = p[i] >= '0' && p[i] <= '9';
        bool letter = (p[i] | 0x20) >= 'a' && (p[i] | 0x20) <= 'z';
        if (pattern[i] == '0' ? !digit : pattern[i] == 'a' ? !letter : p[i] != pattern[i]) {
            return false;
        }
    }
    return true;
}

ra_err ra_time_from_http(const char *text, size_t size, int64_t *time)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    static const char pattern[] = "aaa, 00 aaa 0000 00:00:00 GMT";
    struct ra_date d;
    *time = 0;
    if (size != sizeof pattern - 1 || !looks_like(text, size, pattern)) {
        return RA_E_TIME_SYNTAX;
    }
    d.day = digits(text + 5, 2);
    d.month = 0;
    for (int i = 0; i < 12; i++) {
        if (memcmp(months + 3 * i, text + 8, 3) == 0) {
            d.month = i + 1;
        }
    }
    d.year = digits(text + 12, 4);
    d.hour = digits(text + 17, 2);
    d.minute = digits(text + 20, 2);
    d.second = digits(text + 23, 2);
    return ra_time_from_date(&d, time);
}

static const char text_pattern[] = "0000-00-00T00:00:00Z";

void ra_time_print(int64_t time, char out[RA_TIME_TEXT_SIZE])
{
    struct ra_date d;
    ra_time_to_date(time, &d);
    memcpy(out, text_pattern, RA_TIME_TEXT_SIZE);
    put_digits(out, 4, d.year);
    put_digits(out + 5, 2, d.month);
    put_digits(out + 8, 2, d.day);
    put_digits(out + 11, 2, d.hour);
    put_digits(out + 14, 2, d.minute);
    put_digits(out + 17, 2, d.second);
}

ra_err ra_time_from_text(const char *text, size_t size, int64_t *time)
{
    char full[RA_TIME_TEXT_SIZE];
    struct ra_date d;
    memcpy(full, text_pattern, sizeof full);
    *time = 0;
    if (size > 0 && text[size - 1] == 'Z') {
        size--;
    }
    if (size != 10 && size != 16 && size != 19) {
        return RA_E_TIME_SYNTAX;
    }
    memcpy(full, text, size);
    if (full[10] == ' ') {
        full[10] = 'T';
    }
    if (!looks_like(full, sizeof full - 1, text_pattern)) {
        return RA_E_TIME_SYNTAX;
    }
    d.year = digits(full, 4);
    d.month = digits(full + 5, 2);
    d.day = digits(full + 8, 2);
    d.hour = digits(full + 11, 2);
    d.minute = digits(full + 14, 2);
    d.second = digits(full + 17, 2);
    return ra_time_from_date(&d, time);
}
