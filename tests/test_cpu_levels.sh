#!/usr/bin/env bash
# One binary runs on every x86-64 level:
# - no object but those named after an instruction set holds an instruction beyond SSE2;
# - with NNOPT_CPU_MASK the operators give the standard's results at each level that this host has;
# - the command and the tests run on CPUs that qemu plays, where a foreign instruction ends the program.
# Guarded tests of AVX2 code do not run in qemu: it reads all lanes of masked loads (7.2 does).
set -u
[ "$(uname -m)" = x86_64 ] || { echo "skipped: this host is no x86-64"; exit 77; }
operators=(test_op_cases test_op_math test_op_neural test_op_quantization test_op_types test_op_microsoft)
model=$NNOPT_SOURCE/models/words/words.onnx
failed=0

complain() { echo "FAILED: $*"; failed=1; }

# expect LEVEL COMMAND...: the doctor, started by COMMAND, finds this level.
expect_level() {
  local wanted=$1 found
  shift
  found=$("$@" "$NNOPT" doctor 2>/dev/null | sed -n 's/^instructions *//p')
  [ "$found" = "$wanted" ] || complain "$*: the level is '$found', not '$wanted'"
}

# run COMMAND... -- PROGRAM...: test programs, started by COMMAND, pass.
run() {
  local command=() program output
  while [ "$1" != -- ]; do command+=("$1"); shift; done
  shift
  for program in "$@"; do
    output=$("${command[@]}" "$NNOPT_BUILD/tests/$program" 2>&1) ||
      complain "${command[*]} $program: $(tail -n 5 <<<"$output")"
  done
}

# ---- no foreign instruction ----

found=$(objdump -d --no-show-raw-insn "$NNOPT_BUILD/libnnopt.a" 2>/dev/null | awk '
  /file format/ {
    object = $1
    sub(/:$/, "", object)
    named = object ~ /_(avx2|avx512|vbmi|vbmi2|vnni|avx512bf16|amx)\.c\.o$/
    baseline += !named
    next
  }
  named || object in seen { next }
  /%[yzk][m0-7]/ || $2 ~ /^(v|tile|tdp)/ ||
  $2 ~ /^(andn|bextr|blsi|blsr|blsmsk|bzhi|mulx|pdep|pext|rorx|sarx|shlx|shrx|lzcnt|popcnt|movbe|pshufb|roundss|roundsd|roundps|roundpd|pmulld|ptest|dpps)[lqw]?$/ {
    seen[object] = 1
    print object ": " $0
  }
  END { if (baseline < 100) print "only " baseline " objects were read" }')
[ -z "$found" ] || complain "instructions beyond SSE2: $found"

# ---- levels of this host ----

names=([0]="portable" [1]="AVX2" [2]="AVX-512" [3]="AVX-512 VNNI" [4]="AVX-512 BF16" [5]="AMX")
host=$("$NNOPT" doctor | sed -n 's/^instructions *//p')
level=0
for mask in sse2 avx2 avx512 vnni avx512bf16; do
  expect_level "${names[$level]}" env NNOPT_CPU_MASK=$mask
  run env NNOPT_CPU_MASK=$mask -- "${operators[@]}"
  [ "${names[$level]}" = "$host" ] && break
  level=$((level + 1))
done

# ---- other CPUs ----

if nm "$NNOPT_BUILD/libnnopt.so" | grep -q __asan; then
  echo "not run in qemu: built with a sanitizer"
elif ! command -v qemu-x86_64 >/dev/null; then
  echo "not run in qemu: there is no qemu-x86_64 (package qemu-user)"
  [ $failed = 0 ] && exit 77
else
  expect_level portable qemu-x86_64 -cpu Conroe
  run qemu-x86_64 -cpu Conroe -- "${operators[@]}" test_cpu test_kernels_f32
  expect_level AVX2 qemu-x86_64 -cpu Haswell
  run qemu-x86_64 -cpu Haswell -- "${operators[@]}"
  # qemu leaves AVX-512 out of what this CPU has.
  run qemu-x86_64 -cpu Skylake-Server -- test_cpu test_op_cases
  for cpu in Conroe Haswell Skylake-Server; do
    qemu-x86_64 -cpu $cpu "$NNOPT" run "$model" --random >/dev/null 2>&1 ||
      complain "the command does not run $model on $cpu"
  done
fi
exit $failed
