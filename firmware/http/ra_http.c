#include "ra_http.h"

#include <string.h>

#include "picohttpparser.h"
#include "ra_text.h"
#include "ra_time.h"

enum phase {
    IDLE,
    HEAD,
    BODY_LENGTH,
    BODY_CLOSE,
    CHUNK_SIZE,
    CHUNK_EXT,
    CHUNK_SIZE_LF,
    CHUNK_DATA,
    CHUNK_DATA_CR,
    CHUNK_DATA_LF,
    TRAILER,
    TRAILER_LF,
    DONE
};

/* Where the scan of the head stands in its line. */
enum line { LINE_START, LINE_MIDDLE, LINE_CR, LINE_EMPTY_CR };

static void finish(struct ra_http *h, ra_err outcome)
{
    h->phase = DONE;
    h->outcome = outcome;
    h->reply.body_size = h->have;
}

/* --- small readers --------------------------------------------------------------------------- */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* p[0 .. size-1] is `word` (lower case) but for the case of letters. */
static bool is_word(const char *p, size_t size, const char *word)
{
    for (size_t i = 0; i < size; i++) {
        if (lower(p[i]) != word[i] || word[i] == '\0') {
            return false;
        }
    }
    return word[size] == '\0';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_token_char(char c)
{
    char l = lower(c);
    return is_digit(c) || (l >= 'a' && l <= 'z') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/* Digits only; a number beyond `max` reads as `max`. False when it is no number. */
static bool read_number(const char *p, size_t size, uint32_t max, uint32_t *out)
{
    uint32_t v = 0;
    if (size == 0) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if (!is_digit(p[i])) {
            return false;
        }
        uint32_t d = (uint32_t)(p[i] - '0');
        v = v > (max - d) / 10 ? max : v * 10 + d;
    }
    *out = v;
    return true;
}

/* --- request --------------------------------------------------------------------------------- */

static bool has_control(const char *s)
{
    for (; *s != '\0'; s++) {
        if ((unsigned char)*s < ' ' || *s == 0x7f) {
            return true;
        }
    }
    return false;
}

static void add_base64(struct ra_text *t, const char *user, const char *password)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t user_size = strlen(user);
    size_t size = user_size + 1 + strlen(password);
    for (size_t i = 0; i < size; i += 3) {
        uint32_t v = 0;
        for (size_t k = i; k < i + 3; k++) {
            v <<= 8;
            if (k < user_size) {
                v |= (unsigned char)user[k];
            } else if (k == user_size) {
                v |= ':';
            } else if (k < size) {
                v |= (unsigned char)password[k - user_size - 1];
            }
        }
        ra_text_add_char(t, digits[v >> 18]);
        ra_text_add_char(t, digits[v >> 12 & 63]);
        ra_text_add_char(t, i + 1 < size ? digits[v >> 6 & 63] : '=');
        ra_text_add_char(t, i + 2 < size ? digits[v & 63] : '=');
    }
}

static void add_header(struct ra_text *t, const char *name, const char *value)
{
    ra_text_add(t, name);
    ra_text_add(t, value);
    ra_text_add(t, "\r\n");
}

static uint8_t *window(struct ra_http *h)
{
    return h->buf + h->cap - RA_HTTP_OUT_MAX;
}

static ra_err write_head(struct ra_http *h, const struct ra_url *target)
{
    const struct ra_http_request *r = &h->request;
    struct ra_text t;
    ra_text_init(&t, (char *)window(h), RA_HTTP_OUT_MAX);
    ra_text_add(&t, r->method == RA_HTTP_POST ? "POST " : "GET ");
    ra_text_add(&t, target->path);
    h->split = t.size;
    ra_text_add(&t, " HTTP/1.1\r\nHost: ");
    ra_text_add(&t, target->host);
    if (target->port != (target->tls ? 443 : 80)) {
        ra_text_add_char(&t, ':');
        ra_text_add_u32(&t, target->port);
    }
    add_header(&t, "\r\nUser-Agent: ", r->user_agent != NULL ? r->user_agent : "Perennial");
    add_header(&t, "Accept: */*", "");
    /* Without this line a server may compress as it likes (RFC 9110 §12.5.3). */
    add_header(&t, "Accept-Encoding: identity", "");
    if (r->user != NULL) {
        ra_text_add(&t, "Authorization: Basic ");
        add_base64(&t, r->user, r->password != NULL ? r->password : "");
        ra_text_add(&t, "\r\n");
    }
    if (r->method == RA_HTTP_POST) {
        if (r->content_type != NULL) {
            add_header(&t, "Content-Type: ", r->content_type);
        }
        ra_text_add(&t, "Content-Length: ");
        ra_text_add_u32(&t, (uint32_t)r->body_size);
        ra_text_add(&t, "\r\n");
    }
    ra_text_add(&t, "\r\n");
    h->out_size = t.size;
    return t.cut ? RA_E_LIMIT : RA_OK;
}

