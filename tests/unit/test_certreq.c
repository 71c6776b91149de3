/* The operator's way through certreq at the console: Request.inf pasted, confirmed, shown,
 * carried to the CA manager (fake_ca_take) and answered; and the words around it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ra_command.h"
#include "ra_pem.h"
#include "world.h"
#include "world_vectors.h"

#define AGENT RA_ROLE_AGENT
#define ENCRYPTION RA_ROLE_ENCRYPTION
#define HOUR ((int64_t)RA_HOUR)

static struct world w;
static struct ra_console console;
static uint8_t bulk[RA_CONSOLE_BULK];
static char typed[16384];

static void boot(void)
{
    world_boot(&w);
    ra_console_init(&console, &w.ra, "test board", bulk);
    console.length = 0;           /* as after `terminal length 0` */
    w.ra.config.idle_minutes = 0; /* a minute goes by with each step */
}

static void turn(void)
{
    (void)ra_console_step(&console);
    assert_true(world_step(&w));
}

/* Let it talk until it has read all and has nothing more to say, or asks. */
static void listen(void)
{
    for (unsigned i = 0, quiet = 0; quiet < 20; i++) {
        assert_true(i < 40000);
        size_t before = w.shown_size;
        bool more = w.typed != NULL && *w.typed != '\0';
        bool runs = console.command != NULL && console.input == RA_CONSOLE_COMMANDS;
        turn();
        quiet = !more && !runs && console.out_count == 0 && w.shown_size == before ? quiet + 1 : 0;
    }
}

static const char *say(const char *line)
{
    w.shown_size = 0;
    w.shown[0] = '\0';
    w.typed = line;
    listen();
    return w.shown;
}

static void contains(const char *text)
{
    if (strstr(w.shown, text) == NULL) {
        print_error("no '%s' in:\n%s\n", text, w.shown);
        fail();
    }
}

static void lacks(const char *text)
{
    if (strstr(w.shown, text) != NULL) {
        print_error("'%s' in:\n%s\n", text, w.shown);
        fail();
    }
}

#define assert_shows(line, text) ((void)say(line), contains(text))

static void until(enum ra_role role, enum ra_state state)
{
    int64_t end = w.true_ms + HOUR * 1000;
    while (world_state(&w, role) != state) {
        assert_true(w.true_ms < end);
        turn();
    }
    listen();
}

static int setup(void **state)
{
    (void)state;
    world_init(&w, NULL);
    world_provision_pair(&w, 400, 400);
    boot();
    listen();
    w.serial_room = 1024;
    return 0;
}

static void thumbprint(enum ra_role role, char text[41])
{
    uint8_t der[RA_CERT_MAX], sha1[20];
    size_t size = 0;
    struct ra_text to;
    assert_int_equal(ra_certificate(&w.ra, role, der, sizeof der, &size), RA_OK);
    assert_int_equal(ra_cert_sha1((struct ra_span){der, size}, sha1), RA_OK);
    ra_text_init(&to, text, 41);
    ra_text_add_hex(&to, sha1, sizeof sha1, '\0');
}

/* `command`, the article's Request.inf for the role's certificate with `more` lines, the dot. */
static const char *inf(const char *command, enum ra_role role, const char *more, const char *after)
{
    char sha1[41];
    thumbprint(role, sha1);
    (void)snprintf(typed, sizeof typed,
                   "%s\r[Version]\r\nSignature=\"$Windows NT$\"\r\n[NewRequest]\r\n"
                   "RenewalCert = \"\xe2\x80\x8e%.20s %s\"\r\nMachineKeySet = TRUE\r\n%s.\r\n%s",
                   command, sha1, sha1 + 20, more, after);
    return typed;
}

/* What was shown since `request show`: handed to the CA; its answer as the text of a paste. */
static uint32_t carry(const char *show, const char *accept)
{
    (void)say(show);
    const char *begin = strstr(w.shown, "-----BEGIN"), *end = strstr(w.shown, "-----END");
    assert_non_null(begin);
    assert_non_null(end);
    uint32_t id = fake_ca_take(&w.ca, world_now(&w), begin, (size_t)(end - begin) + 60);
    if (id == 0) {
        print_error("%s\n%s", w.ca.why, w.shown);
    }
    assert_int_not_equal(id, 0);
    uint8_t p7b[4096];
    size_t n = (size_t)snprintf(typed, sizeof typed, "%s\r", accept);
    size_t size = fake_ca_chain(&w.ca, fake_ca_request(&w.ca, id), p7b, sizeof p7b);
    n += ra_pem_read((struct ra_span){p7b, size}, "PKCS7", 0, typed + n, sizeof typed - n);
    memcpy(typed + n, ".\r", 3);
    return id;
}

