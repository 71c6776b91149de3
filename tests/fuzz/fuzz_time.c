/* Dates of certificates, HTTP and people. */
#include <string.h>

#include "fuzz.h"
#include "ra_time.h"

static void known(int64_t time)
{
    char text[RA_TIME_TEXT_SIZE];
    int64_t again = 0;
    struct ra_date d;
    fuzz_must(time >= -62167219200 && time <= 253402300799, "the years 0000 to 9999");
    ra_time_print(time, text);
    fuzz_must(strlen(text) == RA_TIME_TEXT_SIZE - 1, "the text's size");
    fuzz_must(ra_time_from_text(text, strlen(text), &again) == RA_OK && again == time,
              "there and back");
    ra_time_to_date(time, &d);
    fuzz_must(ra_time_from_date(&d, &again) == RA_OK && again == time, "a date and back");
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t size)
{
    struct ra_span text = {p, size};
    int64_t time = 0;
    if (ra_time_from_der(RA_DER_UTC_TIME, text, &time) == RA_OK) {
        known(time);
    }
    if (ra_time_from_der(RA_DER_GENERALIZED_TIME, text, &time) == RA_OK) {
        known(time);
    }
    if (ra_time_from_http((const char *)p, size, &time) == RA_OK) {
        known(time);
    }
    if (ra_time_from_text((const char *)p, size, &time) == RA_OK) {
        known(time);
    }
    if (size >= 8) {
        struct ra_date d;
        char printed[RA_TIME_TEXT_SIZE];
        memcpy(&time, p, 8);
        ra_time_to_date(time, &d);
        fuzz_must(d.year >= 0 && d.year <= 9999 && d.month >= 1 && d.month <= 12 && d.day >= 1 &&
                      d.day <= 31,
                  "the nearest date");
        ra_time_print(time, printed);
    }
    return 0;
}
