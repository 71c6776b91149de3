/* AD CS Web Enrollment: the form as it goes out, pages in three languages as they come in.
 *
 * The pages have the structure that is documented in ra_adcs.h and seen in
 * clients' captures; their words are ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake_transport.h"
#include "pki_vectors.h"
#include "ra_adcs.h"
#include "ra_exchange.h"

static struct ra_enroll enroll;
static struct ra_enroll_input input;
static struct ra_enroll_result result;
static struct ra_http_request request;
static struct ra_url url;
static uint8_t body[RA_REPLY_MAX];

static void setup(void)
{
    memset(&input, 0, sizeof input);
    assert_int_equal(ra_url_parse(&url, "http://ca/certsrv", 17), RA_OK);
    input.url = &url;
    input.id = "6";
    input.template_name = "CEPEncryption";
    input.request = (const uint8_t *)"0";
    input.request_size = 1;
    ra_enroll_init(&enroll, &ra_adcs_ops);
}

static void ask(enum ra_enroll_op op)
{
    assert_int_equal(ra_enroll_request(&enroll, op, &input, &request), RA_OK);
}

/* Writes `text` and a zero byte at to[at]; where it ends. */
static size_t append(char *to, size_t at, const char *text)
{
    size_t n = strlen(text);
    memcpy(to + at, text, n + 1);
    return at + n;
}

static void answer_bytes(unsigned status, const char *type, const void *bytes, size_t size)
{
    static struct ra_http_reply reply;
    memset(&reply, 0, sizeof reply);
    memset(&result, 0xa5, sizeof result);
    assert_true(size <= sizeof body);
    memcpy(body, bytes, size);
    reply.status = (uint16_t)status;
    (void)append(reply.content_type, 0, type);
    (void)append(reply.reason, 0, "Words");
    reply.retry_after_s = -1;
    reply.body = body;
    reply.body_size = size;
    (void)ra_enroll_reply(&enroll, &reply, &result);
}

static enum ra_enroll_outcome answer(enum ra_enroll_op op, const char *page)
{
    setup();
    ask(op);
    answer_bytes(200, "text/html", page, strlen(page));
    return result.outcome;
}

/* --- the form ------------------------------------------------------------------------------- */

static uint8_t form[65536];

/* Reads the whole form in pieces of `piece` bytes. */
static size_t read_form(size_t piece)
{
    size_t at = 0;
    while (at < request.body_size) {
        size_t room = request.body_size - at;
        size_t n = request.body_read(request.body_ctx, at, form + at, piece < room ? piece : room);
        assert_in_range(n, 1, piece);
        at += n;
    }
    assert_int_equal(request.body_read(request.body_ctx, at, form + at, 10), 0);
    form[at] = 0;
    return at;
}

static void submit_form(void **state)
{
    (void)state;
    /* urllib.parse.urlencode(..., quote_via=quote) of Python, but for the blank in
     * FriendlyType, which is a '+' as browsers write it. */
    static const char expected[] =
        "Mode=newreq&CertRequest=%2B%2B%2B%2B%2F%2F%2F%2FMA%3D%3D"
        "&CertAttrib=CertificateTemplate%3ARA%20%28v2%29%20%C3%A4%0D%0A"
        "&FriendlyType=Saved-Request+Certificate&TargetStoreFlags=0&SaveCert=yes&ThumbPrint=";
    static const uint8_t der[] = {0xfb, 0xef, 0xbe, 0xff, 0xff, 0xff, 0x30};
    setup();
    input.request = der;
    input.request_size = sizeof der;
    input.template_name = "RA (v2) \xc3\xa4";
    input.user = "EXAMPLE\\ra";
    input.password = "pw";
    input.allow_plaintext = true;
    ask(RA_ENROLL_SUBMIT);
    assert_int_equal(request.method, RA_HTTP_POST);
    assert_ptr_equal(request.url, &url);
    assert_string_equal(request.suffix, "certfnsh.asp");
    assert_string_equal(request.content_type, "application/x-www-form-urlencoded");
    assert_memory_equal(request.user_agent, "Mozilla", 7);
    assert_string_equal(request.user, "EXAMPLE\\ra");
    assert_string_equal(request.password, "pw");
    assert_true(request.allow_plaintext);
    assert_false(request.repeatable);
    static const size_t pieces[] = {1, 2, 3, 7, 1000};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(read_form(pieces[i]), sizeof expected - 1);
        assert_string_equal(form, expected);
    }
    /* A resend begins again in the middle of the form. */
    assert_int_equal(request.body_read(request.body_ctx, 0, form, 31), 31);
    assert_int_equal(read_form(1000), sizeof expected - 1);
    assert_string_equal(form, expected);
}

static int hex(uint8_t c)
{
    return c >= '0' && c <= '9' ? c - '0' : c - 'A' + 10;
}

