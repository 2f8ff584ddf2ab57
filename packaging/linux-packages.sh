#!/bin/sh
# Installs the system libraries that the wheels do not carry. Debian and Ubuntu: through apt (sudo only where needed).
# Other Linux systems: names what is missing. macOS and Windows need nothing.
#   usage: packaging/linux-packages.sh [--display]     --display: also a virtual screen (for tests and for `make app` without one)
set -eu

[ "$(uname -s)" = Linux ] || exit 0

# The shared library (or "program:NAME") that must be there, and the Debian package that brings it.
needs="
libGL.so.1 libgl1
libEGL.so.1 libegl1
libGLESv2.so.2 libgles2
libEGL_mesa.so.0 libegl-mesa0
libXrender.so.1 libxrender1
libXcursor.so.1 libxcursor1
libxkbcommon.so.0 libxkbcommon0
libxkbcommon-x11.so.0 libxkbcommon-x11-0
libfontconfig.so.1 libfontconfig1
libdbus-1.so.3 libdbus-1-3
libglib-2.0.so.0 libglib2.0-0
libxcb-cursor.so.0 libxcb-cursor0
libxcb-icccm.so.4 libxcb-icccm4
libxcb-keysyms.so.1 libxcb-keysyms1
libxcb-shape.so.0 libxcb-shape0
"
if [ "${1:-}" = --display ]; then
    needs="$needs
program:Xvfb xvfb
program:xauth xauth
"
fi

libraries=$(PATH="$PATH:/sbin:/usr/sbin" ldconfig -p)
missing=""
packages=""
while read -r item package; do
    [ -n "$item" ] || continue
    case "$item" in
        program:*) command -v "${item#program:}" >/dev/null && continue ;;
        *) case "$libraries" in *"	$item "*) continue ;; esac ;;
    esac
    missing="$missing ${item#program:}"
    packages="$packages $package"
done <<EOF
$needs
EOF
if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    missing="$missing python3-venv"
    packages="$packages python3 python3-venv"
fi
# A font: without any, Qt shows empty boxes.
if ! find /usr/share/fonts "${HOME:-/nonexistent}/.fonts" -name '*.[ot]tf' 2>/dev/null | grep -q .; then
    missing="$missing a-font"
    packages="$packages fonts-dejavu-core"
fi
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
    echo "FIELDS needs these system libraries, which are missing here:$missing" >&2
    echo "Install them with your system's package manager, then run this again." >&2
    exit 1
fi
as_root=""
if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "FIELDS needs these system packages; please have them installed:$packages" >&2
        exit 1
    fi
    as_root="sudo"
fi
echo "Installing system packages:$packages"
$as_root apt-get update -qq
# shellcheck disable=SC2086 -- a list of names
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages
