#include "ra_adcs.h"

#include <string.h>

#include "ra_pem.h"
#include "ra_text.h"
#include "ra_x509.h"

/* --- the submit form, produced while it is sent ----------------------------------------------- */

enum section { FORM_HEAD, FORM_REQUEST, FORM_ATTRIBUTE, FORM_TEMPLATE, FORM_LINE_END, FORM_TAIL };

static const char *const form_text[] = {
    [FORM_HEAD] = "Mode=newreq&CertRequest=",
    [FORM_ATTRIBUTE] = "&CertAttrib=CertificateTemplate%3A",
    [FORM_LINE_END] = "%0D%0A",
    [FORM_TAIL] = ("&FriendlyType=Saved-Request+Certificate&TargetStoreFlags=0&SaveCert=yes"
                   "&ThumbPrint="),
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool is_letter(char c)
{
    c = lower(c);
    return c >= 'a' && c <= 'z';
}

/* The next character before URL encoding; 0 at the end of its section. */
static char section_char(struct ra_enroll *e)
{
    const struct ra_enroll_input *in = e->in;
    size_t at = e->body.at++;
    if (e->body.section == FORM_REQUEST) {
        size_t i = at % sizeof e->body.base64;
        if (i == 0) {
            struct ra_span der = {in->request, in->request_size};
            size_t n = ra_base64_read(der, 0, at, e->body.base64, sizeof e->body.base64);
            memset(e->body.base64 + n, 0, sizeof e->body.base64 - n);
        }
        return e->body.base64[i];
    }
    if (e->body.section == FORM_TEMPLATE) {
        return in->template_name[at];
    }
    return form_text[e->body.section][at];
}

/* The next character of the form; false at its end. */
static bool form_char(struct ra_enroll *e, char *out)
{
    static const char hex[] = "0123456789ABCDEF";
    if (e->body.escape != 0) {
        e->body.escape--;
        uint8_t b = (uint8_t)e->body.byte;
        *out = hex[e->body.escape != 0 ? b >> 4 : b & 15];
        return true;
    }
    char c = '\0';
    while (e->body.section <= FORM_TAIL && (c = section_char(e)) == '\0') {
        e->body.at = 0;
        e->body.section++;
        if (e->body.section == FORM_ATTRIBUTE && e->in->template_name == NULL) {
            e->body.section = FORM_TAIL;
        }
    }
    if (c == '\0') {
        return false;
    }
    bool ours = e->body.section != FORM_REQUEST && e->body.section != FORM_TEMPLATE;
    if (!ours && !is_digit(c) && !is_letter(c)) {
        e->body.byte = c;
        e->body.escape = 2;
        c = '%';
    }
    *out = c;
    return true;
}

static void form_rewind(struct ra_enroll *e)
{
    memset(&e->body, 0, sizeof e->body);
}

static size_t form_read(void *ctx, size_t offset, uint8_t *to, size_t cap)
{
    struct ra_enroll *e = ctx;
    char c;
    size_t n = 0;
    if (offset == 0) {
        form_rewind(e);
    }
    while (n < cap && form_char(e, &c)) {
        to[n++] = (uint8_t)c;
    }
    return n;
}

static size_t form_size(struct ra_enroll *e)
{
    char c;
    size_t n = 0;
    form_rewind(e);
    while (form_char(e, &c)) {
        n++;
    }
    return n;
}

/* --- requests --------------------------------------------------------------------------------- */

static bool template_ok(const char *name)
{
    if (name != NULL) {
        for (; *name != '\0'; name++) {
            /* A line break would begin another request attribute. */
            if ((unsigned char)*name < ' ' || *name == 0x7f) {
                return false;
            }
        }
    }
    return true;
}

static ra_err request(struct ra_enroll *e, enum ra_enroll_op op, const struct ra_enroll_input *in,
                      struct ra_http_request *out)
{
    struct ra_text t;
    ra_text_init(&t, e->suffix, sizeof e->suffix);
    out->user_agent = "Mozilla/5.0 (compatible; Perennial)";
    switch (op) {
    case RA_ENROLL_SUBMIT:
        if (in->request == NULL || in->request_size == 0 || !template_ok(in->template_name)) {
            return RA_E_ARGUMENT;
        }
        ra_text_add(&t, "certfnsh.asp");
        out->method = RA_HTTP_POST;
        out->content_type = "application/x-www-form-urlencoded";
        out->body_size = form_size(e);
        out->body_read = form_read;
        out->body_ctx = e;
        return RA_OK;
    case RA_ENROLL_POLL:
    case RA_ENROLL_FETCH:
        if (in->id == NULL || !ra_text_parse_u32(in->id, strlen(in->id), UINT32_MAX, &e->number)) {
            return RA_E_ARGUMENT;
        }
        ra_text_add(&t, op == RA_ENROLL_POLL ? "certnew.cer?ReqID=" : "certnew.p7b?ReqID=");
        ra_text_add_u32(&t, e->number);
        ra_text_add(&t, op == RA_ENROLL_POLL ? "&Enc=b64" : "&Enc=bin");
        return RA_OK;
    case RA_ENROLL_CACERT:
        if (e->part == 0) {
            ra_text_add(&t, "certcarc.asp");
        } else {
            ra_text_add(&t, "certnew.p7b?ReqID=CACert&Renewal=");
            ra_text_add_u32(&t, e->number);
            ra_text_add(&t, "&Enc=bin");
        }
        return RA_OK;
    default:
        return RA_E_UNSUPPORTED;
    }
}

/* --- reading a page --------------------------------------------------------------------------- */

/* What a page says, whatever its language. */
struct page {
    bool certsrv;     /* it has an element id that begins with "loc" */
    bool denied;      /* it has locDenied                            */
    int disposition;  /* the number after locDispLabel, or -1        */
    uint32_t hresult; /* 0: none                                     */
    uint32_t number;  /* what is probably the request's id, 0: none  */
};

/* The element whose id came last. */
enum label {
    LABEL_NONE,
    LABEL_OTHER,
    LABEL_ID,
    LABEL_FIGURE,
    LABEL_DISPOSITION,
    LABEL_MESSAGE,
    LABEL_RESULT,
    LABEL_DENIED
};

static const struct {
    const char *id; /* without "loc", lower case */
    uint8_t label;
} labels[] = {
    {"displabel", LABEL_DISPOSITION}, {"dispmsglabel", LABEL_MESSAGE},
    {"resultlabel", LABEL_RESULT},    {"laststatlabel", LABEL_FIGURE},
    {"sugcauselabel", LABEL_FIGURE},  {"denied", LABEL_DENIED},
    {"inforeqid", LABEL_ID},
};

struct scan {
    struct page *page;
    struct ra_text text; /* what a person may read of the page */
    uint8_t rank;        /* of the text, higher is better      */
    enum label label;
    bool titled; /* the title's element has begun; before it stands the CA's name */
    bool seen;   /* text since the element's id                                   */
    bool value;  /* behind the label's own words                                  */
    bool sure;   /* the number stands where the id stands                         */
    bool quoted, quote_ended;
    uint8_t numbers; /* in this paragraph */
    uint32_t number;
    char token[12]; /* the first characters of the present word */
    uint8_t token_size;
    bool decimal, point;
};

static bool starts(const char *p, size_t size, const char *word)
{
    for (; *word != '\0'; p++, word++, size--) {
        if (size == 0 || lower(*p) != *word) {
            return false;
        }
    }
    return true;
}

/* The first `word` (lower case) at or after `from`; `size` when there is none. */
static size_t find(const char *p, size_t size, size_t from, const char *word)
{
    while (from < size && (lower(p[from]) != word[0] || !starts(p + from, size - from, word))) {
        from++;
    }
    return from < size ? from : size;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* A decimal number up to UINT32_MAX at p[at]; 0 when there is none. */
static uint32_t number_at(const char *p, size_t size, size_t at)
{
    uint32_t v = 0;
    size_t n = 0;
    while (at + n < size && is_digit(p[at + n])) {
        n++;
    }
    return ra_text_parse_u32(p + at, n, UINT32_MAX, &v) ? v : 0;
}

/* The number that follows `word`, somewhere in the page, scripts included. */
static uint32_t number_after(const char *p, size_t size, const char *word, bool assigned)
{
    size_t at = 0;
    while ((at = find(p, size, at, word)) < size) {
        at += strlen(word);
        size_t v = at;
        if (assigned) {
            while (v < size && is_space(p[v])) {
                v++;
            }
            if (v == size || p[v] != '=') {
                continue;
            }
            do {
                v++;
            } while (v < size && is_space(p[v]));
        }
        uint32_t n = number_at(p, size, v);
        if (n != 0) {
            return n;
        }
    }
    return 0;
}

static void end_token(struct scan *s)
{
    uint32_t v = 0;
    size_t n = s->token_size;
    if (n == 10 && s->token[0] == '0' && lower(s->token[1]) == 'x') {
        size_t i = 2;
        for (; i < 10; i++) {
            char c = lower(s->token[i]);
            if (!is_digit(c) && (c < 'a' || c > 'f')) {
                break;
            }
            v = v << 4 | (uint32_t)(is_digit(c) ? c - '0' : c - 'a' + 10);
        }
        if (i == 10 && (s->page->hresult == 0 || (v >> 31 != 0 && s->page->hresult >> 31 == 0))) {
            s->page->hresult = v;
        }
    } else if (s->decimal && n != 0 && ra_text_parse_u32(s->token, n, UINT32_MAX, &v)) {
        if (s->numbers < UINT8_MAX) {
            s->numbers++;
        }
        s->number = v;
        if (s->label == LABEL_DISPOSITION && s->value && s->page->disposition == -1) {
            s->page->disposition = v < 32 ? (int)v : -1;
        } else if (s->label == LABEL_ID && !s->sure) {
            s->page->number = v;
            s->sure = true;
        }
    }
    s->token_size = 0;
    s->decimal = true;
    s->point = false;
}

static void token_char(struct scan *s, char c)
{
    if (is_digit(c) || is_letter(c)) {
        s->decimal = s->decimal && is_digit(c) && !s->point;
        if (s->token_size < sizeof s->token) {
            s->token[s->token_size++] = c;
        }
    } else if (c == '.' || c == ',' || c == '-' || c == '/' || c == '+') {
        /* Part of a number when more of it follows: a date, a fraction, a version. */
        s->point = true;
    } else if (c == '%') {
        s->decimal = false;
    } else {
        end_token(s);
    }
}

static void end_paragraph(struct scan *s)
{
    end_token(s);
    /* The numbers of the other labels are codes. */
    bool prose = s->label <= LABEL_OTHER || s->label == LABEL_DENIED;
    if (s->titled && prose && s->numbers == 1 && s->page->number == 0) {
        s->page->number = s->number;
    }
    s->numbers = 0;
}

/* The best text so far stays; of the label that is open, more is added. */
static void text_char(struct scan *s, char c)
{
    static const uint8_t ranks[] = {[LABEL_MESSAGE] = 3, [LABEL_RESULT] = 2, [LABEL_DENIED] = 1};
    uint8_t rank = s->label >= LABEL_MESSAGE ? ranks[s->label] : 0;
    if (rank == 0 || !s->value || rank < s->rank) {
        return;
    }
    if (rank > s->rank) {
        if (c == '(' || is_space(c)) {
            /* "(none)", in whatever language, says nothing. */
            s->value = c != '(';
            return;
        }
        ra_text_init(&s->text, s->text.p, s->text.cap);
        s->rank = rank;
    }
    if (s->label == LABEL_DENIED && c == '"') {
        /* The policy's or the officer's own words stand in quotes. */
        if (!s->quoted) {
            ra_text_init(&s->text, s->text.p, s->text.cap);
            s->quoted = true;
        } else {
            s->quote_ended = true;
        }
        return;
    }
    if (s->label == LABEL_DENIED && s->quote_ended) {
        return;
    }
    if (is_space(c)) {
        c = ' ';
    } else if ((unsigned char)c < ' ' || (unsigned char)c >= 0x7f) {
        c = '?';
    }
    if ((c == ' ' || c == '?') && s->text.size != 0 && s->text.p[s->text.size - 1] == c) {
        return;
    }
    if (c != ' ' || s->text.size != 0) {
        ra_text_add_char(&s->text, c);
    }
}

static void on_text(struct scan *s, const char *p, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (p[i] == '&') {
            /* "&#246;" must not be taken for the number 246. */
            size_t n = 1;
            while (i + n < size && n < 10 && p[i + n] != ';' && !is_space(p[i + n])) {
                n++;
            }
            if (i + n < size && p[i + n] == ';') {
                end_token(s);
                if (starts(p + i, size - i, "&nbsp;")) {
                    text_char(s, ' ');
                } else if (starts(p + i, size - i, "&quot;")) {
                    text_char(s, '"');
                } else {
                    for (size_t k = 0; k <= n; k++) {
                        text_char(s, p[i + k]);
                    }
                    s->seen = true;
                }
                i += n;
                continue;
            }
        }
        s->seen = s->seen || !is_space(p[i]);
        token_char(s, p[i]);
        text_char(s, p[i]);
    }
}

static bool is_block(const char *tag, size_t size)
{
    static const char *const names[] = {"p",     "tr", "td", "th", "div",  "br", "dl",
                                        "table", "li", "hr", "ul", "form", "dt", "dd"};
    size_t n = 0;
    if (size != 0 && tag[0] == '/') {
        tag++;
        size--;
    }
    while (n < size && (is_letter(tag[n]) || is_digit(tag[n]))) {
        n++;
    }
    if (n == 2 && lower(tag[0]) == 'h' && is_digit(tag[1])) {
        return true;
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (n == strlen(names[i]) && starts(tag, n, names[i])) {
            return true;
        }
    }
    return false;
}

/* The value of the tag's id attribute when it begins with "loc", behind that; or NULL. */
static const char *loc_id(const char *tag, size_t size, size_t *id_size)
{
    for (size_t i = 1; i + 3 < size; i++) {
        if (is_space(tag[i - 1]) && starts(tag + i, size - i, "id=")) {
            i += 3;
            if (tag[i] == '"' || tag[i] == '\'') {
                i++;
            }
            if (!starts(tag + i, size - i, "loc")) {
                return NULL;
            }
            i += 3;
            *id_size = 0;
            while (i + *id_size < size && is_letter(tag[i + *id_size])) {
                ++*id_size;
            }
            return tag + i;
        }
    }
    return NULL;
}

static void on_tag(struct scan *s, const char *tag, size_t size)
{
    size_t n = 0;
    const char *id = loc_id(tag, size, &n);
    if (id != NULL) {
        end_paragraph(s);
        s->page->certsrv = true;
        s->label = LABEL_OTHER;
        for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++) {
            if (n == strlen(labels[i].id) && starts(id, n, labels[i].id)) {
                s->label = (enum label)labels[i].label;
            }
        }
        s->titled = s->titled || (n == 9 && starts(id, n, "pagetitle"));
        s->page->denied = s->page->denied || s->label == LABEL_DENIED;
        if (s->page->denied && s->label == LABEL_OTHER) {
            s->label = LABEL_DENIED; /* the reason follows, in elements of its own */
        }
        s->seen = false;
        /* locDenied is on the sentence itself, the others are on a label before it. */
        s->value = s->label == LABEL_DENIED;
        return;
    }
    end_token(s);
    if (is_block(tag, size)) {
        end_paragraph(s);
        text_char(s, ' ');
        if (s->value && s->seen && s->label != LABEL_DENIED) {
            s->label = LABEL_NONE;
        }
    }
    if (s->seen && !s->value) {
        s->value = true;
        s->seen = false;
    }
}