/* A real request, read back as a web server would. */
static void submit_windows_request(void **state)
{
    (void)state;
    struct ra_span der = pki_blob("ms_request");
    setup();
    input.request = der.p;
    input.request_size = der.size;
    ask(RA_ENROLL_SUBMIT);
    size_t size = read_form(RA_HTTP_OUT_MAX);
    assert_memory_equal(form, "Mode=newreq&CertRequest=", 24);
    size_t at = 24, n = 0;
    uint32_t bits = 0, have = 0, chars = 0;
    for (; form[at] != '&'; at++) {
        uint8_t c = form[at];
        assert_true(at < size && c != '+' && c != '/' && c != '=');
        if (c == '%') {
            c = (uint8_t)(hex(form[at + 1]) * 16 + hex(form[at + 2]));
            at += 2;
        }
        chars++;
        if (c == '=') {
            continue;
        }
        uint32_t v = c >= 'A' && c <= 'Z'   ? c - 'A' + 0u
                     : c >= 'a' && c <= 'z' ? c - 'a' + 26u
                     : c >= '0' && c <= '9' ? c - '0' + 52u
                     : c == '+'             ? 62u
                                            : 63u;
        bits = bits << 6 | v;
        have += 6;
        if (have >= 8) {
            have -= 8;
            assert_int_equal((uint8_t)(bits >> have), der.p[n]);
            n++;
        }
    }
    assert_int_equal(n, der.size);
    assert_int_equal(chars, (der.size + 2) / 3 * 4);
    assert_memory_equal(form + at, "&CertAttrib=CertificateTemplate%3ACEPEncryption%0D%0A&", 53);
}

static void submit_without_template(void **state)
{
    (void)state;
    setup();
    input.template_name = NULL;
    ask(RA_ENROLL_SUBMIT);
    (void)read_form(64);
    assert_string_equal(form, "Mode=newreq&CertRequest=MA%3D%3D&FriendlyType=Saved-Request+"
                              "Certificate&TargetStoreFlags=0&SaveCert=yes&ThumbPrint=");
}

static void other_requests(void **state)
{
    (void)state;
    setup();
    ask(RA_ENROLL_POLL);
    assert_int_equal(request.method, RA_HTTP_GET);
    assert_int_equal(request.body_size, 0);
    assert_string_equal(request.suffix, "certnew.cer?ReqID=6&Enc=b64");
    ask(RA_ENROLL_FETCH);
    assert_string_equal(request.suffix, "certnew.p7b?ReqID=6&Enc=bin");
    ask(RA_ENROLL_CACERT);
    assert_string_equal(request.suffix, "certcarc.asp");
    input.id = "4294967295";
    ask(RA_ENROLL_FETCH);
    assert_string_equal(request.suffix, "certnew.p7b?ReqID=4294967295&Enc=bin");
    static const char *const bad[] = {"", NULL, "4294967296", "6&x=y", "CACert", "-1", " 6"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        input.id = bad[i];
        assert_int_equal(ra_enroll_request(&enroll, RA_ENROLL_POLL, &input, &request),
                         RA_E_ARGUMENT);
    }
    input.request_size = 0;
    assert_int_equal(ra_enroll_request(&enroll, RA_ENROLL_SUBMIT, &input, &request), RA_E_ARGUMENT);
    setup();
    input.template_name = "X\r\nRequesterName:EXAMPLE\\admin";
    assert_int_equal(ra_enroll_request(&enroll, RA_ENROLL_SUBMIT, &input, &request), RA_E_ARGUMENT);
    assert_int_equal(ra_enroll_request(&enroll, (enum ra_enroll_op)9, &input, &request),
                     RA_E_UNSUPPORTED);
}

/* --- pages ---------------------------------------------------------------------------------- */

/* The CA's name stands before the title and holds a number, as real ones do. */
#define TOP(title)                                                                                 \
    "<HTML>\r\n<Head>\r\n<Title>Certificate Services</Title>\r\n"                                  \
    "<Style> P { margin: 3 } </Style>\r\n"                                                         \
    "<Script Language=\"JavaScript\">\r\n<!--\r\nvar E=0x80090020; if (a<b) { x(7); }\r\n"         \
    "//-->\r\n</Script></Head>\r\n<Body BgColor=#FFFFFF><Font ID=locPageFont Face=\"Arial\">\r\n"  \
    "<Table Border=0><TR><TD><Font ID=locMSCertSrv>Certificate Services &nbsp;--&nbsp; "           \
    "Example Issuing CA 2</Font></TD><TD ID=locHomeAlign><A Href=\"/certsrv\">Home</A></TD></TR>"  \
    "</Table>\r\n<P ID=locPageTitle> <B> " title " </B>\r\n<!-- line 17 of 0x80004005 -->\r\n"
#define END "</Font></Body></HTML>\r\n"

static void issued(void **state)
{
    (void)state;
    static const char *const pages[] = {
        TOP("Certificate Issued") "<P ID=locInfo>It is here.</P>"
                                  "<A Href=\"certnew.cer?ReqID=40&amp;Enc=bin\">Download</A>"
                                  "<A Href=\"certnew.p7b?ReqID=40&amp;Enc=bin\">Chain of 3</A>" END,
        TOP("Zertifikat ausgestellt") "<A Href=\"certnew.cer?ReqID=40&Enc=bin\">Laden</A>" END,
        TOP("\xe5\xb7\xb2\xe9\xa2\x81\xe5\x8f\x91") "<Script>function g() { "
                                                    "location=\"CertNew.cer?reqid=40&\"+enc(); "
                                                    "}</Script>" END,
        "<html>var nReqId=40; location='certnew.cer?ReqID=40&amp;'</html>",
        /* A link to the CA's own certificate is not ours. */
        TOP("Issued") "<A Href=\"certnew.cer?ReqID=CACert&amp;Renewal=0\">CA</A>"
                      "<A Href=\"certnew.cer?ReqID=40\">ours</A>" END,
    };
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        assert_int_equal(answer(RA_ENROLL_SUBMIT, pages[i]), RA_ENROLL_ISSUED);
        assert_string_equal(result.id, "40");
        assert_int_equal(result.cause, RA_OK);
        assert_int_equal(result.hresult, 0);
        assert_int_equal(result.kind, RA_ENROLL_DATA_NONE);
        assert_int_equal(result.data.size, 0);
    }
}

