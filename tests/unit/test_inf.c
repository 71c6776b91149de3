/* Request.inf: the syntax, every key by name and line, and what is compared with the certificate.
 * Thumbprints, serial numbers and subjects are openssl's (pki_vectors.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "pki_vectors.h"
#include "ra_inf.h"

#define KB                                                                                         \
    "[NewRequest]\nRenewalCert=0123456789abcdef0123456789abcdef01234567\nMachineKeySet=TRUE\n"

static struct ra_inf inf;
static char notes[4096];

/* Read all of it; each note as "LINE NAME VERDICT: WHY" and a line end, but what was taken. */
static void read_text(const char *text)
{
    struct ra_inf_note note;
    unsigned refused = 0;
    notes[0] = '\0';
    ra_inf_init(&inf, (struct ra_span){(const uint8_t *)text, strlen(text)});
    while (ra_inf_next(&inf, &note)) {
        size_t n = strlen(notes);
        refused += note.verdict == RA_INF_REFUSED;
        if (note.verdict != RA_INF_TAKEN) {
            (void)snprintf(notes + n, sizeof notes - n, "%u %s %s: %s\n", note.line, note.name,
                           note.verdict == RA_INF_WARNED ? "warned" : "refused", note.why);
        }
    }
    assert_int_equal(inf.refused, refused);
}

static void taken(const char *text)
{
    read_text(text);
    assert_string_equal(notes, "");
}

static void noted(const char *text, const char *wanted)
{
    read_text(text);
    assert_string_equal(notes, wanted);
}

static const struct pki_cert *agent(void)
{
    const struct pki_cert *c = pki_certs;
    while (strcmp(c->name, "agent") != 0) {
        c++;
    }
    return c;
}

/* The article's own file: quoted version, thumbprint with blanks, nothing else. */
static void the_articles_file(void **state)
{
    (void)state;
    char text[512], spaced[64] = "";
    const char *sha1 = agent()->sha1;
    for (unsigned i = 0; i < 40; i += 2) {
        (void)snprintf(spaced + strlen(spaced), 4, "%.2s ", sha1 + i);
    }
    (void)snprintf(text, sizeof text,
                   "\xef\xbb\xbf[Version]\r\nSignature=\"$Windows NT$\"\r\n\r\n[NewRequest]\r\n"
                   "RenewalCert = \"\xe2\x80\x8e%s\" ; pasted from the certificate's dialog\r\n"
                   "MachineKeySet = TRUE\r\n",
                   spaced);
    taken(text);
    struct ra_cert cert;
    pki_cert_parse(&cert, "agent");
    assert_true(ra_inf_names(&inf, &cert));
    assert_false(inf.same_key);
    assert_int_equal(inf.alg, RA_KEY_NONE);
    assert_int_equal(inf.hash, RA_HASH_SHA256);
    struct ra_inf_note note;
    assert_true(ra_inf_match(&inf, &cert, &note));
    pki_cert_parse(&cert, "encryption");
    assert_false(ra_inf_names(&inf, &cert));
    read_text("[NewRequest]\nMachineKeySet=true\n");
    assert_false(ra_inf_names(&inf, &cert));
    cert.serial = (struct ra_span){(const uint8_t *)"", 1}; /* zero, which is no number too many */
    assert_false(ra_inf_names(&inf, &cert));
    taken("[NewRequest]\nRenewalCert=00\nMachineKeySet=true");
    assert_true(ra_inf_names(&inf, &cert));
}

static void by_serial_number(void **state)
{
    (void)state;
    struct ra_cert cert;
    char text[256];
    pki_cert_parse(&cert, "agent");
    (void)snprintf(text, sizeof text, "[NewRequest]\nRenewalCert=%s\nMachineKeySet=true",
                   agent()->serial);
    taken(text);
    assert_true(ra_inf_names(&inf, &cert));
    pki_cert_parse(&cert, "encryption");
    assert_false(ra_inf_names(&inf, &cert));
}