ra_err ra_http_init(struct ra_http *h, uint8_t *buf, size_t cap)
{
    memset(h, 0, sizeof *h);
    if (cap < RA_HTTP_BUFFER_MIN) {
        return RA_E_ARGUMENT;
    }
    h->buf = buf;
    h->cap = cap;
    h->outcome = RA_E_STATE;
    h->phase = DONE;
    return RA_OK;
}

ra_err ra_http_start(struct ra_http *h, const struct ra_http_request *request,
                     const struct ra_url *target, int64_t wall_s)
{
    const struct ra_http_request r = *request;
    uint8_t *buf = h->buf;
    size_t cap = h->cap;

    (void)ra_http_init(h, buf, cap);
    if (r.user != NULL && (strchr(r.user, ':') != NULL || has_control(r.user))) {
        return RA_E_ARGUMENT;
    }
    if ((r.password != NULL && has_control(r.password)) ||
        (r.user_agent != NULL && has_control(r.user_agent)) ||
        (r.content_type != NULL && has_control(r.content_type)) ||
        (r.body_size != 0 && (r.method != RA_HTTP_POST || r.body_read == NULL)) ||
        (r.target_size != 0 && (r.method != RA_HTTP_GET || r.target_read == NULL)) ||
        r.body_size > INT32_MAX) {
        return RA_E_ARGUMENT;
    }
    if (r.user != NULL && !target->tls && !r.allow_plaintext) {
        return RA_E_HTTP_PLAINTEXT;
    }
    h->request = r;
    h->reply.retry_after_s = -1;
    h->reply.date = RA_HTTP_NO_TIME;
    h->wall_s = wall_s;
    ra_err e = write_head(h, target);
    if (e == RA_OK) {
        h->phase = HEAD;
        h->line = LINE_START;
        h->outcome = RA_AGAIN;
        h->limit = cap;
        h->sending = true;
    }
    return e;
}

/* --- what the engine wants ------------------------------------------------------------------- */

/* Bytes of the buffer that received bytes may fill: not the window while it is in
 * use, or while a Location header may come that is kept there. */
static size_t room_of(const struct ra_http *h)
{
    size_t end = h->sending || h->phase == HEAD ? h->cap - RA_HTTP_OUT_MAX : h->limit;
    return end > h->have ? end - h->have : 0;
}

unsigned ra_http_wants(const struct ra_http *h)
{
    if (h->phase == DONE) {
        return RA_HTTP_FINISHED;
    }
    unsigned wants = 0;
    if (h->sending) {
        wants |= RA_HTTP_WANT_SEND;
    }
    if (!h->sending || room_of(h) != 0) {
        wants |= RA_HTTP_WANT_RECEIVE;
    }
    return wants;
}

/* Whether the produced part of the request line is next. */
static bool at_target(const struct ra_http *h)
{
    return h->out_at == h->split && h->target_at < h->request.target_size;
}

static const uint8_t *target_out(struct ra_http *h, size_t *size)
{
    if (h->piece_at == h->piece_size) {
        size_t left = h->request.target_size - h->target_at;
        size_t room = left < sizeof h->piece ? left : sizeof h->piece;
        size_t n = h->request.target_read(h->request.target_ctx, h->target_at, h->piece, room);
        if (n == 0 || n > room) {
            finish(h, RA_E_ARGUMENT);
            return h->piece;
        }
        h->piece_at = 0;
        h->piece_size = (uint8_t)n;
    }
    *size = (size_t)h->piece_size - h->piece_at;
    return h->piece + h->piece_at;
}

