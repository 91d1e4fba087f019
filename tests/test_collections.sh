#!/usr/bin/env bash
# Control flow, containers, strings and shapes that values decide, against outputs of ONNX Runtime
# (tests/data/make_collection_cases.py). Cases whose library this build lacks do not count.
set -u
report=$("$NNOPT" test "$NNOPT_SOURCE/tests/data/collections")
failed=$(printf '%s\n' "$report" | grep '^failed' | grep -v 'when nnopt was built')
[ -z "$failed" ] || { printf '%s\n' "$failed"; exit 1; }
printf '%s\n' "$report" | tail -n 1 | grep -q '[1-9][0-9]* passed' || { printf '%s\n' "$report"; exit 1; }
