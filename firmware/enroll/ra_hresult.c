#include "ra_adcs.h"

#include <stddef.h>

/* All codes we have a sentence for, from MS-ERREF and MS-WCCE 3.2.1.4.2.1.3. */
static const struct {
    uint32_t code;
    int16_t error;
    const char *text;
} codes[] = {
    {0x80070005, RA_E_CA_PERMISSION, "access is denied"},
    {0x8007000d, RA_E_CA_REQUEST, "the request's data is invalid"},
    {0x800706ba, RA_E_CA_ERROR, "the CA service cannot be reached by its web server"},
    {0x80092004, RA_E_CA_ERROR, "an object or property is not found"},
    {0x8009200e, RA_E_CA_REQUEST, "the request has no signer"},
    {0x80094001, RA_E_CA_REQUEST, "the subject name is invalid or too long"},
    {0x80094002, RA_E_CA_UNKNOWN_ID, "the request does not exist"},
    {0x80094003, RA_E_CA_ERROR, "the request's status does not allow this"},
    {0x80094004, RA_E_CA_UNKNOWN_ID,
     "the request has no such property: the CA does not know the id"},
    {0x80094009, RA_E_CA_PERMISSION, "enrolling on behalf of others is restricted"},
    {0x8009400e, RA_E_CA_REQUEST, "the renewal certificate attribute is wrong"},
    {0x80094011, RA_E_CA_PERMISSION, "no permission to request certificates from this CA"},
    {0x80094012, RA_E_CA_PERMISSION, "no permission to enrol for this template"},
    {0x80094014, RA_E_CA_DENIED, "a CA manager denied the request"},
    {0x80094800, RA_E_CA_TEMPLATE, "the template is not supported by this CA"},
    {0x80094801, RA_E_CA_TEMPLATE, "the request names no template"},
    {0x80094802, RA_E_CA_TEMPLATE, "the request names conflicting templates"},
    {0x80094806, RA_E_CA_REQUEST, "the subject is not the account that asks"},
    {0x80094807, RA_E_CA_TEMPLATE, "the template version is newer than the CA's"},
    {0x80094809, RA_E_CA_REQUEST, "a signature policy is missing"},
    {0x8009480a, RA_E_CA_REQUEST, "too few authorised signatures"},
    {0x8009480b, RA_E_CA_REQUEST, "an authorised signature was rejected"},
    {0x80094811, RA_E_CA_REQUEST, "the key is shorter than the template allows"},
    {0x80094814, RA_E_CA_REQUEST, "the template's renewal period is longer than its validity"},
    {0x80094816, RA_E_CA_REQUEST, "the template wants the same key as before"},
    {0x800b0101, RA_E_CA_REQUEST, "a certificate has expired or is not valid yet"},
    {0x800b0109, RA_E_CA_ERROR, "the chain ends in a root the CA does not trust"},
    {0x800b010a, RA_E_CA_ERROR, "no chain can be built to a trusted root"},
    {0x800b010c, RA_E_CA_REQUEST, "a certificate has been revoked"},
    {0x800b010e, RA_E_CA_ERROR, "the CA could not check revocation"},
    {0x800b0110, RA_E_CA_REQUEST, "a certificate is not valid for this usage"},
};

const char *ra_hresult_text(uint32_t hresult)
{
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (codes[i].code == hresult) {
            return codes[i].text;
        }
    }
    return "";
}

ra_err ra_hresult_error(uint32_t hresult)
{
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (codes[i].code == hresult) {
            return codes[i].error;
        }
    }
    return RA_E_CA_ERROR;
}