const uint8_t *ra_http_out(struct ra_http *h, size_t *size)
{
    *size = 0;
    if (h->phase == DONE || !h->sending) {
        return window(h);
    }
    if (at_target(h)) {
        return target_out(h, size);
    }
    if (h->out_at < h->split && h->request.target_size != 0) {
        *size = h->split - h->out_at;
        return window(h) + h->out_at;
    }
    if (h->out_at == h->out_size) {
        h->out_at = h->out_size = 0;
        while (h->out_size < RA_HTTP_OUT_MAX && h->body_at < h->request.body_size) {
            size_t room = RA_HTTP_OUT_MAX - h->out_size;
            if (room > h->request.body_size - h->body_at) {
                room = h->request.body_size - h->body_at;
            }
            size_t n = h->request.body_read(h->request.body_ctx, h->body_at,
                                            window(h) + h->out_size, room);
            if (n == 0 || n > room) {
                finish(h, RA_E_ARGUMENT);
                return window(h);
            }
            h->out_size += n;
            h->body_at += n;
        }
    }
    *size = h->out_size - h->out_at;
    return window(h) + h->out_at;
}

void ra_http_out_taken(struct ra_http *h, size_t size)
{
    if (size != 0) {
        h->sent = true;
    }
    if (at_target(h)) {
        h->piece_at = (uint8_t)(h->piece_at + size);
        h->target_at += size;
        return;
    }
    h->out_at += size;
    if (h->out_at == h->out_size && h->body_at == h->request.body_size) {
        h->sending = false;
        memset(window(h), 0, RA_HTTP_OUT_MAX); /* the password was in it */
    }
}

uint8_t *ra_http_in(struct ra_http *h, size_t *room)
{
    *room = 0;
    if ((ra_http_wants(h) & RA_HTTP_WANT_RECEIVE) != 0) {
        *room = room_of(h);
        if (*room == 0) {
            /* The body fills the buffer; what may still follow is framing. */
            *room = sizeof h->spill;
            return h->spill;
        }
    }
    return h->buf + h->have;
}

/* --- head of the reply ----------------------------------------------------------------------- */

/* Looks at each byte of the head once. Returns the bytes used; `*end` when the
 * empty line was among them. */
static size_t scan_head(struct ra_http *h, const uint8_t *p, size_t size, bool *end)
{
    size_t i = 0;
    while (i < size) {
        if (h->have + i == RA_HTTP_HEAD_MAX) {
            finish(h, RA_E_HTTP_HEADERS);
            return i;
        }
        uint8_t c = p[i++];
        switch (h->line) {
        case LINE_START:
        case LINE_MIDDLE:
            if (c == '\r') {
                h->line = h->line == LINE_START ? LINE_EMPTY_CR : LINE_CR;
                break;
            }
            /* A blank first in a line folds it onto the one before: obsolete, and a
             * way to make two readers see different headers. */
            if (c == 0x7f || (c < ' ' && c != '\t') ||
                (h->line == LINE_START && is_blank((char)c))) {
                finish(h, RA_E_HTTP_SYNTAX);
                return i;
            }
            h->line = LINE_MIDDLE;
            break;
        case LINE_CR:
        default:
            if (c != '\n') {
                finish(h, RA_E_HTTP_SYNTAX);
                return i;
            }
            if (h->line == LINE_EMPTY_CR) {
                *end = true;
                return i;
            }
            h->line = LINE_START;
            /* The status line and RA_HTTP_HEADERS_MAX headers. */
            if (++h->lines > RA_HTTP_HEADERS_MAX + 1) {
                finish(h, RA_E_HTTP_HEADERS);
                return i;
            }
            break;
        }
    }
    return i;
}

static void clean_text(char to[RA_PEER_TEXT_MAX + 1], const char *p, size_t size)
{
    struct ra_text t;
    ra_text_init(&t, to, RA_PEER_TEXT_MAX + 1);
    for (size_t i = 0; i < size; i++) {
        ra_text_add_char(&t, p[i] >= ' ' && p[i] < 0x7f ? p[i] : '?');
    }
}

/* One challenge list: scheme [params] , scheme [params] ... (RFC 9110 §11.6.1). A
 * name followed by '=' is a parameter of the scheme before it. */
static uint8_t read_challenges(const char *p, size_t size)
{
    static const char *const known[] = {"basic", "digest", "ntlm", "negotiate"};
    uint8_t set = 0;
    bool first = true; /* of a list element */
    size_t i = 0;
    while (i < size) {
        if (p[i] == '"') {
            for (i++; i < size && p[i] != '"'; i++) {
                if (p[i] == '\\') {
                    i++;
                }
            }
            i++;
        } else if (p[i] == ',') {
            first = true;
            i++;
        } else if (first && is_token_char(p[i])) {
            size_t n = 0;
            while (i + n < size && is_token_char(p[i + n])) {
                n++;
            }
            size_t after = i + n;
            while (after < size && is_blank(p[after])) {
                after++;
            }
            if (after == size || p[after] != '=') {
                uint8_t bit = RA_HTTP_AUTH_OTHER;
                for (size_t k = 0; k < sizeof known / sizeof known[0]; k++) {
                    if (is_word(p + i, n, known[k])) {
                        bit = (uint8_t)(1u << k);
                    }
                }
                set |= bit;
            }
            first = false;
            i += n;
        } else {
            first = first && is_blank(p[i]);
            i++;
        }
    }
    return set;
}

