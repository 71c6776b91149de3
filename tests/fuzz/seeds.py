#!/usr/bin/env python3
"""Writes seeds for every target to FOLDER/TARGET; fuzz.py --merge takes of them what adds edges.

    seeds.py FOLDER

Binary ones are the recorded and openssl-made messages of tests/support (by the program `seeds`),
pages those of the stand-in for AD CS (tests/ca/pages.py); the texts are written here.
"""
import base64
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT / "tests/ca"))
import pages  # noqa: E402

BINARY = "cms envelope der key x509 chain scep_ca".split()
DATE = b"Date: Sun, 06 Nov 2022 08:49:37 GMT\r\n"


def http_replies():
    body = b"<HTML>Certificate Services</HTML>"
    head = b"HTTP/1.1 %s\r\nServer: Microsoft-IIS/10.0\r\n" + DATE
    chunked = b"1a;name=value\r\nabcdefghijklmnopqrstuvwxyz\r\n7\r\n1234567\r\n0\r\n"
    return [
        head % b"200 OK" + b"Content-Type: text/html; charset=UTF-8\r\nContent-Length: %d\r\n\r\n" % len(body) + body,
        head % b"200 OK" + b"Transfer-Encoding: chunked\r\nContent-Type: application/pkix-cert\r\n\r\n" + chunked + b"\r\n",
        head % b"200 OK" + b"Transfer-Encoding: chunked\r\n\r\n" + chunked + b"Expires: 0\r\nX-A: b\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nAES\nPOSTPKIOperation\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + head % b"204 No Content" + b"\r\n",
        head % b"302 Found" + b"Location: /certsrv/default.asp\r\nContent-Length: 0\r\n\r\n",
        head % b"307 Temporary Redirect" + b"Location: http://ca.example.test/a/../b?c=d\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno",
        head % b"401 Unauthorized" + b"WWW-Authenticate: Negotiate\r\nWWW-Authenticate: NTLM\r\nWWW-Authenticate: Basic realm=\"a\"\r\nContent-Length: 0\r\n\r\n",
        head % b"401 Unauthorized" + b"WWW-Authenticate: Digest realm=\"x\", Basic realm=\"y\", Bearer\r\nContent-Length: 0\r\n\r\n",
        head % b"503 Service Unavailable" + b"Retry-After: 120\r\nContent-Length: 0\r\n\r\n",
        head % b"503 Service Unavailable" + b"Retry-After: Sun, 06 Nov 2022 09:49:37 GMT\r\nContent-Length: 0\r\n\r\n",
        head % b"200 OK" + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        head % b"200 OK" + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        head % b"200 OK" + b"X-Folded: a\r\n b\r\nContent-Length: 0\r\n\r\n",
        head % b"304 Not Modified" + b"Connection: keep-alive\r\nKeep-Alive: timeout=5\r\n\r\n",
        head % b"200 OK" + b"Content-Length: 99999999999999999999\r\n\r\n",
    ]


def adcs_pages():
    out = []
    for words in pages.TEXTS.values():
        made = [pages.issued(words, 17, "Example CA"), pages.pending(words, 17, "Example CA"),
                pages.denied(words, 17, "Denied by EXAMPLE\\ca-manager", "Example CA"),
                pages.error(words, "newreq", 1, "Error", 0x80094800, 0, "Example CA", "MIIC"),
                pages.error(words, "chkpnd", 5, "Taken", 0, 0, "Example CA"),
                pages.error(words, "chkpnd", 2, "Denied", 0x80094014, 0, "Example CA"),
                pages.error(words, "chkpnd", 6, "Revoked", 0, 0, "Example CA"),
                pages.ca_certs(words, 2, "Example CA")]
        out += [page.encode("latin-1", "replace") for page in made]
    out.append(b"<html>ID=locInfoReqID>&nbsp;your id is 5</P> nReqId = 6; ReqID=7</html>")
    return out


def attribute(oid, tag, value):
    def tlv(t, v):
        return bytes([t, len(v)]) + v if len(v) < 128 else bytes([t, 0x81, len(v)]) + v
    return tlv(0x30, tlv(6, bytes.fromhex(oid)) + tlv(0x31, tlv(tag, value)))


SCEP = "6086480186f8450109"