static void pending(void **state)
{
    (void)state;
    static const char *const pages[] = {
        TOP("Certificate Pending") "<P ID=locInfo>It has arrived. Someone has to decide.</P>\r\n<P "
                                   "ID=locInfoReqID>\r\n"
                                   "Your Request Id is 123.\r\n</P><P ID=locInstructions>Come back "
                                   "in 1 or 2 days.</P>"
                                   "<P ID=locTimeoutWarning><Font>Within 10 days.</Font></P>" END,
        /* No ids below the title, the number in bold, the sentence before it with a date. */
        TOP("Certificate Pending") "<P>Received on 2026-11-22 at 10:15, version 6.1.\r\n<P>Your "
                                   "Request Id is "
                                   "<B>123</B>.<BR>Within 10 days.<P>" END,
        /* German, UTF-8; the umlauts of the second as entities, of the third in ISO 8859-1. */
        TOP("Zertifikat steht noch aus") "<P>Die Anforderung wurde \xc3\xbc"
                                         "bernommen.</P>\r\n<P>Die Anforderungs-ID lautet 123.</P>"
                                         "<P>Kehren Sie innerhalb von 10 Tagen zur\xc3\xbc"
                                         "ck.</P>" END,
        TOP("Zertifikat steht noch aus") "<P>F&#252;r Ihre Anforderung gilt: "
                                         "&#8222;&#252;bernommen&#8220;.</P>"
                                         "<P>ID:&nbsp;123</P><P>Innerhalb von 10 Tagen.</P>" END,
        TOP("Zertifikat steht noch aus") "<P>\xdc"
                                         "bernommen.</P><P>ID 123 (f\xfcr Sie)</P><P>10 "
                                         "Tage.</P>" END,
        /* Chinese, UTF-8: no blank before the number. */
        TOP("\xe8\xaf\x81\xe4\xb9\xa6\xe6\x8c\x82\xe8\xb5\xb7") "<P "
                                                                "ID=locInfo>"
                                                                "\xe6\x94\xb6\xe5\x88\xb0\xe3\x80"
                                                                "\x82</"
                                                                "P><P>\xe8\xaf\xb7\xe6\xb1\x82 ID "
                                                                "\xe6\x98\xaf\xef\xbc\x9a"
                                                                "123\xe3\x80\x82</P><P>10 "
                                                                "\xe5\xa4\xa9</P>" END,
        /* In a table. */
        TOP("Pending") "<TABLE><TR><TD>Request Id</TD><TD>123</TD></TR><TR><TD>Days</TD>"
                       "<TD>10</TD></TR></TABLE>" END,
        /* In the script, or in a link. */
        TOP("Pending") "<P>Wait 10 days.</P><Script>var nReqId = 123;</Script>" END,
        TOP("Pending") "<P>Wait 10 days.</P><A HREF='certckpn.asp?ReqID=123&x'>Check</A>" END,
        /* Not whole numbers. */
        TOP("Pending") "<P>Server 6.1<P>50%<P>1,5<P>-7<P>3/4<P>+49<P>2nd<P>No. 123!" END,
        /* What the id element holds goes before all other numbers. */
        TOP("Pending") "<P>Wait 10 days.</P><P id='LOCInfoReqID'>No. 123 of 500 today" END,
    };
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        enum ra_enroll_outcome o = answer(RA_ENROLL_SUBMIT, pages[i]);
        if (o != RA_ENROLL_PENDING || strcmp(result.id, "123") != 0) {
            print_error("page %u: outcome %d id %s\n", (unsigned)i, (int)o, result.id);
        }
        assert_int_equal(o, RA_ENROLL_PENDING);
        assert_string_equal(result.id, "123");
        assert_int_equal(result.cause, RA_OK);
        assert_int_equal(result.hresult, 0);
    }
    /* Nothing that could be the id: the page is not understood. */
    assert_int_equal(answer(RA_ENROLL_SUBMIT, TOP("Pending") "<P>Wait.</P>" END), RA_ENROLL_BROKEN);
    assert_int_equal(answer(RA_ENROLL_SUBMIT, TOP("Pending") "<P>Wait 1 to 2 days.</P>" END),
                     RA_ENROLL_BROKEN);
    assert_int_equal(answer(RA_ENROLL_SUBMIT, TOP("Pending") "<P>12345678901</P>" END),
                     RA_ENROLL_BROKEN);
    assert_int_equal(result.cause, RA_E_CA_ANSWER);
}

