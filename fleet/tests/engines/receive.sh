#!/usr/bin/env bash
# Starts rotel, runs a program of Python that sends to it, and ends it.
#
#     receive.sh PYTHON PROGRAM [ARGUMENT]...
set -euo pipefail
python="$1"
folder="$("$python" -c 'import os, rotel; print(os.path.dirname(rotel.__file__))')"
"$folder/rotel-agent" start --exporter blackhole &
pid=$!
trap 'kill "$pid"' EXIT
"$@"
