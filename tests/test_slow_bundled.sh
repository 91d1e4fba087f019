#!/usr/bin/env bash
# The bundled models keep their stated accuracy, and each technique costs no more than it may. With
# NNOPT_TEST_DATA the same is asked of real models.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
models=$NNOPT_SOURCE/models

fail() { echo "FAILED: $*"; failed=1; }

# number KEY: the number behind a top-level key of the JSON on stdin.
number() { sed -n "s/^[[:space:]]*\"$1\":[[:space:]]*\([-0-9.e+]*\),\{0,1\}$/\1/p" | head -n 1; }
# accuracy MODEL DATA: top-1.
accuracy() { "$NNOPT" eval "$1" --data "$2" --metric top1 --json | number value; }
# at_least VALUE BOUND WHAT
at_least() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a != "" && a >= b - 1e-9) }' || fail "$3: $1 is under $2"; }
minus() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.6f", a - b }'; }

glyphs=$(accuracy "$models/glyphs/glyphs.onnx" "$models/glyphs/test.npz")
words=$(accuracy "$models/words/words.onnx" "$models/words/test.npz")
at_least "$glyphs" 0.996 "glyphs"
at_least "$words" 0.9726 "words"

for name in glyphs words; do
  "$NNOPT" quantize "$models/$name/$name.onnx" --calib "$models/$name/calib.npz" -o "$work/$name.int8.onnx" >/dev/null ||
    fail "quantize $name"
  at_least "$(accuracy "$work/$name.int8.onnx" "$models/$name/test.npz")" "$(minus "${!name}" 0.005)" "$name int8"
done

"$NNOPT" prune "$models/glyphs/glyphs.onnx" --calib "$models/glyphs/calib.npz" --calib-samples 128 --macs 0.7 \
  -o "$work/pruned.onnx" --json >"$work/prune.json" || fail "prune glyphs"
at_least 0.7 "$(number macs_kept <"$work/prune.json")" "MACs kept"
at_least "$(accuracy "$work/pruned.onnx" "$models/glyphs/test.npz")" "$(minus "$glyphs" 0.02)" "glyphs pruned"

if [ -n "${NNOPT_TEST_DATA:-}" ]; then
  mnist=$NNOPT_TEST_DATA/mnist-8 ocr=$NNOPT_TEST_DATA/ppocr
  at_least "$(accuracy "$mnist/model.onnx" "$mnist/t10k.npz")" 0.9891 "MNIST-8"
  float=$(accuracy "$ocr/cls.onnx" "$ocr/cls.npz")
  at_least "$float" 0.955 "PP-OCR cls"
  "$NNOPT" quantize "$ocr/cls.onnx" --calib "$ocr/cls-calib.npz" -o "$work/cls.onnx" >/dev/null || fail "quantize cls"
  at_least "$(accuracy "$work/cls.onnx" "$ocr/cls.npz")" "$(minus "$float" 0.005)" "PP-OCR cls int8"
  "$NNOPT" test "$mnist" "$NNOPT_TEST_DATA/super_resolution" | tail -n 1 | grep -q '^2 passed, 0 failed' ||
    fail "the reference data of MNIST-8 and super-resolution"
else
  echo "NNOPT_TEST_DATA is not set: real models are not tested"
fi
exit $failed
