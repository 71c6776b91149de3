#!/usr/bin/env python3
"""Fetches the library sources that are compiled for the target into .cache/src.

Each comes from a Debian source package. apt-get downloads it with a source list of our own (the
system's stays as it is) from the mirror that the system's apt uses; the archive's signature
authenticates the index, and the index's SHA-256 each file. A file of a moving suite may be gone
although the index names it: then the next suite is tried. Nothing is done, and no network needed,
for what the cache already holds.

WOLFSSL_DIR, LWIP_DIR, PICOHTTPPARSER_DIR and CMOCKA_DIR in the environment name a checkout to use
instead; such a library is not fetched.
"""
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache"
APT = CACHE / "apt"
KEYRINGS = ("/usr/share/keyrings/debian-archive-keyring.gpg",
            "/usr/share/keyrings/debian-archive-keyring.pgp")


class Need:
    """One library: where it comes from and how little of it will do."""

    def __init__(self, name, package, minimum, suites, marker, inner=".", unpatched_ok=False):
        self.name, self.package, self.minimum, self.suites = name, package, minimum, suites
        self.marker, self.inner = marker, inner
        # Debian's changes do not touch the files we compile: the original archive alone will do.
        self.unpatched_ok = unpatched_ok
        self.variable = name.upper() + "_DIR"


NEEDS = (
    Need("wolfssl", "wolfssl", "5.7.2", ("trixie-security", "trixie", "forky", "sid"),
         "wolfcrypt/src/aes.c"),
    Need("lwip", "lwip", "2.2.1", ("trixie-security", "trixie", "forky", "sid"),
         "src/core/tcp.c"),
    Need("picohttpparser", "libhttp-parser-xs-perl", "0.17", ("trixie", "bookworm", "forky", "sid"),
         "picohttpparser.c", inner="picohttpparser", unpatched_ok=True),
    Need("cmocka", "cmocka", "1.1.5", ("bookworm", "trixie", "forky", "sid"),
         "src/cmocka.c", unpatched_ok=True),
)


class Failed(Exception):
    pass


def say(text):
    print(f"setup: {text}", flush=True)


def run(*command, **more):
    return subprocess.run(command, capture_output=True, text=True, **more)


def at_least(version, minimum):
    return run("dpkg", "--compare-versions", version, "ge", minimum).returncode == 0


def mirrors():
    """(site of the archive, site of its security updates), from the system's configuration."""
    rows = run("apt-get", "indextargets", "--format", "$(SITE)|$(RELEASE)|$(ORIGIN)|$(COMPONENT)")
    main = security = None
    names = re.compile(r"^(bookworm|trixie|forky|sid|testing|unstable|(old)?(old)?stable)$")
    for row in dict.fromkeys(rows.stdout.split("\n")):
        site, release, origin, component = (row.split("|") + [""] * 4)[:4]
        if component != "main" or origin not in ("", "Debian"):
            continue
        if release.endswith("-security"):
            security = security or site
        elif names.match(release):
            main = main or site
    if main is None:
        raise Failed("apt's configuration names no Debian archive (apt-get indextargets)")
    return main, security


def apt(tool, *args, **more):
    options = []
    for option in (f"Dir::Etc::SourceList={os.devnull}", f"Dir::Etc::SourceParts={APT}/sources",
                   f"Dir::State::Lists={APT}/lists", f"Dir::Cache={APT}/cache",
                   "APT::Sandbox::User=", "Acquire::Languages=none", "Acquire::Retries=2",
                   "APT::Update::Post-Invoke-Success::=", "APT::Default-Release="):
        options += ["-o", option]
    return run(tool, "-q", *options, *args, **more)


def reason(errors):
    """What apt says went wrong first: `Failed to fetch ADDRESS  REASON`, or its last words."""
    lines = errors.strip().splitlines() or ["no reason given"]
    return next((x for x in lines if "Failed to fetch" in x), lines[-1]).split("  ")[-1]


def read_index(suite, known):
    """Makes the source index of `suite` available. False when the mirror does not have it."""
    if suite in known:
        return known[suite]
    main, security = mirrors()
    site = security if suite.endswith("-security") else main
    keyring = next((k for k in KEYRINGS if os.path.exists(k)), None)
    if keyring is None:
        raise Failed("the Debian archive keyring is not installed (debian-archive-keyring)")
    known[suite] = False
    if site is not None:
        for folder in ("sources", "lists/partial", "cache/archives/partial"):
            (APT / folder).mkdir(parents=True, exist_ok=True)
        entry = APT / "sources" / f"{suite}.list"
        entry.write_text(f"deb-src [signed-by={keyring}] {site} {suite} main\n")
        say(f"reading the source index of {suite}")
        done = apt("apt-get", "update", "-o", f"Dir::Etc::SourceParts={entry}.d",
                   "-o", f"Dir::Etc::SourceList={entry}", "-o", "APT::Get::List-Cleanup=0",
                   "--error-on=any")
        known[suite] = done.returncode == 0
        if not known[suite]:
            entry.unlink()
            say(f"  not available: {reason(done.stderr)}")
    return known[suite]