static void hex_digits_as_pasted(void **state)
{
    (void)state;
    uint8_t out[20], size;
    unsigned digits;
    static const char *const good[] = {
        "00112233445566778899aAbBcCdDeEfF01234567",
        "00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:01:23:45:67",
        "\xe2\x80\x8e 00 11 22 3 3 44 55 66 77 88 99 aa bb cc dd ee ff 01 23 45 67 ",
        "\xef\xbb\xbf\xe2\x80\x8b\xe2\x80\x8f"
        "0011223344\xc2\xa0"
        "5566778899aabbccddeeff01234567\r\n",
    };
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(ra_inf_hex(good[i], out, &size, &digits), RA_OK);
        assert_int_equal(size, 20);
        assert_int_equal(digits, 40);
        assert_memory_equal(out,
                            "\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff"
                            "\x01\x23\x45\x67",
                            20);
    }
    static const char *const bad[] = {
        "0011223344556677889900112233445566778",        /* 37: the odd one is not dropped */
        "00112233445566778899001122334455667788990011", /* 44 */
        "0011223344556677889900112233445566778g",
        "",
        "?00112233",
        "\xe2\x80\x8d"
        "00"};
    for (unsigned i = 0; i < 6; i++) {
        assert_int_equal(ra_inf_hex(bad[i], out, &size, &digits), RA_E_THUMBPRINT);
        assert_int_equal(size, 0);
    }
    assert_int_equal(ra_inf_hex("6100", out, &size, &digits), RA_OK);
    assert_int_equal(size, 2);
}

static void thumbprints_that_are_none(void **state)
{
    (void)state;
    noted("[NewRequest]\nMachineKeySet=TRUE\nRenewalCert=00112233445566778899001122334455667788\n",
          "");
    noted("[NewRequest]\nMachineKeySet=TRUE\nRenewalCert=123\n",
          "3 RenewalCert refused: has an odd number of hex digits; a thumbprint has 40\n");
    noted("[NewRequest]\nMachineKeySet=TRUE\nRenewalCert=\"\"\n",
          "3 RenewalCert refused: holds no hex digits\n");
    noted("[NewRequest]\nMachineKeySet=TRUE\nRenewalCert=12 g4 5\n",
          "3 RenewalCert refused: holds characters that are no hex digits\n");
    noted("[NewRequest]\nMachineKeySet=TRUE\nRenewalCert=12 g4\n",
          "3 RenewalCert refused: has an odd number of hex digits; a thumbprint has 40\n");
    noted("[NewRequest]\nMachineKeySet=TRUE\nRenewalCert=1234x\n",
          "3 RenewalCert refused: holds characters that are no hex digits\n");
    noted("[NewRequest]\nMachineKeySet=TRUE\n"
          "RenewalCert=0123456789abcdef0123456789abcdef0123456789\n",
          "3 RenewalCert refused: has more than the 40 hex digits of a thumbprint\n");
    noted("[NewRequest]\nMachineKeySet=TRUE\n"
          "RenewalCert=0123456789abcdef0123456789abcdef01234567x\n",
          "3 RenewalCert refused: holds characters that are no hex digits\n");
    noted("[NewRequest]\nMachineKeySet=TRUE\n"
          "RenewalCert=0123456789abcdef0123456789abcdef012345678\n",
          "3 RenewalCert refused: has more than the 40 hex digits of a thumbprint\n");
}

static void syntax(void **state)
{
    (void)state;
    /* Case, order, merged sections, comments, blank lines, old Mac line ends, no last line end. */
    taken("; a file\r\r[NEWREQUEST]\rmachinekeyset = true ; as it must be\r[version]\r"
          "SIGNATURE=$windows nt$\r[newRequest] ; once more\r"
          "  RENEWALCERT=0123456789abcdef0123456789abcdef01234567");
    /* Continuation, quotes, a quote in quotes, a semicolon in quotes. */
    taken(KB "KeyUsage = \\\n  \\  \n  \"0x80\"\nSubject = \"CN=a;b\"\"c\"\n");
    assert_string_equal(inf.subject, "CN=a;b\"c");
    /* Strings before and after, inside quotes and outside, and the per cent sign. */
    taken("[Strings]\nwho = \"CN=ra01\"\n" KB "Subject = \"%WHO%,%org%\"%%20%\n"
          "[strings]\nORG = O=Example ; comment\n");
    assert_string_equal(inf.subject, "CN=ra01,O=Example%20%");
    taken("[Strings]\na;b=x\n\"a;b\"=CN=y\n" KB "Subject=%a;b%\n");
    assert_string_equal(inf.subject, "CN=y");
    noted(KB "Subject=%nobody%\n", "4 Subject refused: a %string% is not in [Strings]\n");
    noted(KB "Subject=%a%%a%%a%%a%%a%%a%%a%%a%%a%\n[Strings]\na=b\n",
          "4 Subject refused: too many %strings% in one line\n");
    noted(KB "Subject=\"CN=x\nSilent=TRUE\n",
          "4 Subject refused: a quote is not closed\n"
          "5 Silent warned: has no meaning on this appliance, ignored\n");
    noted("[Strings]\nx=\"y\n" KB, "2 x refused: a quote is not closed\n");
    noted(KB "[Strings\n", "4 Strings refused: a section's bracket is not closed\n");
    noted("MachineKeySet=TRUE\n" KB, "1 MachineKeySet refused: stands in no section\n");
    noted(KB "[Extra]\nMachineKeySet=TRUE\n",
          "4 Extra refused: is an unknown section\n"
          "5 MachineKeySet refused: stands in an unknown section\n");
    noted(KB "Exportable\n", "4 Exportable refused: has no value\n");
    noted(KB "=TRUE\n", "4  refused: is not known here\n");
    noted(KB "MachineKeySet=TRUE\n", "4 MachineKeySet refused: is given twice\n");
    noted(KB "Silent=TRUE\nSilent=FALSE\n",
          "4 Silent warned: has no meaning on this appliance, ignored\n"
          "5 Silent warned: has no meaning on this appliance, ignored\n");
    noted(KB "Subject=CN=\x01x\n", "4 Subject refused: holds a control character\n");
    noted(KB "\\\n\\\nSilnet=TRUE\n", "4 Silnet refused: is not known here\n");
    noted("", "0 RenewalCert refused: is missing: it names the certificate to renew\n"
              "0 MachineKeySet refused: is missing: it has to be TRUE\n");
}

