#!/bin/sh
# Sets up what the recipes need and says what it does; a second run finds nothing to do.
set -eu
cd "$(dirname "$0")/.."

PACKAGES="containerd runc nftables libnftables1 iproute2 busybox-static tini conntrack iptables"
missing=""
for package in $PACKAGES; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
if [ -n "$missing" ] && ! command -v dpkg-query >/dev/null; then
    for tool in containerd runc nft ip; do
        command -v "$tool" >/dev/null || { echo "setup: please install$missing (this machine has no apt)" >&2; exit 1; }
    done
    missing=""
fi
if [ -n "$missing" ]; then
    if [ "$(id -u)" != 0 ]; then
        echo "setup: please install as root: apt-get install$missing" >&2
        exit 1
    fi
    echo "setup: installing$missing"
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086
    { apt-get update -q && apt-get install -y -q --no-install-recommends $missing; } >.setup.log 2>&1 ||
        { tail -n 20 .setup.log >&2; exit 1; }
fi

python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    { echo "setup: Python 3.11 or newer is needed, $python is $("$python" -V)" >&2; exit 1; }
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "setup: installing python3-venv"
        apt-get install -y -q --no-install-recommends python3-venv >.setup.log 2>&1 || { tail -n 20 .setup.log >&2; exit 1; }
    else
        echo "setup: please install python3-venv" >&2
        exit 1
    fi
fi

stamp=.venv/.trimaran-$(cksum requirements.lock pyproject.toml scripts/setup.sh | cksum | cut -d' ' -f1)
if [ ! -e "$stamp" ]; then
    echo "setup: making .venv from requirements.lock"
    [ -x .venv/bin/python ] || "$python" -m venv .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
    rm -f .venv/.trimaran-*
    touch "$stamp"
fi
# As the daemon is run (-OO) and as everything else is.
.venv/bin/python -m compileall -q -o 0 -o 2 engine supervisors config demo
.venv/bin/python -m compileall -q -o 0 -o 2 -j 0 .venv/lib >/dev/null 2>&1 || true