def index_entries(need, suite):
    """[(version, {file: sha256})] of the package in one suite's index, newest first."""
    entry = APT / "sources" / f"{suite}.list"
    done = apt("apt-cache", "-o", f"Dir::Etc::SourceList={entry}",
               "-o", f"Dir::Etc::SourceParts={entry}.d", "showsrc", "--only-source", need.package)
    found = {}
    for stanza in done.stdout.split("\n\n"):
        version = re.search(r"^Version: (.*)$", stanza, re.M)
        sums = re.search(r"^Checksums-Sha256:\s*\n((?: .*\n?)+)", stanza, re.M)
        if version and sums:
            files = {f[2]: f[0] for f in map(str.split, sums.group(1).splitlines()) if len(f) == 3}
            found[version.group(1)] = files
    ordered = []
    for version in found:
        place = 0
        while place < len(ordered) and not at_least(version, ordered[place]):
            place += 1
        ordered.insert(place, version)
    return [(version, found[version]) for version in ordered]


def upstream(version):
    return version.split(":")[-1].rsplit("-", 1)[0]


def good(path, sha256):
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256


def download(need, suite, version, files):
    """Folder with the verified files of one version; raises Failed when too few arrived."""
    folder = CACHE / "download" / need.name
    folder.mkdir(parents=True, exist_ok=True)
    entry = APT / "sources" / f"{suite}.list"
    for path in folder.iterdir():
        if not good(path, files.get(path.name)):
            path.unlink()
    if not all(good(folder / name, files[name]) for name in files):
        say(f"fetching {need.package} {version} ({suite})")
        done = apt("apt-get", "-o", f"Dir::Etc::SourceList={entry}",
                   "-o", f"Dir::Etc::SourceParts={entry}.d", "source", "--download-only",
                   f"{need.package}={version}", cwd=folder)
        for name in files:
            path = folder / name
            if path.exists() and not good(path, files[name]):
                path.unlink()
                say(f"  {name}: its SHA-256 is not the index's, thrown away")
        missing = sorted(name for name in files if not (folder / name).exists())
        if missing:
            say(f"  did not arrive: {', '.join(missing)} ({reason(done.stderr)})")
    return folder


def unpack(need, version, files, folder, to):
    """Unpacks into `to`; says in what form."""
    here = {name for name in files if (folder / name).exists()}
    dsc = next((name for name in files if name.endswith(".dsc")), None)
    original = next((n for n in here if re.search(r"\.orig\.tar\.\w+$", n)), None)
    needed = {name for name in files if not name.endswith(".asc")}
    shutil.rmtree(to, ignore_errors=True)
    to.parent.mkdir(parents=True, exist_ok=True)
    if needed <= here and shutil.which("dpkg-source"):
        # The checks of the .dsc's own signature are left out: the signed index named its SHA-256.
        done = run("dpkg-source", "--no-check", "-x", str(folder / dsc), str(to))
        if done.returncode != 0:
            raise Failed(f"dpkg-source cannot unpack {dsc}: {done.stderr.strip()}")
        return "with Debian's changes"
    if not (need.unpatched_ok and original):
        raise Failed("incomplete")
    with tarfile.open(folder / original) as archive:
        for member in archive.getmembers():
            parts = pathlib.PurePosixPath(member.name).parts[1:]
            if not member.isfile() or not parts or ".." in parts:
                continue
            path = to.joinpath(*parts)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(archive.extractfile(member).read())
    return "the original archive alone"


def held(need, home):
    """Whether the cache has the library, in a version that will do."""
    if not (home / need.marker).exists() or not (home / ".origin").exists():
        return False
    version = (home / ".origin").read_text().split()[1]
    return at_least(upstream(version), need.minimum)


def obtain(need, known):
    home = CACHE / "src" / need.name
    if held(need, home):
        return
    for suite in need.suites:
        if not read_index(suite, known):
            continue
        for version, files in index_entries(need, suite):
            if not at_least(upstream(version), need.minimum):
                say(f"{suite} has {need.package} {version}: {need.minimum} or later is needed")
                break
            fresh = CACHE / "unpack" / need.name
            try:
                folder = download(need, suite, version, files)
                how = unpack(need, version, files, folder, fresh)
            except Failed as why:
                say(f"  {need.package} {version} cannot be used ({why}), trying the next")
                continue
            inner = fresh / need.inner
            if not (inner / need.marker).exists():
                say(f"  {need.package} {version} lacks {need.marker}, trying the next")
                continue
            (inner / ".origin").write_text(f"{need.package} {version} {suite}, {how}\n")
            shutil.rmtree(home, ignore_errors=True)
            home.parent.mkdir(parents=True, exist_ok=True)
            inner.rename(home)
            shutil.rmtree(fresh, ignore_errors=True)
            say(f"{need.name}: {need.package} {version} from {suite}, {how}")
            return
    raise Failed(f"no suite had {need.package} {need.minimum} or later; "
                 f"set {need.variable} to a checkout of your own")


def main():
    known = {}
    failed = False
    for need in NEEDS:
        own = os.environ.get(need.variable)
        try:
            if own:
                if not (pathlib.Path(own) / need.marker).exists():
                    raise Failed(f"{need.variable}={own} holds no {need.marker}")
            else:
                obtain(need, known)
        except Failed as why:
            failed = True
            print(f"setup: {need.name}: {why}", file=sys.stderr, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