static void read_page(struct page *page, const char *p, size_t size,
                      char text[RA_PEER_TEXT_MAX + 1])
{
    struct scan s;
    memset(page, 0, sizeof *page);
    memset(&s, 0, sizeof s);
    page->disposition = -1;
    s.page = page;
    s.decimal = true;
    ra_text_init(&s.text, text, RA_PEER_TEXT_MAX + 1);

    size_t i = 0;
    while (i < size) {
        if (p[i] != '<') {
            size_t end = i;
            while (end < size && p[end] != '<') {
                end++;
            }
            on_text(&s, p + i, end - i);
            i = end;
        } else if (starts(p + i, size - i, "<!--")) {
            i = find(p, size, i + 4, "-->");
            i = i < size ? i + 3 : size;
        } else {
            size_t end = find(p, size, i, ">");
            on_tag(&s, p + i + 1, end - i - 1);
            if (starts(p + i, size - i, "<script")) {
                end = find(p, size, end, "</script");
            } else if (starts(p + i, size - i, "<style")) {
                end = find(p, size, end, "</style");
            } else {
                end++;
            }
            i = end;
        }
    }
    end_paragraph(&s);
    while (s.text.size != 0 && text[s.text.size - 1] == ' ') {
        text[--s.text.size] = '\0';
    }
}

