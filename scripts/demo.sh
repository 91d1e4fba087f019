#!/usr/bin/env bash
# Installs what is missing, builds, and runs the main job on the bundled classifier: profile it, optimise
# it within one point of accuracy, compare before and after. Ends with the path of the report.
set -euo pipefail
source "$(dirname "$0")/common.sh"

install_missing "${build_packages[@]}"
build "$source_dir/build/release"

nnopt=$source_dir/build/release/nnopt
model=$source_dir/models/glyphs/glyphs.onnx
test_data=$source_dir/models/glyphs/test.npz
calibration_data=$source_dir/models/glyphs/calib.npz
out=$source_dir/build/demo
mkdir -p "$out"

say "where the time goes: nnopt profile"
"$nnopt" profile "$model"

say "optimise within one point of accuracy: nnopt optimize"
"$nnopt" optimize "$model" --data "$test_data" --calib "$calibration_data" --max-drop 0.01 \
  --budget 90s -o "$out/best.onnx" --export "$out/report.html"

say "before and after: nnopt compare"
"$nnopt" compare "$model" "$out/best.onnx" --data "$test_data"

say "the report: $out/report.html"
