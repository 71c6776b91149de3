#!/usr/bin/env python3
"""firmware/net compiles against an appliance's own lwIP: with threads and core locking, IPv4 alone
and with IPv6. Each call of the transport takes the lock, and without core locking the build says
what is missing. The lwIP is LWIP_DIR or the fetched one."""
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
LWIP = pathlib.Path(os.environ.get("LWIP_DIR") or ROOT / ".cache/src/lwip")
WARNINGS = "-std=c11 -Wall -Wextra -Wconversion -Wshadow -Werror -O1 -c".split()
OPTIONS = "#define NO_SYS 0\n#define LWIP_DNS 1\n#define LWIP_SOCKET 0\n#define LWIP_NETCONN 0\n"
CC = "#include <stdint.h>\n#define LWIP_NO_UNISTD_H 0\nuint32_t own_random(void);\n#define LWIP_RAND() own_random()\n"
SYS = """#include <stdint.h>
typedef void *sys_sem_t, *sys_mutex_t, *sys_mbox_t, *sys_thread_t;
typedef uint32_t sys_prot_t;
"""
failed = []


def compile_with(options, source, tmp):
    """Return code, diagnostics and the names the object refers to."""
    (tmp / "lwipopts.h").write_text(OPTIONS + options)
    out = tmp / "out.o"
    includes = [f"-I{ROOT}/{d}" for d in ("hal", "firmware", "firmware/net", "firmware/http")]
    done = subprocess.run(["cc", "-D_GNU_SOURCE", *WARNINGS, *includes, "-isystem", LWIP / "src/include",
                           "-isystem", tmp, ROOT / "firmware/net" / source, "-o", out],
                          capture_output=True, text=True)
    names = ""
    if done.returncode == 0:
        names = subprocess.run(["nm", "-u", out], capture_output=True, text=True).stdout
    return done.returncode, done.stderr, names


with tempfile.TemporaryDirectory() as name:
    tmp = pathlib.Path(name)
    (tmp / "arch").mkdir()
    (tmp / "arch/cc.h").write_text(CC)
    (tmp / "arch/sys_arch.h").write_text(SYS)
    for ipv6 in (0, 1):
        for source in ("ra_net.c", "ra_sntp.c"):
            code, text, names = compile_with(f"#define LWIP_IPV6 {ipv6}\n", source, tmp)
            if code != 0:
                failed.append(f"{source}, LWIP_IPV6 {ipv6}: {text}")
            elif "sys_mutex_lock" not in names or "sys_mutex_unlock" not in names:
                failed.append(f"{source} does not take the core lock")
    code, text, _ = compile_with("#define LWIP_TCPIP_CORE_LOCKING 0\n", "ra_net.c", tmp)
    if code == 0 or "LWIP_TCPIP_CORE_LOCKING" not in text:
        failed.append("an lwIP without core locking is not refused")
    for source in ("ra_net_setup.c", "ra_netif.c"):
        code, text, names = compile_with("", source, tmp)
        if code != 0 or names.strip():
            failed.append(f"{source} is not empty with threads: {text or names}")
print("\n".join(failed) or "ok")
sys.exit(1 if failed else 0)