def scep_attributes(status, transaction, nonce, *more):
    return b"".join((attribute(SCEP + "02", 0x13, b"3"), attribute(SCEP + "07", 0x13, transaction),
                     attribute(SCEP + "06", 4, nonce), attribute(SCEP + "03", 0x13, status), *more))


FAIL = (attribute(SCEP + "04", 0x13, b"2"), attribute(SCEP + "18", 0x0c, b"the challenge is wrong"))
NDES = (attribute(SCEP + "04", 0x13, b"1"),
        attribute("2b0601040182371511", 0x13, b"-2146877420"),
        attribute("2b06010401823715100a", 0x0c, b"-2146877420"))


def scep_messages(binary):
    out = []
    for status, more in ((b"0", ()), (b"3", ()), (b"2", FAIL), (b"2", NDES)):
        attributes = scep_attributes(status, b"T" * 32, b"N" * 16, *more)
        head = len(attributes).to_bytes(2, "big") + attributes
        contents = [b"", b"\x30\x00"]
        contents += [p for n, p in binary.items() if "p7b" in n or "certs" in n or n.startswith("world_issuing.c")]
        for content in contents:
            if len(content) < 6000:
                out += [b"\x01" + head + content, b"\x0a" + head + content]
        for name, envelope in binary.items():
            if name.startswith("scep_env_") and status == b"0":
                out.append(b"\x02" + head + envelope)
    for name, message in binary.items():
        if name.startswith("scep_") and len(message) < 6000:
            out += [b"\x00" + message, b"\x03" + message]
    return out


CONSOLE = [
    b"help\r\nshow\r\nshow log\r\nshow version\r\nshow certificate agent\r\n",
    b"config list\r\nconfig show\r\nconfig set ca-url http://ca.example.test/certsrv\r\nconfig set ca-password secret\r\nconfig save\r\n",
    b"set renew-days 30\rset hold on\nset hold maybe\r\nconfig\r\n\x15\x03abc\x08\x08\x7f\r\n",
    b"renew agent\r\nrenew all\r\nenroll device\r\nretrieve agent 17\r\ntime 2027-01-15T08:00:00Z\r\n",
    b"show store\r\nshow network\r\nshow anchors\r\nanchor 0\r\nreset\r\n", b"request agent\r\nshow request agent\r\nanswer agent\r\nMIIB\r\n.\r\nyes\r\n", b"import agent\r\npass\r\nEND\r\n", b"reboot\r\n",
    b"password set\rcorrect horse\rcorrect horse\rlogout\rwrong\r", b"sh\tcr\t| json\rconf s?\x15show tech\r  q\x1b[A\x1b[D\x16?\rterminal length 0\rshow running-config all\rhelp ren\r",
    b"show timers | json\rshow counters | include by\rshow transactions\rshow log 3 | json\rconfig set ca-password\rx\r", b"a" * 400 + b"\r\nhelp\n",
]
LINE = [
    b"show log\x1b[D\x1b[D\x1b[3~x\x1b[Hs\x1bOFy\x01\x06\x02\x05\x7f\x08\x04\x0c\rtime\n\x1b[A\x1b[A\x1b[B\x10\x0e\x0e\x16?\t\r\x04?a b c\x17\x17\x0b\x15\x03\xff\x07",
    b"a" * 330 + b"\r" + b"b" * 320 + b"\x01" + b"\x1b[C" * 90 + b"\t\x1b[4~" + b"\x1b[D" * 200 + b"xyz\x0b\r",
    b"".join(b"command %d\r" % i for i in range(50)) + b"\x1b[A" * 40 + b"\x1b[B" * 50 + b"\x1b[1;5C\x1b[20~\x1bOH\x1bx\x1b[1~\x1b[7~\x1b[8~",
]
CONFIG = [
    b"ca-url http://ca.example.test/certsrv\nca-user EXAMPLE\\ra\nca-password p%ss\nrenew-days 60\nhold on\n",
    b"protocol scep\nscep-cipher aes256\nca-fingerprint " + b":".join([b"ab"] * 32) + b"\nsubject CN=a,O=b\n",
    b"ip-address 10.0.0.1\nnetmask 255.255.255.0\ngateway dhcp\ndns-server 10.0.0.2\nsntp-server a.b\n",
    b"agent-key rsa-3072\nencryption-key ec-p256\ndevice-key ec-p256\nkey-policy same\npoll-minutes 65535\nunknown x\n",
]
INF = [
    b"[Version]\r\nSignature=\"$Windows NT$\"\r\n[NewRequest]\r\nRenewalCert = \"71 6e 1d 6c 69 c2 ae 5d 7d 3d aa 93 d8 d9 b0 ba 46 54 3b 75\"\r\n"
    b"UseExistingKeySet = TRUE\r\nMachineKeySet = TRUE\r\nRequestType = PKCS10 ; comment\r\nKeyLength = 2048\r\nKeySpec=1\r\nExportable = FALSE\r\n",
    b"[Strings]\nszOID = \"1.3.6.1.4.1.311.20.2.1\"\nname=\"CN=\"\"a\"\", O=b\"\n[NewRequest]\nSubject = %name%\nKeyUsage = 0x80\nHashAlgorithm=sha256\n"
    b"KeyAlgorithm = ECDSA_P256\n[EnhancedKeyUsageExtension]\nOID = %szOID%\n[RequestAttributes]\nCertificateTemplate = EnrollmentAgentOffline\n",
    b"\xef\xbb\xbf[newrequest]\\\n\nProviderName = \"Microsoft RSA SChannel Cryptographic Provider\"\nProviderType=12\nSilent=true\n[Extensions]\n2.5.29.17 = \"{text}\"\n_continue_ = \"dns=a&\"\n",
]