static void denied(void **state)
{
    (void)state;
    assert_int_equal(
        answer(
            RA_ENROLL_SUBMIT,
            TOP("Denied") "<P ID=locDenied>Your certificate request was denied.\r\n<P>Your "
                          "Request Id is 40. The disposition message is \"Denied by Policy Module  "
                          "0x80094800, The request was for a certificate template that is not "
                          "supported by "
                          "the policy: EnrollmentAgentOffline\". <P>Ask 1 person." END),
        RA_ENROLL_DENIED);
    assert_int_equal(result.cause, RA_E_CA_TEMPLATE);
    assert_int_equal(result.hresult, 0x80094800);
    assert_string_equal(result.id, "40");
    assert_string_equal(result.text, "Denied by Policy Module 0x80094800, The request was for a "
                                     "certificate template t");
    assert_string_equal(ra_hresult_text(result.hresult),
                        "the template is not supported by this CA");

    /* German, with the reason in an element of its own. */
    assert_int_equal(
        answer(RA_ENROLL_SUBMIT,
               TOP("Verweigert") "<P ID=\"locDenied\"> Die Anforderung wurde verweigert.</P>\r\n"
                                 "<P ID=locInfoReqIDandReason>Die Anforderungs-ID lautet 40. Die "
                                 "Verf\xc3\xbcgungsmeldung ist \"Verweigert von "
                                 "EXAMPLE\\m\xc3\xbcller\".</P>"
                                 "<P ID=locContactAdmin>Fragen Sie.</P>" END),
        RA_ENROLL_DENIED);
    assert_int_equal(result.cause, RA_E_CA_DENIED);
    assert_int_equal(result.hresult, 0);
    assert_string_equal(result.id, "40");
    assert_string_equal(result.text, "Verweigert von EXAMPLE\\m?ller");

    /* Chinese: no word of it matters. */
    assert_int_equal(
        answer(
            RA_ENROLL_SUBMIT,
            TOP("\xe6\x8b\x92\xe7\xbb\x9d") "<P id='locDenied'>\xe6\x8b\x92\xe7\xbb"
                                            "\x9d 0x80094012 &quot;\xe6\x8b\x92 EXAMPLE&quot;" END),
        RA_ENROLL_DENIED);
    assert_int_equal(result.cause, RA_E_CA_PERMISSION);
    assert_string_equal(result.text, "? EXAMPLE");
    assert_string_equal(result.id, "");
}

/* The page of an error, and of a request that is not issued yet. */
#define STATUS(disp, message, res, last)                                                           \
    TOP("Error")                                                                                   \
    "<P ID=locContactAdmin>Ask.</P>\r\n<DL><DD><DL>\r\n"                                           \
    "<DT ID=locModeLabel><Font Size=-1><B>Mode:</B></Font></DT><DD>newreq <LocID "                 \
    "ID=locModeSpacer>-</LocID></DD>\r\n"                                                          \
    "<DT ID=locDispLabel><Font Size=-1><B>Verf\xc3\xbcgung:</B></Font></DT><DD>\r\n\t\t" disp      \
    " <LocID ID=locDispSpacer>-</LocID> <LocID ID=locDispUnknown>(unknown)</LocID></DD>\r\n"       \
    "<DT ID=locDispMsgLabel><Font Size=-1><B>Disposition "                                         \
    "message:</B></Font></DT><DD>\r\n\t\t\t" message "\r\n\t</DD>\r\n"                             \
    "<DT ID=locResultLabel><Font Size=-1><B>Result:</B></Font></DT><DD>\r\n\t\t" res               \
    "\r\n\t</DD>\r\n"                                                                              \
    "<DT ID=locComInfoLabel><B>COM Error Info:</B></DT><DD>\r\n\t</DD>\r\n"                        \
    "<DT ID=locLastStatLabel><B>LastStatus:</B></DT><DD>\r\n\t\t" last "\r\n\t</DD>\r\n"           \
    "<DT ID=locSugCauseLabel><B>Cause:</B></DT><DD>3 things</DD></DL></DL>" END
#define FINE "The operation completed successfully. 0x0 (WIN32: 0)"

/* The same in a table, as older servers have it. */
#define TABLE(disp, message, last)                                                                 \
    TOP("Error")                                                                                   \
    "<TABLE><TR><TD ID=locDispLabel>Disposition:</TD><TD>" disp                                    \
    " - (unknown)</TD></TR><TR><TD><Font "                                                         \
    "ID=locDispMsgLabel>Message:</Font></TD><TD>&nbsp;" message                                    \
    "</TD></TR><TR><TD ID=locLastStatLabel><B>Last</B></TD><TD>" last "</TD></TR></TABLE>" END