/* --- replies ---------------------------------------------------------------------------------- */

static void fail(struct ra_enroll_result *r, enum ra_enroll_outcome outcome, ra_err cause)
{
    r->outcome = outcome;
    r->cause = cause;
}

static void set_id(struct ra_enroll_result *r, uint32_t id)
{
    struct ra_text t;
    if (id != 0) {
        ra_text_init(&t, r->id, sizeof r->id);
        ra_text_add_u32(&t, id);
    }
}

static void web_server_failed(const struct ra_http_reply *reply, struct ra_enroll_result *r)
{
    static const char *const schemes[] = {"Basic", "Digest", "NTLM", "Negotiate", "another"};
    uint16_t status = reply->status;
    struct ra_text t;
    ra_text_init(&t, r->text, sizeof r->text);
    if (status == 401) {
        fail(r, RA_ENROLL_UNAUTHENTICATED, RA_E_HTTP_AUTH);
        r->auth = reply->auth;
        ra_text_add(&t, "the server offers");
        for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
            if ((reply->auth >> i & 1) != 0) {
                ra_text_add_char(&t, ' ');
                ra_text_add(&t, schemes[i]);
            }
        }
        if (reply->auth == 0) {
            ra_text_add(&t, " nothing");
        }
        return;
    }
    bool busy = status == 429 || (status >= 502 && status <= 504);
    fail(r, RA_ENROLL_FAILED, busy ? RA_E_HTTP_BUSY : RA_E_HTTP_STATUS);
    ra_text_add_u32(&t, status);
    ra_text_add_char(&t, ' ');
    ra_text_add(&t, reply->reason);
}