static void read_content_type(struct ra_http_reply *reply, const char *p, size_t size)
{
    size_t n = 0;
    while (n < size && p[n] != ';' && !is_blank(p[n])) {
        n++;
    }
    if (n > RA_HTTP_TYPE_MAX) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        reply->content_type[i] = lower(p[i]);
    }
    reply->content_type[n] = '\0';
}

struct framing {
    uint32_t length;
    bool has_length, chunked;
    const char *location, *retry; /* into the head */
    size_t location_size, retry_size;
    bool close, keep_alive;
};

/* Comma-separated options of a Connection header. */
static void read_connection(struct framing *f, const char *p, size_t size)
{
    size_t i = 0;
    while (i < size) {
        size_t n = 0;
        while (i + n < size && p[i + n] != ',' && !is_blank(p[i + n])) {
            n++;
        }
        f->close = f->close || is_word(p + i, n, "close");
        f->keep_alive = f->keep_alive || is_word(p + i, n, "keep-alive");
        i += n + 1;
    }
}

static ra_err read_header(struct ra_http *h, struct framing *f, int minor,
                          const struct phr_header *header)
{
    const char *name = header->name, *p = header->value;
    size_t name_size = header->name_len, size = header->value_len;

    bool token = name_size != 0;
    for (size_t i = 0; i < name_size; i++) {
        token = token && is_token_char(name[i]);
    }
    if (!token) {
        return RA_E_HTTP_SYNTAX;
    }
    while (size > 0 && is_blank(p[size - 1])) {
        size--;
    }
    if (is_word(name, name_size, "content-length")) {
        if (f->has_length || f->chunked || !read_number(p, size, UINT32_MAX, &f->length)) {
            return RA_E_HTTP_LENGTH;
        }
        f->has_length = true;
    } else if (is_word(name, name_size, "transfer-encoding")) {
        if (f->has_length || f->chunked || minor == 0 || !is_word(p, size, "chunked")) {
            return RA_E_HTTP_LENGTH;
        }
        f->chunked = true;
    } else if (is_word(name, name_size, "connection")) {
        read_connection(f, p, size);
    } else if (is_word(name, name_size, "content-type")) {
        if (h->reply.content_type[0] == '\0') {
            read_content_type(&h->reply, p, size);
        }
    } else if (is_word(name, name_size, "www-authenticate")) {
        h->reply.auth |= read_challenges(p, size);
    } else if (is_word(name, name_size, "date")) {
        if (ra_time_from_http(p, size, &h->reply.date) != RA_OK) {
            h->reply.date = RA_HTTP_NO_TIME;
        }
    } else if (is_word(name, name_size, "retry-after")) {
        f->retry = p;
        f->retry_size = size;
    } else if (is_word(name, name_size, "location") && f->location == NULL) {
        f->location = p;
        f->location_size = size;
    }
    return RA_OK;
}

/* After all headers, because a date counts from the Date header. */
static void read_retry_after(struct ra_http *h, const char *p, size_t size)
{
    uint32_t seconds;
    int64_t at;
    int64_t now = h->reply.date != RA_HTTP_NO_TIME ? h->reply.date : h->wall_s;
    if (read_number(p, size, INT32_MAX, &seconds)) {
        h->reply.retry_after_s = seconds;
    } else if (now != RA_HTTP_NO_TIME && ra_time_from_http(p, size, &at) == RA_OK) {
        int64_t wait = at > now ? at - now : 0;
        h->reply.retry_after_s = wait > INT32_MAX ? INT32_MAX : wait;
    }
}