static void the_article(void **state)
{
    (void)state;
    (void)say(inf("certreq new", AGENT, "UseExistingKeySet = TRUE\r\nSilent = TRUE\r\n", ""));
    contains("  line 4, RenewalCert taken\r\n");
    contains("  line 7, Silent: warning: has no meaning on this appliance, ignored\r\n");
    contains("Enrollment Agent\r\n");
    contains("  subject      CN=RA01-MSCEP-RA");
    contains("renew this certificate? (yes/no) ");
    assert_int_equal(world_state(&w, AGENT), RA_STATE_IDLE);
    assert_shows("no\r", "cancelled");
    assert_int_equal(world_state(&w, AGENT), RA_STATE_IDLE);
    (void)say(inf("certreq new", AGENT, "UseExistingKeySet = TRUE\r\n", "yes\r"));
    contains("Enrollment Agent: making the request");
    until(AGENT, RA_STATE_OFFLINE);
    assert_shows("show\r", "the request waits for the operator");
    assert_true(world_settle(&w));
    boot();
    until(AGENT, RA_STATE_OFFLINE);
    uint32_t id = carry("request show\r", "certreq accept");
    (void)say(typed);
    contains("Enrollment Agent: checking the certificate");
    until(AGENT, RA_STATE_PROBATION);
    assert_int_equal(world_serves(&w, AGENT), id);
    assert_null(world_check(&w, AGENT));
    assert_int_equal(w.ca.connections, 0);
    /* Back again, if it does not work. */
    assert_shows("rollback agent\ryes\r", "going back to the previous credential");
    until(AGENT, RA_STATE_BACKOFF);
    assert_true(world_serves(&w, AGENT) != id);
}

/* What another does at the same time, with the flash and with the CA, is waited for. */
static void others_at_work(void **state)
{
    (void)state;
    (void)inf("certreq new force", AGENT, "UseExistingKeySet = TRUE\r\n", "");
    typed[strlen(typed) - 3] = '\0';
    (void)say(typed);
    w.flash.polls = 300;
    ra_config_save(&w.ra);
    while (!w.flash.busy) {
        turn();
    }
    (void)say(".\r");
    contains("Enrollment Agent: making the request");
    w.flash.polls = 0;
    until(AGENT, RA_STATE_OFFLINE);
    uint32_t id = carry("request show\r", "certreq accept");
    typed[strlen(typed) - 2] = '\0';
    (void)say(typed);
    assert_int_equal(ra_renew(&w.ra, ENCRYPTION, true), RA_OK);
    for (unsigned i = 0; w.ra.worker != ENCRYPTION; i++) {
        assert_true(i < 1000);
        turn();
    }
    assert_shows(".\r", "Enrollment Agent: checking the certificate");
    until(ENCRYPTION, RA_STATE_PROBATION);
    until(AGENT, RA_STATE_PROBATION);
    assert_int_equal(world_serves(&w, AGENT), id);
}

/* Who pastes the right one as soon as the wrong one is refused does not come too early: the refusal is
 * still being written, and then the request made again. */
static void another_at_once(void **state)
{
    (void)state;
    static const enum ra_state early[] = {RA_STATE_CHECK, RA_STATE_SAVE_FAILURE, RA_STATE_BUILD};
    char wrong[6000];
    size_t n = (size_t)snprintf(wrong, sizeof wrong, "certreq accept\r");
    const struct world_blob *cert = world_blob("root2.cert");
    n += ra_pem_read((struct ra_span){cert->p, cert->size}, "CERTIFICATE", 0, wrong + n,
                     sizeof wrong - n);
    memcpy(wrong + n, ".\r", 3);
    assert_shows("request new agent same-key\r", "making the request");
    until(AGENT, RA_STATE_OFFLINE);
    uint32_t id = carry("request show\r", "certreq accept");
    for (unsigned i = 0; i < 3; i++) {
        w.flash.polls = 30;
        w.shown_size = 0;
        w.typed = wrong;
        while (world_state(&w, AGENT) != early[i]) {
            turn();
        }
        w.flash.polls = 0;
        assert_shows("request show\r", "-----END NEW CERTIFICATE REQUEST-----");
        w.flash.polls = 30;
        w.typed = wrong;
        while (world_state(&w, AGENT) != early[i]) {
            turn();
        }
        (void)say(i < 2 ? wrong : typed);
        contains("the certificate, a PEM chain or a p7b");
        contains("Enrollment Agent: checking the certificate");
        w.flash.polls = 0;
        until(AGENT, i < 2 ? RA_STATE_OFFLINE : RA_STATE_PROBATION);
    }
    assert_int_equal(world_serves(&w, AGENT), id);
}

