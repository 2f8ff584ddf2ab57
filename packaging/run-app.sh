#!/bin/sh
# Opens the window; on a machine without a display, on a virtual one. Called by `make app` (BIN, PHOTO in the environment).
set -eu

set -- "$BIN/fields-app" ${PHOTO:+"$PHOTO"}
if [ "$(uname -s)" = Linux ] && [ -z "${DISPLAY:-}" ] && [ -z "${WAYLAND_DISPLAY:-}" ]; then
    "$(dirname "$0")/linux-packages.sh" --display
    echo "No display here: FIELDS runs on a virtual one (Xvfb) that nobody sees. Stop it with Ctrl-C."
    exec xvfb-run --auto-servernum --server-args='-screen 0 1600x1000x24' "$@"
fi
exec "$@"