static void lengths(void **state)
{
    (void)state;
    static char text[RA_INF_TEXT_MAX + 8];
    /* A key of 48 and a value of 256 characters. */
    (void)snprintf(text, sizeof text, KB "%048d=1\n", 0);
    read_text(text);
    assert_non_null(strstr(notes, "refused: is longer than any key\n"));
    (void)snprintf(text, sizeof text, KB "Subject=%0255d\n", 0);
    taken(text);
    (void)snprintf(text, sizeof text, KB "Subject=%0256d\n", 0);
    noted(text, "4 Subject refused: is longer than this appliance reads\n");
    (void)snprintf(text, sizeof text, KB "SecurityDescriptor=%0400d\n", 0);
    noted(text, "4 SecurityDescriptor warned: has no meaning on this appliance, ignored\n");
    (void)snprintf(text, sizeof text, KB "Subject=%%x%%y\n[Strings]\nx=%0255d\n", 0);
    noted(text, "4 Subject refused: is longer than this appliance reads\n");
    memset(text, ';', sizeof text - 1);
    noted(text, "0 the file refused: is too long\n");
}

struct row {
    const char *line;
    const char *wanted; /* "" : taken */
};

static void every_row_of_the_table(void **state)
{
    (void)state;
    static const char no_meaning[] = "warned: has no meaning on this appliance, ignored";
    static const char archival[] =
        "refused: key archival is not done: keys never leave the appliance";
    static const char made[] = "refused: belongs to a self-made certificate, not to a renewal";
    static const char rsa[] = "refused: RSA keys have 2048, 3072 or 4096 bits here";
    static const char hash[] = "refused: signatures use SHA256, SHA384 or SHA512";
    static const char pkcs7[] = "refused: a renewal is PKCS7 here";
    static const char stays[] = "refused: keys never leave the appliance";
    static const struct row rows[] = {
        {"RequestType=PKCS7", ""},
        {"RequestType=2", ""},
        {"RequestType=PKCS10", pkcs7},
        {"RequestType=CMC", pkcs7},
        {"RequestType=Cert", pkcs7},
        {"RequestType=0xfd00", pkcs7},
        {"UseExistingKeySet=TRUE", ""},
        {"UseExistingKeySet=false", ""},
        {"UseExistingKeySet=maybe", "refused: is TRUE or FALSE"},
        {"Exportable=FALSE", ""},
        {"Exportable=TRUE", stays},
        {"ExportableEncrypted=FALSE", ""},
        {"ExportableEncrypted=TRUE", stays},
        {"KeyLength=2048", ""},
        {"KeyLength=1024", rsa},
        {"KeyLength=0x800", rsa},
        {"KeyAlgorithm=RSA", ""},
        {"KeyAlgorithm=DSA", "refused: keys are RSA, ECDSA_P256 or ECDSA_P384"},
        {"HashAlgorithm=sha256", ""},
        {"HashAlgorithm=SHA384", ""},
        {"HashAlgorithm=sha512", ""},
        {"HashAlgorithm=sha1", hash},
        {"HashAlgorithm=md5", hash},
        {"KeySpec=AT_KEYEXCHANGE", ""},
        {"KeySpec=0", ""},
        {"KeySpec=3", "refused: is AT_NONE, AT_KEYEXCHANGE or AT_SIGNATURE"},
        {"KeyUsage=0xa0", ""},
        {"KeyUsage=128", ""},
        {"KeyUsage=\"CERT_DIGITAL_SIGNATURE_KEY_USAGE | 0x20\"", ""},
        {"KeyUsage=CERT_SOMETHING", "refused: is not a key usage"},
        {"KeyUsage=0x00080", "refused: is not a key usage"},
        {"KeyUsage=0x8g", "refused: is not a key usage"},
        {"KeyUsage=0x100", "refused: is not a key usage"},
        {"KeyUsage=0x", "refused: is not a key usage"},
        {"KeyUsage=\"0x80 0x20\"", "refused: is not a key usage"},
        {"Subject=\"CN=x\"", ""},
        {"X500NameFlags=1", no_meaning},
        {"SubjectNameFlags=1", no_meaning},
        {"ProviderName=\"Microsoft Strong Cryptographic Provider\"", no_meaning},
        {"ProviderType=1", no_meaning},
        {"KeyContainer=x", no_meaning},
        {"ReaderName=x", no_meaning},
        {"Silent=TRUE", no_meaning},
        {"SMIME=FALSE", no_meaning},
        {"FriendlyName=x", no_meaning},
        {"KeyProtection=0", no_meaning},
        {"UserProtected=FALSE", no_meaning},
        {"SuppressDefaults=TRUE", no_meaning},
        {"SecurityDescriptor=D:P", no_meaning},
        {"AlternateSignatureAlgorithm=FALSE", ""},
        {"AlternateSignatureAlgorithm=TRUE", "refused: RSASSA-PSS is not done"},
        {"RequesterName=EXAMPLE\\\\me", "refused: a renewal is not on behalf of another"},
        {"PrivateKeyArchive=FALSE", ""},
        {"PrivateKeyArchive=TRUE", archival},
        {"EncryptionAlgorithm=3DES", archival},
        {"EncryptionLength=168", archival},
        {"NotBefore=1/1/2027", made},
        {"NotAfter=1/1/2028", made},
        {"ValidityPeriod=Years", made},
        {"ValidityPeriodUnits=2", made},
        {"ChallengePassword=x", "refused: is not known here"},
        {"[RequestAttributes]\nCertificateTemplate=EnrollmentAgentOffline", ""},
        {"[RequestAttributes]\nSAN=dns=x", "refused: the old certificate's names are kept"},
        {"[RequestAttributes]\nOther=x", "refused: is not known here"},
        {"[Extensions]\n2.5.29.37=\"{text}1.3.6.1.4.1.311.20.2.1\"", ""},
        {"[Extensions]\n2.5.29.37=\"{text}1.3.6.1.5.5.7.3.1\"",
         "refused: the purpose is Certificate Request Agent, 1.3.6.1.4.1.311.20.2.1"},
        {"[Extensions]\n2.5.29.17=\"{text}\"",
         "refused: extensions are copied from the old certificate"},
        {"[Extensions]\n_continue_=\"dns=x&\"",
         "refused: extensions are copied from the old certificate"},
        {"[Extensions]\nRenewalCert=00", "refused: extensions are copied from the old certificate"},
        {"[Extensions]\n1.3.6.1.4.1.311.21.10=\"{text}x\"",
         "refused: application policies are never sent"},
        {"[EnhancedKeyUsageExtension]\nOID=1.3.6.1.4.1.311.20.2.1", ""},
        {"[EnhancedKeyUsageExtension]\nOID=1.3.6.1.5.5.7.3.2",
         "refused: the purpose is Certificate Request Agent, 1.3.6.1.4.1.311.20.2.1"},
        {"[Version]\nSignature=\"$Chicago$\"", "refused: is \"$Windows NT$\""},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[512], wanted[256] = "";
        const char *line = strchr(rows[i].line, '\n');
        const char *key = line != NULL ? line + 1 : rows[i].line;
        (void)snprintf(text, sizeof text, KB "%s\n", rows[i].line);
        if (rows[i].wanted[0] != '\0') {
            (void)snprintf(wanted, sizeof wanted, "%d %.*s %s\n", line != NULL ? 5 : 4,
                           (int)strcspn(key, "="), key, rows[i].wanted);
        }
        noted(text, wanted);
    }
    noted("[NewRequest]\nRenewalCert=00\nMachineKeySet=FALSE\n",
          "3 MachineKeySet refused: is TRUE: an appliance has no user's store\n");
}