static void errors(void **state)
{
    (void)state;
    assert_int_equal(
        answer(RA_ENROLL_SUBMIT, STATUS("0", "(none)",
                                        "Error Parsing Request ASN1 bad tag. 0x8009310b "
                                        "(ASN: 267)",
                                        FINE)),
        RA_ENROLL_FAILED);
    assert_int_equal(result.hresult, 0x8009310b);
    assert_int_equal(result.cause, RA_E_CA_ERROR);
    assert_string_equal(result.text, "Error Parsing Request ASN1 bad tag. 0x8009310b (ASN: 267)");
    assert_string_equal(result.id, "");

    assert_int_equal(answer(RA_ENROLL_SUBMIT, STATUS("1", "Fehler &amp; mehr", FINE,
                                                     "0x8009400E (-2146877426 CERTSRV_E)")),
                     RA_ENROLL_FAILED);
    assert_int_equal(result.hresult, 0x8009400e);
    assert_int_equal(result.cause, RA_E_CA_REQUEST);
    assert_string_equal(result.text, "Fehler &amp; mehr");

    /* A code with the severity bit goes before one without, the first before the next. */
    assert_int_equal(
        answer(RA_ENROLL_SUBMIT, "<p>0x00000000 0x00000005, 0x80094012; 0x80094800</p>"),
        RA_ENROLL_FAILED);
    assert_int_equal(result.hresult, 0x80094012);
    assert_int_equal(result.cause, RA_E_CA_PERMISSION);
    assert_int_equal(answer(RA_ENROLL_SUBMIT, "error:0x0000000f."), RA_ENROLL_FAILED);
    assert_int_equal(result.hresult, 15);

    /* Not codes: too short, too long, in markup, scripts and comments. */
    static const char *const none[] = {
        "0x8009401",
        "0x800940120",
        "x80094012",
        "0x8009401g",
        "<font color=0x80094012>",
        "<!-- 0x80094012 -->",
        "<script>0x80094012</script>",
        "<style>0x80094012</style>",
        "<p>",
        "",
        "<script>0x80094012",
        "<!-- 0x80094012",
        "<a 0x80094012",
    };
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        assert_int_equal(answer(RA_ENROLL_SUBMIT, none[i]), RA_ENROLL_BROKEN);
        assert_int_equal(result.cause, RA_E_CA_ANSWER);
        assert_int_equal(result.hresult, 0);
    }
}

static void polled_pages(void **state)
{
    (void)state;
    static const struct {
        const char *page;
        enum ra_enroll_outcome outcome;
        ra_err cause;
        const char *text;
    } cases[] = {
        {STATUS("5", "Taken Under Submission", FINE, FINE), RA_ENROLL_PENDING, RA_OK,
         "Taken Under Submission"},
        {TABLE("5",
               "\xc3\x9c"
               "bernommen",
               FINE),
         RA_ENROLL_PENDING, RA_OK, "?bernommen"},
        {TABLE("5",
               "\xdc"
               "bernommen",
               FINE),
         RA_ENROLL_PENDING, RA_OK, "?bernommen"},
        {TABLE("5", "\xe6\x8c\x82\xe8\xb5\xb7", FINE), RA_ENROLL_PENDING, RA_OK, "?"},
        /* A pending request keeps the code of an earlier trouble. */
        {TABLE("5", "x", "0x80094003"), RA_ENROLL_PENDING, RA_OK, "x"},
        /* Without the number, a page of certsrv without a code. */
        {STATUS("(unbekannt)", "Noch nicht", FINE, FINE), RA_ENROLL_PENDING, RA_OK, "Noch nicht"},
        {STATUS("2", "Denied by EXAMPLE\\m", FINE, "Denied. 0x80094014 (-2146877420)"),
         RA_ENROLL_DENIED, RA_E_CA_DENIED, "Denied by EXAMPLE\\m"},
        {TABLE("2", "Verweigert", FINE), RA_ENROLL_DENIED, RA_E_CA_DENIED, "Verweigert"},
        {TABLE("0", "x", "0x80094014"), RA_ENROLL_DENIED, RA_E_CA_DENIED, "x"},
        {TABLE("6", "Revoked", FINE), RA_ENROLL_DENIED, RA_E_CA_DENIED, "Revoked"},
        {STATUS("0", "(none)", "Property empty. 0x80094004 (-2146877436)", FINE), RA_ENROLL_FAILED,
         RA_E_CA_UNKNOWN_ID, "Property empty. 0x80094004 (-2146877436)"},
        {TABLE("1", "x", "0x800706ba"), RA_ENROLL_FAILED, RA_E_CA_ERROR, "x"},
        /* Said to be issued, and nothing there. */
        {TABLE("3", "Issued", FINE), RA_ENROLL_BROKEN, RA_E_CA_ANSWER, "Issued"},
        {"<html><body>Please log in. 1 2 3</body></html>", RA_ENROLL_BROKEN, RA_E_CA_ANSWER, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum ra_enroll_outcome o = answer(RA_ENROLL_POLL, cases[i].page);
        if (o != cases[i].outcome) {
            print_error("page %u: outcome %d\n", (unsigned)i, (int)o);
        }
        assert_int_equal(o, cases[i].outcome);
        assert_int_equal(result.cause, cases[i].cause);
        assert_string_equal(result.text, cases[i].text);
        assert_string_equal(result.id, "6");
    }
    assert_int_equal(answer(RA_ENROLL_FETCH, "<p>"), RA_ENROLL_BROKEN);
    assert_int_equal(result.cause, RA_E_CA_NO_CHAIN);
}

/* --- certificates --------------------------------------------------------------------------- */

static char text_of[8192];

static size_t add_line(size_t n, const char *begin, const char *label, const char *line_end)
{
    n = append(text_of, n, begin);
    n = append(text_of, n, label);
    n = append(text_of, n, "-----");
    return append(text_of, n, line_end);
}

static size_t to_pem(struct ra_span der, const char *label, const char *line_end)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t n = label != NULL ? add_line(0, "-----BEGIN ", label, line_end) : 0;
    size_t column = 0;
    for (size_t i = 0; i < der.size; i += 3) {
        uint32_t v = (uint32_t)der.p[i] << 16;
        v |= i + 1 < der.size ? (uint32_t)der.p[i + 1] << 8 : 0;
        v |= i + 2 < der.size ? der.p[i + 2] : 0u;
        text_of[n++] = digits[v >> 18];
        text_of[n++] = digits[v >> 12 & 63];
        text_of[n++] = i + 1 < der.size ? digits[v >> 6 & 63] : '=';
        text_of[n++] = i + 2 < der.size ? digits[v & 63] : '=';
        column += 4;
        if (column == 64) {
            n = append(text_of, n, line_end);
            column = 0;
        }
    }
    if (label != NULL) {
        n = append(text_of, n, line_end);
        n = add_line(n, "-----END ", label, line_end);
    }
    return n;
}

