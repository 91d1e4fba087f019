#!/usr/bin/env bash
# Runs the test suites that the Python package onnx brings: writes their cases to the standard layout
# (CASE/model.onnx, CASE/test_data_set_N, CASE/tolerance.json) and runs `nnopt test` on them.
#   scripts/onnx-tests.sh [SUITE...] [-- OPTION...]
# Suites: light (the default), node, simple, pytorch-converted, pytorch-operator, all.
# Options after -- go to `nnopt test`. BUILD_DIR names the build folder (default: build), NNOPT the
# command (default: the build folder's). Needs python3 with venv; the environment stays in the build
# folder.
set -euo pipefail
source "$(dirname "$0")/common.sh"

onnx_version=1.23.2
folder=${BUILD_DIR:-$source_dir/build}
all=(light node simple pytorch-converted pytorch-operator)
suites=()
while [ $# -gt 0 ]; do
  case "$1" in
    --) shift; break ;;
    all) suites=("${all[@]}") ;;
    -h | --help) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *)
      case " ${all[*]} " in
        *" $1 "*) suites+=("$1") ;;
        *) echo "onnx-tests: no suite '$1'; there are: ${all[*]} all" >&2; exit 2 ;;
      esac ;;
  esac
  shift
done
[ ${#suites[@]} -gt 0 ] || suites=(light)

if [ -z "${NNOPT:-}" ]; then
  install_missing "${build_packages[@]}"
  build "$folder"
  NNOPT=$folder/nnopt
fi

environment=$folder/onnx-$onnx_version
if ! "$environment/bin/python" -c 'import onnx' 2>/dev/null; then
  say "installing onnx $onnx_version in $environment"
  rm -rf "$environment"
  python3 -m venv "$environment" ||
    { echo "onnx-tests: python3 with venv is missing (Debian: apt-get install python3-venv)" >&2; exit 2; }
  "$environment/bin/pip" install --quiet --disable-pip-version-check "onnx==$onnx_version"
fi

cases=$folder/onnx-tests
for suite in "${suites[@]}"; do
  [ -f "$cases/$suite/complete" ] && continue
  say "writing the cases of $suite to $cases/$suite"
  rm -rf "${cases:?}/$suite"
  "$environment/bin/python" "$source_dir/scripts/onnx_cases.py" "$suite" "$cases/$suite"
  touch "$cases/$suite/complete"
done

say "testing ${suites[*]}"
exec "$NNOPT" test "${suites[@]/#/$cases/}" "$@"