static void keys_asked_for(void **state)
{
    (void)state;
    static const struct {
        const char *lines;
        enum ra_key_alg alg;
    } good[] = {{"KeyLength=3072", RA_KEY_RSA_3072},
                {"KeyAlgorithm=RSA", RA_KEY_RSA_2048},
                {"KeyAlgorithm=RSA\nKeyLength=4096", RA_KEY_RSA_4096},
                {"KeyAlgorithm=ECDSA_P256", RA_KEY_EC_P256},
                {"KeyAlgorithm=ecdsa_p384\nKeyLength=384", RA_KEY_EC_P384}};
    char text[256];
    for (unsigned i = 0; i < sizeof good / sizeof good[0]; i++) {
        (void)snprintf(text, sizeof text, KB "%s\n", good[i].lines);
        taken(text);
        assert_int_equal(inf.alg, good[i].alg);
    }
    noted(KB "KeyAlgorithm=ECDSA_P256\nKeyLength=2048\n",
          "0 KeyLength refused: does not fit KeyAlgorithm\n");
    noted(KB "KeyAlgorithm=ECDSA_P384\nKeyLength=256\n",
          "0 KeyLength refused: does not fit KeyAlgorithm\n");
    noted(KB "KeyLength=256\n", "0 KeyLength refused: does not fit KeyAlgorithm\n");
    static const char *const with_the_old[] = {"KeyLength=2048", "KeyAlgorithm=RSA",
                                               "Exportable=FALSE"};
    for (unsigned i = 0; i < 3; i++) {
        (void)snprintf(text, sizeof text, KB "UseExistingKeySet=TRUE\n%s\n", with_the_old[i]);
        noted(text, "0 UseExistingKeySet refused: keeps the key: Exportable, KeyLength and "
                    "KeyAlgorithm do not go with it\n");
    }
    taken(KB "UseExistingKeySet=TRUE\nHashAlgorithm=sha384\n");
    assert_true(inf.same_key);
    assert_int_equal(inf.hash, RA_HASH_SHA384);
}