static void expect_data(enum ra_enroll_data kind, struct ra_span der)
{
    assert_int_equal(result.outcome, RA_ENROLL_ISSUED);
    assert_int_equal(result.cause, RA_OK);
    assert_int_equal(result.kind, kind);
    assert_int_equal(result.data.size, der.size);
    assert_memory_equal(result.data.p, der.p, der.size);
    assert_string_equal(result.id, "6");
}

static void certificates(void **state)
{
    (void)state;
    struct ra_span cert = pki_cert_der("agent");
    /* Whatever the type and the status say: what parses as a certificate is one. */
    static const char *const types[] = {"application/pkix-cert", "text/html", ""};
    static const unsigned statuses[] = {200, 200, 500};
    static const char *const ends[] = {"\r\n", "\n", ""};
    for (size_t i = 0; i < 3; i++) {
        setup();
        ask(RA_ENROLL_POLL);
        size_t n = to_pem(cert, "CERTIFICATE", i == 2 ? "\n" : ends[i]);
        answer_bytes(statuses[i], types[i], text_of, n);
        expect_data(RA_ENROLL_DATA_CERT, cert);
        n = to_pem(cert, NULL, ends[i]);
        answer_bytes(statuses[i], types[i], text_of, n);
        expect_data(RA_ENROLL_DATA_CERT, cert);
        answer_bytes(statuses[i], types[i], cert.p, cert.size);
        expect_data(RA_ENROLL_DATA_CERT, cert);
    }
    /* And what does not is none. */
    ask(RA_ENROLL_POLL);
    answer_bytes(200, "application/pkix-cert", cert.p, cert.size - 1);
    assert_int_equal(result.outcome, RA_ENROLL_BROKEN);
    answer_bytes(200, "application/pkix-cert", text_of, 200);
    assert_int_equal(result.outcome, RA_ENROLL_BROKEN);
    answer_bytes(200, "application/pkix-cert", cert.p, 10);
    assert_int_equal(result.outcome, RA_ENROLL_BROKEN);
}

static void chains(void **state)
{
    (void)state;
    struct ra_span der = pki_blob("certs_only"), ber = pki_blob("certs_only_ber");
    struct ra_span pem = pki_blob("certs_only_pem");
    setup();
    ask(RA_ENROLL_FETCH);
    answer_bytes(200, "application/x-pkcs7-certificates", der.p, der.size);
    expect_data(RA_ENROLL_DATA_CMS, der);
    answer_bytes(200, "application/x-pkcs7-certificates", ber.p, ber.size);
    expect_data(RA_ENROLL_DATA_CMS, ber);
    answer_bytes(200, "text/plain", pem.p, pem.size);
    expect_data(RA_ENROLL_DATA_CMS, der);
    answer_bytes(200, "application/x-pkcs7-certificates", "MIIgarbage that is no base64 at all!",
                 36);
    assert_int_equal(result.outcome, RA_ENROLL_BROKEN);
    assert_int_equal(result.cause, RA_E_CA_NO_CHAIN);
    /* The answer to a submit is a page: certificates there are not ours to take. */
    ask(RA_ENROLL_SUBMIT);
    answer_bytes(200, "application/x-pkcs7-certificates", der.p, der.size);
    assert_int_equal(result.outcome, RA_ENROLL_BROKEN);
}

static void ca_certificate(void **state)
{
    (void)state;
    struct ra_span der = pki_blob("certs_only");
    static const char page[] = TOP("CA") "<Script>\r\nvar nRenewals = 2;\r\n</Script>" END;
    setup();
    for (int again = 0; again < 2; again++) {
        ask(RA_ENROLL_CACERT);
        assert_string_equal(request.suffix, "certcarc.asp");
        answer_bytes(200, "text/html", page, sizeof page - 1);
        assert_int_equal(result.outcome, RA_ENROLL_MORE);
        assert_int_equal(result.next, RA_ENROLL_CACERT);
        ask(result.next);
        assert_string_equal(request.suffix, "certnew.p7b?ReqID=CACert&Renewal=2&Enc=bin");
        answer_bytes(200, "application/x-pkcs7-certificates", der.p, der.size);
        assert_int_equal(result.outcome, RA_ENROLL_ISSUED);
        assert_int_equal(result.kind, RA_ENROLL_DATA_CMS);
    }
    /* A CA never renewed. */
    ask(RA_ENROLL_CACERT);
    answer_bytes(200, "text/html", "<Script>nRenewals=0;</Script>", 29);
    assert_int_equal(result.outcome, RA_ENROLL_MORE);
    ask(result.next);
    assert_string_equal(request.suffix, "certnew.p7b?ReqID=CACert&Renewal=0&Enc=bin");
    answer_bytes(200, "text/html", "<p>0x80070005", 13);
    assert_int_equal(result.outcome, RA_ENROLL_FAILED);
    assert_int_equal(result.cause, RA_E_CA_PERMISSION);
    ask(RA_ENROLL_CACERT);
    assert_string_equal(request.suffix, "certcarc.asp");
    answer_bytes(200, "text/html", "<p>hello", 8);
    assert_int_equal(result.outcome, RA_ENROLL_BROKEN);
}