/* Certificates in any of the forms certsrv sends, decoded in place. */
static bool take_certificates(const struct ra_http_reply *reply, struct ra_enroll_result *r)
{
    static const uint8_t signed_data[] = {0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                          0xf7, 0x0d, 0x01, 0x07, 0x02};
    uint8_t *p = reply->body;
    size_t size = reply->body_size;
    while (size != 0 && is_space((char)*p)) {
        p++;
        size--;
    }
    /* Only what looks like it: decoding in place spoils a page. */
    const char *c = (const char *)p;
    if (size < 32 || !((p[0] == 0x30 && (p[1] & 0x80) != 0) || memcmp(c, "-----BEGIN", 10) == 0 ||
                       memcmp(c, "MI", 2) == 0)) {
        return false;
    }
    if (ra_pem_to_der(p, size, p, size, &size) != RA_OK || size < 32) {
        return false;
    }
    size_t head = p[1] > 0x80 ? 2u + (p[1] & 0x7f) : 2;
    if (p[0] == 0x30 && head <= 6 && memcmp(p + head, signed_data, sizeof signed_data) == 0) {
        r->kind = RA_ENROLL_DATA_CMS;
    } else {
        struct ra_cert cert;
        if (ra_cert_parse(&cert, p, size) != RA_OK) {
            return false;
        }
        r->kind = RA_ENROLL_DATA_CERT;
    }
    r->data = (struct ra_span){p, size};
    fail(r, RA_ENROLL_ISSUED, RA_OK);
    return true;
}