/* What is compared with the Enrollment Agent certificate: "" for what fits, else the key. */
static void compared_with_the_certificate(void **state)
{
    (void)state;
    char subject[256];
    struct ra_cert cert;
    pki_cert_parse(&cert, "agent");
    (void)snprintf(subject, sizeof subject, "Subject=\"%s\"", agent()->subject);
    const struct row rows[] = {
        {subject, ""},
        {"Subject=\"CN=RA99-MSCEP-RA,O=Example,C=US\"", "Subject"},
        {"Subject=\"nothing\"", "Subject"},
        {"KeyUsage=0x80", ""},
        {"KeyUsage=CERT_DIGITAL_SIGNATURE_KEY_USAGE", ""},
        {"KeyUsage=0xa0", "KeyUsage"},
        {"KeyUsage=0x0080", ""},
        {"KeySpec=2", ""},
        {"KeySpec=AT_NONE", ""},
        {"KeySpec=1", "KeySpec"},
        {"[RequestAttributes]\nCertificateTemplate=enrollmentagentoffline", ""},
        {"[RequestAttributes]\nCertificateTemplate=CEPEncryption", "CertificateTemplate"},
        {"[EnhancedKeyUsageExtension]\nOID=1.3.6.1.4.1.311.20.2.1", ""},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[512];
        struct ra_inf_note note = {0, RA_INF_TAKEN, "", ""};
        (void)snprintf(text, sizeof text, KB "%s\n", rows[i].line);
        taken(text);
        bool fits = ra_inf_match(&inf, &cert, &note);
        assert_int_equal(fits, rows[i].wanted[0] == '\0');
        if (!fits) {
            assert_string_equal(note.name, rows[i].wanted);
            assert_int_equal(note.line, strchr(rows[i].line, '\n') != NULL ? 5 : 4);
        }
    }
    struct ra_inf_note note;
    taken(KB "[EnhancedKeyUsageExtension]\nOID=1.3.6.1.4.1.311.20.2.1\n");
    cert.eku_count = 2;
    assert_false(ra_inf_match(&inf, &cert, &note));
    assert_string_equal(note.name, "OID");
    cert.eku_count = 1;
    cert.eku_request_agent = false;
    assert_false(ra_inf_match(&inf, &cert, &note));
    assert_string_equal(note.name, "OID");
    taken(KB "KeyUsage=0x80\n");
    cert.has_key_usage = false;
    assert_false(ra_inf_match(&inf, &cert, &note));
    assert_string_equal(note.name, "KeyUsage");
    taken(KB "KeySpec=1\n");
    assert_true(ra_inf_match(&inf, &cert, &note));
    /* Each comma in quotes takes another character: it outgrows any name, and is none. */
    char commas[RA_INF_VALUE_MAX];
    char text[512];
    memset(commas, ',', sizeof commas);
    commas[200] = '\0';
    (void)snprintf(text, sizeof text, KB "Subject=\"O=\"\"%s\"\"\"\n", commas);
    taken(text);
    assert_false(ra_inf_match(&inf, &cert, &note));
    assert_string_equal(note.name, "Subject");
    taken(KB "KeySpec=1\n");
    pki_cert_parse(&cert, "encryption");
    assert_true(ra_inf_match(&inf, &cert, &note));
    taken(KB "KeySpec=2\n");
    assert_false(ra_inf_match(&inf, &cert, &note));
    assert_string_equal(note.name, "KeySpec");
    taken(KB "[RequestAttributes]\nCertificateTemplate=0123456789012345678901234567890123456789"
             "01234567890123456789012\n");
    noted(KB "[RequestAttributes]\nCertificateTemplate=0123456789012345678901234567890123456789"
             "012345678901234567890123\n",
          "5 CertificateTemplate refused: is longer than a template's name\n");
}