# RFC 7030 4.5.2; the others made with openssl asn1parse -genconf (tests/unit/test_est.c).
EST_ATTRIBUTES = [
    "MEEGCSqGSIb3DQEJBzASBgcqhkjOPQIBMQcGBSuBBAAiMBYGCSqGSIb3DQEJDjEJBgcrBgEBAQEWBggqhkjOPQQDAw==",
    "MIGGMDsGCSqGSIb3DQEJDjEuMCwwEgYDVR0RAQH/BAgwBoIEYS5iZDALBgNVHQ8EBAMCB4AwCQYDVR0gBAIwADARBgkqhkiG9w0BAQExBAICDAAG"
    "CSqGSIb3DQEBBQYIKoZIzj0EAwIGCSqGSIb3DQEBDAYJKoZIhvcNAQENBgkqhkiG9w0BCQc=",
    "MEMwFQYJKoZIhvcNAQEBMQgCAggAAgIQADAVBgcqhkjOPQIBMQoGCCqGSM49AwEHMBMGCCoDgvTD289/MQcMBWhlbGxv", "MAA=",
    "MCQGCSqGSIb3DQEBATAXBgkqhkiG9w0BCQ4xCgYDVR0lBgNVHQ4="]


def texts():
    return {
        "http": http_replies(),
        "exchange": [b"\xff\xff\xfe".join(http_replies()[i:i + 4]) for i in range(0, 16, 2)],
        "chunked": [r.split(b"\r\n\r\n", 1)[1] for r in http_replies()[1:3]] + [b"00000001\r\na\r\n0\r\n\r\n", b"0\r\n\r\n", b"5;a=\"b\"\r\nabcde\r\n000\r\nT: x\r\n\r\n"],
        "asked": [b"GET /cgi-bin/pkiclient.exe?operation=GetCACert&message=ra HTTP/1.1\r\nHost: ra.example.test\r\nAccept: */*\r\n\r\n",
                  b"POST /certsrv/mscep/mscep.dll?x=1&operation=PKIOperation HTTP/1.0\r\nContent-Length: 2\r\n\r\nab",
                  b"GET /? HTTP/1.1\r\nA: b\r\n c\r\n\r\n\0x", b"\r\nGET /a?op=b&op HTTP/1.1\n\n\0op",
                  b"GET http://x/ HTTP/1.1\r\n\r\n", b"OPTIONS * HTTP/1.1\r\n\r\n"],
        "url": [b"http://ca.example.test:8080/certsrv/?a=b\n/x/../y\n?op=1\n../a/./b\nhttp://ca.example.test:8080/z\nhttps://other/\n//ca.example.test:8080/a",
                b"https://10.0.0.1/scep/pkiclient.exe\n?operation=GetCACaps&message=a%20b\nc\n#f", b"http://a_b-c.d\n/"],
        "name": [b"CN=ra01.example.com,O=Example\\, Inc,C=DE", b"DC=net,DC=example,OU=a\\20b,L=x,ST=y,serialNumber=7", b"CN=\\c3\\a9\xe2\x82\xac"],
        "time": [b"221106084937Z", b"20221106084937Z", b"Sun, 06 Nov 1994 08:49:37 GMT", b"2026-11-22T22:04:00Z", b"2026-11-22 22:04", b"2026-11-22", b"500101000000Z", b"\xff" * 8],
        "console": CONSOLE, "line": LINE, "config": CONFIG, "inf": INF,
        "adcs": adcs_pages(),
        "scep_attributes": [scep_attributes(s, b"A0", b"0123456789abcdef", *m) for s, m in ((b"0", ()), (b"3", ()), (b"2", FAIL), (b"2", NDES))],
        "sntp": [bytes([h]) + bytes.fromhex("240203e80000000000000000c0a80001") + bytes(24) + bytes.fromhex("e7000000800000") + b"\0" for h in (1, 5, 9, 0)]
        + [b"\x01" + bytes.fromhex("e40003e8") + b"\0" * 36 + b"RATE" + b"\0" * 4, b"\x01\x1c\x01" + b"\1" * 46],
        "store": [bytes([g]) + bytes.fromhex("000105" "010207" "030000" "050301" "000309" "030000" "040000" "020100" "04000006100a") + b"0123456789" for g in range(4)],
        "world": [bytes([c]) for c in range(64)] + [b"\x00\x02\x03\x00\x10A\x00\x20B\x01\x00C", b"\x01\x03\x20" + b"AES\nPOSTPKIOperation\nSHA-256\n\n\n\n", b"\x00\x01\x30" + http_replies()[9]],
        "record": [],
        "est": [base64.b64decode(s) for s in EST_ATTRIBUTES] + [s.encode() for s in EST_ATTRIBUTES] + [b"TLS client authentication is wanted", b"-----BEGIN PKCS7-----\r\n"],
    }