static void files_that_are_refused(void **state)
{
    (void)state;
    (void)say(inf("certreq new", AGENT, "Exportable = TRUE\r\n\x1bKey = 1\r\n", ""));
    contains("% line 6, Exportable: refused: keys never leave the appliance\r\n");
    contains("% line 7, ?Key: refused: holds a control character\r\n");
    contains("% the file is refused, nothing was begun\r\n");
    lacks("renew this certificate?");
    (void)say(inf("certreq new", AGENT, "KeyUsage = 0x20\r\n", ""));
    contains("% line 6, KeyUsage: refused: differs from the old certificate's\r\n");
    assert_shows("certreq new\r[NewRequest]\rMachineKeySet=TRUE\r"
                 "RenewalCert=00112233445566778899aabbccddeeff00112233\r.\r",
                 "no stored certificate has this thumbprint");
    assert_shows("certreq new\r[NewRequest]\rMachineKeySet=TRUE\r"
                 "RenewalCert=00112233445566778899aabbccddeeff0011\r.\r",
                 "a thumbprint has exactly 40 hex digits");
    assert_int_equal(world_state(&w, AGENT), RA_STATE_IDLE);
}

static void forced_and_by_serial_number(void **state)
{
    (void)state;
    uint8_t der[RA_CERT_MAX];
    char serial[64], line[512];
    size_t size = 0;
    struct ra_cert cert;
    assert_int_equal(ra_certificate(&w.ra, ENCRYPTION, der, sizeof der, &size), RA_OK);
    assert_int_equal(ra_cert_parse(&cert, der, size), RA_OK);
    ra_cert_serial_text(&cert, serial, sizeof serial);
    (void)snprintf(line, sizeof line,
                   "certreq new force\r[NewRequest]\rRenewalCert=%s\rMachineKeySet=TRUE\r"
                   "UseExistingKeySet=TRUE\rHashAlgorithm=SHA384\r.\r",
                   serial);
    (void)say(line);
    lacks("(yes/no)");
    contains("CEP Encryption: making the request");
    until(ENCRYPTION, RA_STATE_OFFLINE);
    assert_int_equal(w.ra.renewal[ENCRYPTION].txn.hash, RA_HASH_SHA384);
    assert_shows("cancel\rno\r", "cancelled");
    assert_int_equal(world_state(&w, ENCRYPTION), RA_STATE_OFFLINE);
    assert_shows("cancel\ryes\r", "CEP Encryption: given up");
    until(ENCRYPTION, RA_STATE_IDLE);
    assert_shows("cancel force\r", "no request is open");
}

static void requests_without_a_file(void **state)
{
    (void)state;
    assert_shows("request show\r", "no request is open");
    assert_shows("request new nobody\r", "E9-02");
    assert_shows("request new agent some-key\r", "E9-02");
    assert_shows("request new agent same-key\r", "Enrollment Agent: making the request");
    assert_shows("request new encryption same-key\r", "CEP Encryption: making the request");
    until(AGENT, RA_STATE_OFFLINE);
    until(ENCRYPTION, RA_STATE_OFFLINE);
    assert_shows("request show\r", "several requests are open");
    assert_shows("request show agent encryption\r", "E9-02");
    assert_shows("request show agent pkcs10\r", "-----BEGIN NEW CERTIFICATE REQUEST-----\r\nMII");
    lacks("\r\r");
    assert_shows("certreq accept\r", "several requests are open");
    /* One by id, one over the network. */
    w.ca.mode[ENCRYPTION] = FAKE_CA_PEND;
    (void)carry("request show encryption\r", "certreq accept encryption");
    assert_true(fake_ca_approve(&w.ca, ENCRYPTION, world_now(&w)));
    char line[64];
    (void)snprintf(line, sizeof line, "certreq retrieve encryption %u\r",
                   (unsigned)fake_ca_newest(&w.ca, ENCRYPTION)->id);
    assert_shows(line, "CEP Encryption: asking the CA");
    until(ENCRYPTION, RA_STATE_PROBATION);
    assert_shows("certreq submit agent encryption\r", "E9-02");
    assert_shows("certreq submit agent ftp://x\r", "E5-");
    assert_shows("config set ca-url http://nowhere.example.test/\r", "");
    assert_shows("certreq submit " FAKE_CA_URL "\r", "Enrollment Agent: submitting the request");
    until(AGENT, RA_STATE_PROBATION);
    assert_string_equal(w.ra.config.ca_url, FAKE_CA_URL);
    assert_null(world_check(&w, AGENT));
    assert_shows("certreq submit\r", "no request is open");
    assert_shows("certreq retrieve 17\r", "no request is open");
}

