#!/usr/bin/env bash
# Runs the test suites that the Python package onnx brings: writes their cases to the standard layout
# (CASE/model.onnx, CASE/test_data_set_N, CASE/tolerance.json) and runs `nnopt test` on them.
#   scripts/onnx-tests.sh [--expected | --update] [SUITE...] [-- OPTION...]
# Suites: light (the default), node, simple, pytorch-converted, pytorch-operator, all.
# --expected runs all suites and demands that exactly the cases fail that
# tests/data/onnx_expected_failures.txt lists; --update runs them and writes that list.
# Options after -- go to `nnopt test`. BUILD_DIR names the build folder (default: build), NNOPT the
# command (default: the build folder's). Needs python3 with venv; the environment stays in the build
# folder. Exit code 77: there is no such python3, or the packages cannot be installed.
set -euo pipefail
source "$(dirname "$0")/common.sh"

# The data of many cases comes from numpy when they are written, so its version is fixed too. No Pillow:
# with it the image cases would be made anew instead of taken as the package froze them.
packages=(onnx==1.23.2 numpy==2.4.6 ml_dtypes==0.6.0)
folder=${BUILD_DIR:-$source_dir/build}
list=$source_dir/tests/data/onnx_expected_failures.txt
all=(light node simple pytorch-converted pytorch-operator)
suites=()
mode=
while [ $# -gt 0 ]; do
  case "$1" in
    --) shift; break ;;
    --expected | --update) mode=${1#--}; suites=("${all[@]}") ;;
    all) suites=("${all[@]}") ;;
    -h | --help) sed -n '2,11s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *)
      case " ${all[*]} " in
        *" $1 "*) suites+=("$1") ;;
        *) echo "onnx-tests: no suite '$1'; there are: ${all[*]} all" >&2; exit 2 ;;
      esac ;;
  esac
  shift
done
[ ${#suites[@]} -gt 0 ] || suites=(light)

unavailable() {
  echo "onnx-tests: $*" >&2
  exit 77
}

if [ -z "${NNOPT:-}" ]; then
  install_missing "${build_packages[@]}"
  build "$folder"
  NNOPT=$folder/nnopt
fi

environment=$folder/onnx-environment
cases=$folder/onnx-tests
stamp="${packages[*]} $(sha256sum <"$source_dir/scripts/onnx_cases.py" | cut -c -16)"

for suite in "${suites[@]}"; do
  [ "$(cat "$cases/$suite/complete" 2>/dev/null)" = "$stamp" ] && continue
  python_environment "$environment" "${packages[@]}" || unavailable "no environment to write the cases with"
  say "writing the cases of $suite to $cases/$suite"
  rm -rf "${cases:?}/$suite"
  "$environment/bin/python" "$source_dir/scripts/onnx_cases.py" "$suite" "$cases/$suite"
  echo "$stamp" >"$cases/$suite/complete"
done

say "testing ${suites[*]}"
[ -n "$mode" ] || exec "$NNOPT" test "${suites[@]/#/$cases/}" "$@"

log=$folder/onnx-tests.log
status=0
"$NNOPT" test "${suites[@]/#/$cases/}" "$@" >"$log" || status=$?
[ "$status" -le 1 ] || { tail -n 20 "$log" >&2; exit "$status"; }
# "failed  SUITE/CASE: REASON" becomes "SUITE/CASE  REASON".
failed=$folder/onnx-tests.failed
sed -nE 's/^(failed|skipped) +([^:]+): (.*)/\2  \3/p' "$log" | LC_ALL=C sort >"$failed"
tail -n 1 "$log"
if [ "$mode" = update ]; then
  cp "$failed" "$list"
  echo "$list lists $(wc -l <"$list") cases"
  exit 0
fi
names() { cut -d ' ' -f 1 "$1" | LC_ALL=C sort; }
unexpected=$(LC_ALL=C comm -23 <(names "$failed") <(names "$list"))
passing=$(LC_ALL=C comm -13 <(names "$failed") <(names "$list"))
for name in $unexpected; do echo "fails: $(grep -F "$name " "$failed")"; done
for name in $passing; do echo "passes, remove it from ${list#"$source_dir/"}: $name"; done
[ -z "$unexpected$passing" ]