static void judge(const struct ra_enroll *e, const struct page *page, uint32_t link, uint32_t id,
                  struct ra_enroll_result *r)
{
    bool submit = e->op == RA_ENROLL_SUBMIT;
    ra_err coded = page->hresult != 0 ? ra_hresult_error(page->hresult) : RA_OK;
    r->hresult = page->hresult;
    if (submit) {
        set_id(r, link != 0 ? link : id != 0 ? id : page->number);
    }
    bool waits = page->disposition == 5 ||
                 (coded == RA_OK && page->disposition <= 0 && (page->certsrv || id != 0));
    if (page->denied || page->disposition == 2 || page->disposition == 6 ||
        coded == RA_E_CA_DENIED) {
        bool said_why = coded != RA_OK && coded != RA_E_CA_ERROR;
        fail(r, RA_ENROLL_DENIED, said_why ? coded : RA_E_CA_DENIED);
    } else if (submit && link != 0) {
        fail(r, RA_ENROLL_ISSUED, RA_OK);
        r->hresult = 0;
    } else if (waits && r->id[0] != '\0') {
        fail(r, RA_ENROLL_PENDING, RA_OK);
    } else if (coded != RA_OK) {
        fail(r, RA_ENROLL_FAILED, coded);
        if (submit) {
            r->id[0] = '\0'; /* a number on an error page is not a handle */
        }
    }
}

