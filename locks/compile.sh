#!/bin/sh
# Re-makes both locks. One lock serves Python 3.11 to 3.13, names no index host, and leaves out
# fasttext-predict, which would overwrite the `fasttext` module of fasttext-community.
set -eu
cd "$(dirname "$0")/.."
compile() {
  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
    --no-emit-package fasttext-predict --no-emit-package fasttext-predict-v2 "$@" pyproject.toml locks/build.in
}
compile --output-file locks/runtime.txt
compile --extra dev --constraint locks/runtime.txt --output-file locks/dev.txt
