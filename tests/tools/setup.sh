#!/bin/sh
# Installs the Debian packages that are missing and fetches the library sources.
# setup.sh [lint]: with `lint`, the packages of `make lint` too. Quick and silent when nothing is to do.
set -eu
cd "$(dirname "$0")/../.."

packages="gcc libc6-dev cmake ninja-build pkg-config gcc-arm-none-eabi libnewlib-arm-none-eabi
picolibc-arm-none-eabi qemu-system-arm libslirp-dev libglib2.0-dev libcmocka-dev dpkg-dev
xz-utils python3 openssl curl iproute2 util-linux ca-certificates
lcov valgrind clang libclang-rt-dev gcc-powerpc-linux-gnu libc6-dev-powerpc-cross qemu-user
scep certmonger tshark strongswan-pki libstrongswan-extra-plugins rsyslog nginx stunnel4 caddy"
if [ "${1-}" = lint ]; then
    packages="$packages clang-format clang-tidy cppcheck"
fi

# One query for all; `awk` keeps the names that are not installed.
# shellcheck disable=SC2086
missing=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' $packages 2>/dev/null |
    awk -v want="$packages" '$2 == "installed" { have[$1] = 1 }
        END { n = split(want, name); for (i = 1; i <= n; i++) if (!have[name[i]]) printf " %s", name[i] }')

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "setup: '$*' needs root: become root or install sudo" >&2
        exit 1
    fi
}

# Another apt may hold the locks; apt waits for dpkg's, not for that of the lists.
apt_get() {
    try=0
    until as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
        -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 "$@" >"$log" 2>&1; do
        try=$((try + 1))
        if [ $try -lt 60 ] && grep -q 'Could not get lock\|is locked by another' "$log"; then
            [ $try = 1 ] && echo "setup: waiting for another apt-get to finish"
            sleep 5
            continue
        fi
        cat "$log" >&2
        echo "setup: apt-get $* failed" >&2
        return 1
    done
}

if [ -n "$missing" ]; then
    log=$(mktemp)
    policy=/usr/sbin/policy-rc.d
    trap 'rm -f "$log"' EXIT
    # The tests start their servers themselves: no package starts one now.
    if [ ! -e $policy ]; then
        trap 'rm -f "$log"; as_root rm -f $policy' EXIT
        as_root sh -c "printf '#!/bin/sh\nexit 101\n' >$policy; chmod 755 $policy"
    fi
    echo "setup: installing Debian packages:$missing"
    apt_get update
    # shellcheck disable=SC2086
    apt_get install --no-install-recommends $missing
fi

exec python3 tests/tools/fetch.py
