/* ra_adcs.h - AD CS Web Enrollment (/certsrv) behind ra_enroll.h.
 *
 * What goes out, under the configured URL (http://HOST/certsrv):
 *   SUBMIT  POST certfnsh.asp, a form: Mode=newreq, CertRequest (base64 without
 *           armour or line breaks), CertAttrib=CertificateTemplate:NAME, ...
 *           The form is made while it is sent; it is never in memory.
 *   POLL    GET  certnew.cer?ReqID=N&Enc=b64
 *   FETCH   GET  certnew.p7b?ReqID=N&Enc=bin
 *   CACERT  GET  certcarc.asp, then certnew.p7b?ReqID=CACert&Renewal=K&Enc=bin
 * SUBMIT and FETCH are all it takes when the CA issues at once.
 * The User-Agent begins with "Mozilla", without which some servers send the
 * certificate with another Content-Type.
 *
 * How an answer is read. Every outcome comes with HTTP 200 and a page in the
 * server's language, so words are for the log and these decide:
 *   certificate  the body parses as one (POLL, FETCH), whatever its type says
 *   denied       an element with id locDenied; or the number after the element
 *                locDispLabel is 2 or 6; or HRESULT 0x80094014
 *   issued       "certnew.cer?ReqID=" and digits (SUBMIT)
 *   pending      the number after locDispLabel is 5; or, without an HRESULT, a
 *                page with element ids of certsrv ("loc...") and, after SUBMIT,
 *                a request id
 *   error        0x and eight hex digits, not all zero, in the visible text; one
 *                with the severity bit before one without
 *   401          not authenticated, whatever the page says
 *   else         an error status without the marks of certsrv is the web
 *                server's (RA_E_HTTP_STATUS, _BUSY); a page without them is
 *                RA_E_CA_ANSWER
 * The request id of a pending page: ReqID=N, then nReqId = N, then the number in
 * the element locInfoReqID, then the one in the first paragraph after the page's
 * title that holds exactly one. When that finds none the outcome is BROKEN: the
 * request may wait in the CA all the same, and the operator can give its id.
 *
 * The element ids come from captured pages and real clients, none is documented
 * by Microsoft.
 */
#ifndef RA_ADCS_H
#define RA_ADCS_H

#include <stdint.h>

#include "ra_enroll.h"

extern const struct ra_enroll_ops ra_adcs_ops;

/* A sentence for the codes a CA gives in this work; "" for others. Static. */
const char *ra_hresult_text(uint32_t hresult);

/* Our error, and with it the retry class, for a code; RA_E_CA_ERROR for others. */
ra_err ra_hresult_error(uint32_t hresult);

#endif