/* "HTTP/1.x NNN[ reason]\r\n". Done here because picohttpparser lets the numbers overflow. */
static size_t read_status_line(struct ra_http *h, const char *p, int *minor)
{
    static const char shape[] = "HTTP/1.d ddd";
    for (size_t i = 0; i < sizeof shape - 1; i++) {
        if (shape[i] == 'd' ? !is_digit(p[i]) : p[i] != shape[i]) {
            return 0;
        }
    }
    *minor = p[7] - '0';
    h->reply.status = (uint16_t)((p[9] - '0') * 100 + (p[10] - '0') * 10 + (p[11] - '0'));
    size_t end = sizeof shape - 1;
    while (p[end] != '\r') {
        end++;
    }
    if (h->reply.status < 100 || h->reply.status > 599 || h->reply.status == 101 ||
        (end > 12 && p[12] != ' ')) {
        return 0;
    }
    if (end > 13) {
        clean_text(h->reply.reason, p + 13, end - 13);
    }
    return end + 2;
}

/* The head is complete in buf[0 .. have-1]. */
static ra_err read_head(struct ra_http *h)
{
    const char *head = (const char *)h->buf;
    struct phr_header headers[RA_HTTP_HEADERS_MAX];
    size_t count = RA_HTTP_HEADERS_MAX;
    struct framing f;
    int minor = 0;
    struct ra_http_reply *reply = &h->reply;

    memset(&f, 0, sizeof f);
    memset(reply, 0, sizeof *reply);
    reply->retry_after_s = -1;
    reply->date = RA_HTTP_NO_TIME;
    reply->body = h->buf;

    /* A head shorter than the status line's fixed part cannot be one. */
    size_t at = h->have < 16 ? 0 : read_status_line(h, head, &minor);
    if (at == 0 ||
        phr_parse_headers(head + at, h->have - at, headers, &count, 0) != (int)(h->have - at)) {
        return RA_E_HTTP_SYNTAX;
    }
    for (size_t i = 0; i < count; i++) {
        ra_err e = read_header(h, &f, minor, &headers[i]);
        if (e != RA_OK) {
            return e;
        }
    }
    if (f.retry != NULL) {
        read_retry_after(h, f.retry, f.retry_size);
    }

    uint16_t status = reply->status;
    h->lines = 0;
    h->line = LINE_START;
    if (status < 200) {
        return ++h->interim > RA_HTTP_INTERIM_MAX ? RA_E_HTTP_HEADERS : RA_AGAIN;
    }
    h->keep_alive = minor == 0 ? f.keep_alive && !f.close : !f.close;
    if (status >= 300 && h->sending) {
        /* The server has made up its mind; what is left of the request would only
         * keep it from being heard (RFC 9112 §9.5). */
        h->sending = false;
        h->keep_alive = false;
    }
    if (status >= 300 && status < 400 && f.location != NULL && f.location_size < RA_HTTP_OUT_MAX) {
        memmove(window(h), f.location, f.location_size);
        reply->location = (const char *)window(h);
        reply->location_size = f.location_size;
        h->limit = h->cap - RA_HTTP_OUT_MAX;
    }
    if (status == 204 || status == 304) {
        h->phase = DONE;
    } else if (f.chunked) {
        h->phase = CHUNK_SIZE;
        h->left = 0;
        h->digits = 0;
    } else if (!f.has_length) {
        h->phase = BODY_CLOSE;
        h->keep_alive = false;
    } else if (f.length > h->limit) {
        return RA_E_HTTP_TOO_LARGE;
    } else {
        h->phase = BODY_LENGTH;
        h->left = f.length;
    }
    return RA_OK;
}