/* --- the web server's own answers ----------------------------------------------------------- */

static void web_server(void **state)
{
    (void)state;
    struct ra_http_reply reply = {.status = 401,
                                  .auth = RA_HTTP_AUTH_NEGOTIATE | RA_HTTP_AUTH_NTLM,
                                  .retry_after_s = -1,
                                  .body = body};
    setup();
    ask(RA_ENROLL_SUBMIT);
    (void)ra_enroll_reply(&enroll, &reply, &result);
    assert_int_equal(result.outcome, RA_ENROLL_UNAUTHENTICATED);
    assert_int_equal(result.cause, RA_E_HTTP_AUTH);
    assert_int_equal(result.auth, RA_HTTP_AUTH_NEGOTIATE | RA_HTTP_AUTH_NTLM);
    assert_int_equal(result.http_status, 401);
    assert_string_equal(result.text, "the server offers NTLM Negotiate");
    reply.auth = 0;
    (void)ra_enroll_reply(&enroll, &reply, &result);
    assert_string_equal(result.text, "the server offers nothing");

    reply.status = 503;
    reply.retry_after_s = 120;
    (void)append(reply.reason, 0, "Service Unavailable");
    (void)ra_enroll_reply(&enroll, &reply, &result);
    assert_int_equal(result.outcome, RA_ENROLL_FAILED);
    assert_int_equal(result.cause, RA_E_HTTP_BUSY);
    assert_true(result.retry_after_s == 120);
    assert_string_equal(result.text, "503 Service Unavailable");

    /* A detailed error page of the web server has codes of its own: not the CA's. */
    static const char detail[] = "<html><h2>500</h2>Error Code 0x80070032</html>";
    answer_bytes(500, "text/html", detail, sizeof detail - 1);
    assert_int_equal(result.outcome, RA_ENROLL_FAILED);
    assert_int_equal(result.cause, RA_E_HTTP_STATUS);
    assert_int_equal(result.hresult, 0);
    assert_string_equal(result.text, "500 Words");
    static const unsigned statuses[] = {302, 403, 404, 407, 500};
    for (size_t i = 0; i < 5; i++) {
        answer_bytes(statuses[i], "text/html", "no", 2);
        assert_int_equal(result.outcome, RA_ENROLL_FAILED);
        assert_int_equal(result.cause, RA_E_HTTP_STATUS);
        assert_int_equal(result.http_status, statuses[i]);
    }
    /* A page of certsrv is read whatever the status. */
    static const char page[] = STATUS("5", "Taken", FINE, FINE);
    ask(RA_ENROLL_POLL);
    answer_bytes(500, "text/html", page, sizeof page - 1);
    assert_int_equal(result.outcome, RA_ENROLL_PENDING);
}

static void sentences(void **state)
{
    (void)state;
    /* The codes a renewal can meet, from MS-ERREF. */
    static const uint32_t codes[] = {0x8007000d, 0x80092004, 0x8009200e, 0x80094001, 0x80094002,
                                     0x80094003, 0x80094009, 0x80094004, 0x8009400e, 0x80094011,
                                     0x80094012, 0x80094014, 0x80094800, 0x80094801, 0x80094802,
                                     0x80094806, 0x80094807, 0x80094809, 0x8009480a, 0x8009480b,
                                     0x80094811, 0x80094814, 0x80094816, 0x800b0101, 0x800b0109,
                                     0x800b010a, 0x800b010c, 0x800b010e, 0x800b0110};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        assert_true(strlen(ra_hresult_text(codes[i])) > 10);
        assert_int_equal(ra_error_layer(ra_hresult_error(codes[i])), RA_LAYER_CA);
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(ra_hresult_text(codes[i]), ra_hresult_text(codes[k]));
        }
    }
    assert_string_equal(ra_hresult_text(0x80004005), "");
    assert_int_equal(ra_hresult_error(0x80004005), RA_E_CA_ERROR);
    assert_int_equal(ra_error_retry(ra_hresult_error(0x80094014)), RA_RETRY_DENIED);
}