/* The subject in the order of the certificate's dialog and in the opposite one, with blanks. */
static void subjects_in_either_order(void **state)
{
    (void)state;
    struct ra_cert cert;
    struct ra_inf_note note;
    char text[512], turned[256] = "", copy[256];
    pki_cert_parse(&cert, "agent");
    (void)snprintf(copy, sizeof copy, "%s", agent()->subject);
    for (size_t at = strlen(copy); at-- > 0;) {
        if (copy[at] == ',' && copy[at - 1] != '\\') {
            (void)snprintf(turned + strlen(turned), sizeof turned - strlen(turned), "%s, ",
                           copy + at + 1);
            copy[at] = '\0';
        }
    }
    (void)snprintf(turned + strlen(turned), sizeof turned - strlen(turned), "%s", copy);
    assert_string_not_equal(turned, agent()->subject);
    (void)snprintf(text, sizeof text, KB "Subject=\"%s\"\n", turned);
    taken(text);
    assert_true(ra_inf_match(&inf, &cert, &note));
    /* And with quotes as Windows writes a comma, doubled for the file. */
    taken(KB
          "Subject=\"CN=RA01-MSCEP-RA, OU=Scep, O=\"\"Gr\303\266\303\237e & S\303\266hne, AG\"\", "
          "C=DE\"\n");
    assert_true(ra_inf_match(&inf, &cert, &note));
}

/* Any bytes: it ends, and nothing is read that is not there (the sanitizers see to that). */
static void any_bytes(void **state)
{
    (void)state;
    static const char alphabet[] = "[]=\";%\\\r\n \tNewRequestStringsx\xe2\x80\x8e";
    uint32_t x = 1;
    for (unsigned n = 0; n < 300; n++) {
        uint8_t text[200];
        struct ra_inf_note note;
        unsigned lines = 0;
        for (unsigned i = 0; i < sizeof text; i++) {
            x = x * 1664525u + 1013904223u;
            text[i] = (uint8_t)alphabet[(x >> 16) % (sizeof alphabet - 1)];
        }
        ra_inf_init(&inf, (struct ra_span){text, n % sizeof text});
        while (ra_inf_next(&inf, &note)) {
            assert_true(++lines < 400);
        }
        assert_true(inf.refused > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_articles_file),
        cmocka_unit_test(by_serial_number),
        cmocka_unit_test(hex_digits_as_pasted),
        cmocka_unit_test(thumbprints_that_are_none),
        cmocka_unit_test(syntax),
        cmocka_unit_test(lengths),
        cmocka_unit_test(every_row_of_the_table),
        cmocka_unit_test(keys_asked_for),
        cmocka_unit_test(compared_with_the_certificate),
        cmocka_unit_test(subjects_in_either_order),
        cmocka_unit_test(any_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