/* --- body of the reply ----------------------------------------------------------------------- */

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One byte of the framing around chunks. Returns RA_OK, or why it is broken. */
static ra_err take_framing(struct ra_http *h, uint8_t c)
{
    switch (h->phase) {
    case CHUNK_SIZE: {
        int v = hex_value(c);
        if (v >= 0) {
            /* More digits than fit are a chunk larger than any buffer, or padding
             * with zeros that no server writes. */
            if (h->digits == 8) {
                return RA_E_HTTP_CHUNK;
            }
            h->digits++;
            h->left = h->left * 16 + (size_t)v;
            return RA_OK;
        }
        if (h->digits == 0 || (c != '\r' && c != ';' && !is_blank((char)c))) {
            return RA_E_HTTP_CHUNK;
        }
        h->phase = CHUNK_EXT;
    }
    /* fall through */
    case CHUNK_EXT:
        if (c == '\r') {
            h->phase = CHUNK_SIZE_LF;
            return RA_OK;
        }
        if (c == 0x7f || (c < ' ' && c != '\t') || ++h->extra > RA_HTTP_CHUNK_EXT_MAX) {
            return RA_E_HTTP_CHUNK;
        }
        return RA_OK;
    case CHUNK_SIZE_LF:
        if (c != '\n') {
            return RA_E_HTTP_CHUNK;
        }
        if (h->left > h->limit - h->have) {
            return RA_E_HTTP_TOO_LARGE;
        }
        h->phase = h->left != 0 ? CHUNK_DATA : TRAILER;
        if (h->left == 0) {
            h->extra = 0;
            h->line = LINE_START;
        }
        return RA_OK;
    case CHUNK_DATA_CR:
        h->phase = CHUNK_DATA_LF;
        return c == '\r' ? RA_OK : RA_E_HTTP_CHUNK;
    case CHUNK_DATA_LF:
        h->phase = CHUNK_SIZE;
        h->digits = 0;
        h->left = 0;
        h->extra = 0;
        return c == '\n' ? RA_OK : RA_E_HTTP_CHUNK;
    case TRAILER:
        if (++h->extra > RA_HTTP_TRAILER_MAX) {
            return RA_E_HTTP_HEADERS;
        }
        if (c == '\r') {
            h->phase = TRAILER_LF;
        } else if (c == 0x7f || (c < ' ' && c != '\t')) {
            return RA_E_HTTP_SYNTAX;
        } else {
            h->line = LINE_MIDDLE;
        }
        return RA_OK;
    default: /* TRAILER_LF */
        if (c != '\n') {
            return RA_E_HTTP_SYNTAX;
        }
        h->phase = h->line == LINE_START ? DONE : TRAILER;
        h->line = LINE_START;
        return RA_OK;
    }
}

static void keep(struct ra_http *h, const uint8_t *p, size_t size)
{
    if (p != h->buf + h->have) {
        memmove(h->buf + h->have, p, size);
    }
    h->have += size;
}

static void feed(struct ra_http *h, const uint8_t *p, size_t size)
{
    while (h->phase != DONE) {
        if (h->phase == BODY_LENGTH && h->left == 0) {
            break;
        }
        if (size == 0) {
            return;
        }
        size_t n = 1;
        ra_err e = RA_OK;
        if (h->phase == HEAD) {
            bool end = false;
            n = scan_head(h, p, size, &end);
            keep(h, p, n); /* behind an interim reply it lies further back */
            if (end) {
                e = read_head(h);
                h->have = 0;
                e = e == RA_AGAIN ? RA_OK : e;
            }
        } else if (h->phase == BODY_LENGTH || h->phase == CHUNK_DATA) {
            n = size < h->left ? size : h->left;
            keep(h, p, n);
            h->left -= n;
            if (h->phase == CHUNK_DATA && h->left == 0) {
                h->phase = CHUNK_DATA_CR;
            }
        } else if (h->phase == BODY_CLOSE) {
            n = size;
            if (n > h->limit - h->have) {
                e = RA_E_HTTP_TOO_LARGE;
            } else {
                keep(h, p, n);
            }
        } else {
            e = take_framing(h, *p);
        }
        if (e != RA_OK) {
            finish(h, e);
        }
        p += n;
        size -= n;
    }
    if (h->outcome == RA_AGAIN) {
        /* What follows the reply was not asked for: this connection is out of step. */
        h->keep_alive = h->keep_alive && size == 0 && !h->sending;
        finish(h, RA_OK);
    }
}

void ra_http_in_given(struct ra_http *h, size_t size)
{
    size_t room;
    const uint8_t *p = ra_http_in(h, &room);
    if (size > room) {
        size = room; /* the caller's mistake must not become an overrun */
    }
    if (size != 0) {
        h->heard = true;
        feed(h, p, size);
    }
}

void ra_http_in_closed(struct ra_http *h)
{
    if (h->phase == DONE) {
        return;
    }
    h->keep_alive = false;
    finish(h, h->phase == BODY_CLOSE ? RA_OK : RA_E_NET_CLOSED);
}

/* --- results --------------------------------------------------------------------------------- */

ra_err ra_http_outcome(const struct ra_http *h)
{
    return h->outcome;
}

const struct ra_http_reply *ra_http_reply(const struct ra_http *h)
{
    return &h->reply;
}

bool ra_http_keep_alive(const struct ra_http *h)
{
    return h->outcome == RA_OK && h->keep_alive;
}

bool ra_http_heard(const struct ra_http *h)
{
    return h->heard;
}

bool ra_http_sent(const struct ra_http *h)
{
    return h->sent;
}