/* Before the CA's own id is forgotten for another the operator is asked, unless he insists; for one that
 * the CA does not know it is not forgotten then either. */
static void another_id_than_the_cas(void **state)
{
    (void)state;
    char line[128], id[RA_ENROLL_ID_MAX + 1];
    w.ca.mode[AGENT] = FAKE_CA_PEND;
    assert_shows("renew agent same-key\r", "renewal begins");
    until(AGENT, RA_STATE_PENDING);
    memcpy(id, w.ra.renewal[AGENT].txn.request_id, sizeof id);
    (void)snprintf(line, sizeof line, "the CA gave the request id %s\r\n", id);
    assert_shows("certreq retrieve 4711\r", line);
    contains("ask for the other one instead? (yes/no) ");
    assert_shows("no\r", "cancelled");
    assert_shows("retrieve agent 4711\r", line);
    assert_shows("no\r", "cancelled");
    (void)snprintf(line, sizeof line, "certreq retrieve %s\r", id);
    assert_shows(line, "Enrollment Agent: asking the CA");
    lacks("(yes/no)");
    assert_true(fake_ca_approve(&w.ca, AGENT, world_now(&w)));
    until(AGENT, RA_STATE_PROBATION);
    (void)snprintf(line, sizeof line, "%u", (unsigned)world_serves(&w, AGENT));
    assert_string_equal(line, id);
    assert_shows("renew encryption same-key\r", "renewal begins");
    w.ca.mode[ENCRYPTION] = FAKE_CA_PEND;
    until(ENCRYPTION, RA_STATE_PENDING);
    memcpy(id, w.ra.renewal[ENCRYPTION].txn.request_id, sizeof id);
    assert_shows("retrieve encryption 4711 force\r", "CEP Encryption: asking the CA");
    lacks("(yes/no)");
    for (unsigned i = 0; i < 1000 && world_logged(&w, RA_LOG_REFUSED, ENCRYPTION) == 0; i++) {
        turn();
    }
    assert_int_equal(world_logged(&w, RA_LOG_REFUSED, ENCRYPTION), 1);
    until(ENCRYPTION, RA_STATE_PENDING);
    assert_string_equal(w.ra.renewal[ENCRYPTION].txn.request_id, id);
}

static void hold_and_resume_and_retry(void **state)
{
    (void)state;
    assert_shows("hold\r", "nothing is renewed until `resume`");
    assert_true(w.ra.config.hold);
    assert_shows("renew agent\r", "renewal is on hold");
    assert_shows("resume\r", "renewals begin by themselves");
    assert_false(w.ra.config.hold);
    assert_shows("retry\r", "no request is open");
    assert_shows("renew agent old-key\r", "E9-02");
    w.ca.net = FAKE_NET_REFUSED;
    w.pace_ms = 100;
    assert_shows("renew agent same-key\r", "Enrollment Agent: renewal begins");
    until(AGENT, RA_STATE_BACKOFF);
    w.ca.net = FAKE_NET_UP;
    assert_shows("retry\r", "Enrollment Agent: trying again");
    until(AGENT, RA_STATE_PROBATION);
    assert_shows("rollback\r", "E9-02");
    assert_shows("rollback encryption force\r", "no previous credential is kept");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_article, setup),
        cmocka_unit_test_setup(others_at_work, setup),
        cmocka_unit_test_setup(another_at_once, setup),
        cmocka_unit_test_setup(files_that_are_refused, setup),
        cmocka_unit_test_setup(forced_and_by_serial_number, setup),
        cmocka_unit_test_setup(requests_without_a_file, setup),
        cmocka_unit_test_setup(another_id_than_the_cas, setup),
        cmocka_unit_test_setup(hold_and_resume_and_retry, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
