#!/bin/sh
# Makes an environment with a peer that benchmarks compare with: `benchmarks/peers/install.sh datatrove DIRECTORY`.
# The peers' dependencies are not ours, so each has an environment of its own and a hashed lock beside this file, made by
# `uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate PEER.in`.
set -eu
peer=$1
into=$2
here=$(dirname "$0")
"${PYTHON:-python3}" -m venv "$into"
"$into/bin/python" -m pip install --quiet --no-deps --require-hashes -r "$here/$peer.txt"
echo "$into/bin/python"
