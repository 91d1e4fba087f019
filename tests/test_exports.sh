#!/usr/bin/env bash
# Every symbol the shared library exports starts with nnopt_.
set -eu
foreign=$(nm -D --defined-only "$NNOPT_BUILD"/libnnopt.so | awk '{print $3}' | grep -v '^nnopt_' |
  grep -vE '^(_init|_fini|__asan_|__ubsan_|_?_?bss_start|_edata|_end)' || true)
if [ -n "$foreign" ]; then
  echo "exported without the prefix nnopt_: $foreign"
  exit 1
fi
count=$(nm -D --defined-only "$NNOPT_BUILD"/libnnopt.so | grep -c ' nnopt_')
echo "$count exported symbols"
[ "$count" -gt 20 ]