def main():
    to = pathlib.Path(sys.argv[1])
    made = texts()
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([ROOT / "build/fuzzers/fuzz/seeds", folder], check=True)
        binary = {p.name: p.read_bytes() for p in sorted(pathlib.Path(folder).iterdir())}
    for target in BINARY:
        made[target] = [p for n, p in binary.items() if not n.startswith(("record_", "flash_", "pkcs12_"))]
    certs = [p for n, p in binary.items() if n.startswith("cert_") or n.endswith((".cert", "ca_cert"))]
    made["chain"] += [a + b for a in certs for b in certs if a != b and len(a) + len(b) < 2600]
    made["pem"] = [b"-----BEGIN CERTIFICATE-----\r\n" + base64.encodebytes(p) + b"-----END CERTIFICATE-----\r\n" for p in certs[:3]]
    made["pem"] += [base64.b64encode(certs[0]), base64.encodebytes(certs[1]), certs[2]]
    made["scep_ca"] += [binary["scep_cacaps"], b"AES\r\nDES3\r\nGetNextCACert\r\nPOSTPKIOperation\r\nRenewal\r\nSHA-1\r\nSHA-256\r\nSHA-512\r\nSCEPStandard\r\n"]
    made["scep"] = scep_messages(binary)
    made["est"] += [base64.encodebytes(p) for n, p in binary.items() if n.startswith("world_root") or ("p7" in n and len(p) < 6000)]
    made["est"] += [p for n, p in binary.items() if n.startswith("world_root")]
    made["mount"] = [bytes([c]) + p[1:] for n, p in binary.items() if n.startswith("flash_") for c in (0, 0x40)]
    made["mount"] += [bytes([c]) for c in (0, 1, 2, 3, 4, 5, 128, 192)]
    made["pkcs12"] = [p for n, p in binary.items() if n.startswith("pkcs12_")]
    made["pkcs12"] += [base64.encodebytes(p) for p in made["pkcs12"] if p[0] == 0x30]
    made["record"] = [p for n, p in binary.items() if n.startswith("record_")]
    for target, seeds in made.items():
        folder = to / target
        folder.mkdir(parents=True, exist_ok=True)
        for i, seed in enumerate(seeds):
            (folder / f"seed-{i}").write_bytes(seed)


if __name__ == "__main__":
    main()