/* Pages cut and altered anywhere end in some outcome, and within their bounds. */
static void mutations(void **state)
{
    (void)state;
    static const char *const pages[] = {
        STATUS("2", "Denied by \"X\" &quot;", "0x80094012", FINE),
        TOP("P") "<P ID=locDenied>a \"b\" <P ID=locInfoReqID>Id 7 <script>nReqId = 7;" END};
    static const char bytes[] = "<>&;\"'= 0x9-!/\x80\0\r\n";
    static const enum ra_enroll_op ops[] = {RA_ENROLL_SUBMIT, RA_ENROLL_POLL, RA_ENROLL_CACERT};
    uint32_t s = 7;
    for (unsigned i = 0; i < 400; i++) {
        static char page[4096];
        size_t size = strlen(pages[i % 2]);
        memcpy(page, pages[i % 2], size);
        for (unsigned k = 0; k < i % 7; k++) {
            s = s * 1664525u + 1013904223u;
            page[(s >> 8) % size] = bytes[(s >> 22) % (sizeof bytes - 1)];
        }
        s = s * 1664525u + 1013904223u;
        size = i % 3 == 0 ? (s >> 8) % size : size;
        setup();
        ask(ops[i % 3]);
        /* At the very end of the buffer, so that a read past it is seen. */
        struct ra_http_reply reply = {.status = 200, .retry_after_s = -1};
        reply.body = body + sizeof body - size;
        reply.body_size = size;
        memcpy(reply.body, page, size);
        (void)ra_enroll_reply(&enroll, &reply, &result);
        assert_in_range(result.outcome, RA_ENROLL_MORE, RA_ENROLL_BROKEN);
        assert_true(memchr(result.text, 0, sizeof result.text) != NULL);
        assert_true(memchr(result.id, 0, sizeof result.id) != NULL);
    }
}

/* --- over the exchange ---------------------------------------------------------------------- */

static struct fake_reply replies[2];

static void serve(void *ctx, unsigned number, const char *text, size_t size,
                  struct fake_reply *reply)
{
    (void)ctx;
    (void)size;
    assert_memory_equal(text,
                        number == 0 ? "POST /certsrv/certfnsh.asp HTTP/1.1\r\n"
                                    : "GET /certsrv/certnew.p7b?ReqID=40&Enc=bin HTTP/1.1\r\n",
                        37);
    assert_true(number < 2);
    *reply = replies[number];
}

static ra_err converse(struct ra_exchange *x, enum ra_enroll_op op)
{
    ask(op);
    ra_err e = ra_exchange_start(x, &request, 0, RA_HTTP_NO_TIME);
    if (e == RA_OK) {
        while ((e = ra_exchange_step(x, 0)) == RA_AGAIN) {
        }
    }
    if (e == RA_OK) {
        (void)ra_enroll_reply(&enroll, ra_exchange_reply(x), &result);
    }
    return e;
}

/* Issued at once: two round trips on one connection. */
static void submit_and_fetch(void **state)
{
    (void)state;
    static struct fake_transport fake;
    static struct ra_exchange x;
    static uint8_t p7[4096 + 128];
    struct ra_span der = pki_blob("certs_only"), windows = pki_blob("ms_request");
    size_t head = append((char *)p7, 0,
                         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
                         "Content-Type: application/x-pkcs7-certificates\r\n"
                         "\r\n");
    static const char digits[] = "0123456789abcdef";
    assert_true(der.size < 4096 - 16);
    for (int shift = 12; shift >= 0; shift -= 4) {
        p7[head++] = (uint8_t)digits[der.size >> shift & 15];
    }
    head = append((char *)p7, head, "\r\n");
    memcpy(p7 + head, der.p, der.size);
    head = append((char *)p7, head + der.size, "\r\n0\r\n\r\n");
    replies[0] = (struct fake_reply){
        .bytes = "HTTP/1.1 200 OK\r\nContent-Length: 50\r\nContent-Type: text/html\r\n\r\n"
                 "<A Href=certnew.cer?ReqID=40&amp;Enc=b64>here</A>."};
    replies[1] = (struct fake_reply){.bytes = p7, .size = head};

    for (uint32_t seed = 0; seed < 4; seed++) {
        setup();
        fake_transport_init(&fake);
        fake.serve = serve;
        fake.random = seed;
        input.request = windows.p;
        input.request_size = windows.size;
        assert_int_equal(ra_exchange_init(&x, &fake.transport, NULL, body, sizeof body), RA_OK);
        assert_int_equal(converse(&x, RA_ENROLL_SUBMIT), RA_OK);
        assert_int_equal(result.outcome, RA_ENROLL_ISSUED);
        assert_string_equal(result.id, "40");
        char id[RA_ENROLL_ID_MAX + 1];
        (void)append(id, 0, result.id);
        input.id = id;
        assert_int_equal(converse(&x, RA_ENROLL_FETCH), RA_OK);
        assert_int_equal(result.outcome, RA_ENROLL_ISSUED);
        assert_int_equal(result.kind, RA_ENROLL_DATA_CMS);
        assert_memory_equal(result.data.p, der.p, der.size);
        assert_int_equal(x.counters.requests, 2);
        assert_int_equal(x.counters.connections, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(submit_form),
        cmocka_unit_test(submit_windows_request),
        cmocka_unit_test(submit_without_template),
        cmocka_unit_test(other_requests),
        cmocka_unit_test(issued),
        cmocka_unit_test(pending),
        cmocka_unit_test(denied),
        cmocka_unit_test(errors),
        cmocka_unit_test(polled_pages),
        cmocka_unit_test(certificates),
        cmocka_unit_test(chains),
        cmocka_unit_test(ca_certificate),
        cmocka_unit_test(web_server),
        cmocka_unit_test(sentences),
        cmocka_unit_test(mutations),
        cmocka_unit_test(submit_and_fetch),
    };
    return cmocka_run_group_tests_name("adcs", tests, NULL, NULL);
}