static void read_reply(struct ra_enroll *e, const struct ra_http_reply *http,
                       struct ra_enroll_result *r)
{
    const char *p = (const char *)http->body;
    size_t size = http->body_size;
    uint8_t part = e->part;

    e->part = 0;
    if (e->op == RA_ENROLL_POLL || e->op == RA_ENROLL_FETCH) {
        set_id(r, e->number);
    }
    if (http->status == 401) {
        web_server_failed(http, r);
        return;
    }
    if (e->op != RA_ENROLL_SUBMIT && !(e->op == RA_ENROLL_CACERT && part == 0) &&
        take_certificates(http, r)) {
        return;
    }
    struct page page;
    read_page(&page, p, size, r->text);
    if (!page.certsrv && (http->status < 200 || http->status > 299)) {
        web_server_failed(http, r);
    } else if (e->op == RA_ENROLL_CACERT) {
        size_t at = find(p, size, 0, "nrenewals");
        if (part == 0 && at < size) {
            /* 0 is a proper answer here: a CA that was never renewed. */
            e->number = number_after(p, size, "nrenewals", true);
            e->part = 1;
            fail(r, RA_ENROLL_MORE, RA_OK);
            return;
        }
        r->hresult = page.hresult;
        if (page.hresult != 0) {
            fail(r, RA_ENROLL_FAILED, ra_hresult_error(page.hresult));
        }
    } else {
        uint32_t link = number_after(p, size, "certnew.cer?reqid=", false);
        uint32_t id = number_after(p, size, "reqid=", false);
        if (id == 0) {
            id = number_after(p, size, "nreqid", true);
        }
        judge(e, &page, link, id, r);
    }
    if (r->outcome == RA_ENROLL_BROKEN && e->op == RA_ENROLL_FETCH) {
        r->cause = RA_E_CA_NO_CHAIN;
    }
}

static ra_err reply(struct ra_enroll *e, const struct ra_http_reply *http,
                    struct ra_enroll_result *r)
{
    read_reply(e, http, r);
    return RA_OK;
}

const struct ra_enroll_ops ra_adcs_ops = {
    .name = "adcs",
    .message = RA_ENROLL_MESSAGE_CMS_RENEWAL,
    .request = request,
    .reply = reply,
};
