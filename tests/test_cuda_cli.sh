#!/usr/bin/env bash
# The command on a device, over the emulator of CUDA: what doctor says of it, and what is said where something
# is missing.
set -eu
if [ -n "${NN_NO_CUDA_EMULATOR:-}" ]; then
  echo "skipped: no CUDA emulator: $NN_NO_CUDA_EMULATOR"
  exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export CK_FORK=no XDG_CACHE_HOME=$work NN_EMULATED_MEMORY=$((512 << 20))
model=$NNOPT_SOURCE/models/glyphs/glyphs.onnx
failed=0
complain() { echo "$1"; failed=1; }

# expect STATUS TEXT COMMAND...: the exit code, and a text in what it writes.
expect() {
  local status=0 wanted=$1 text=$2
  shift 2
  "$@" >"$work/out" 2>&1 || status=$?
  [ "$status" = "$wanted" ] || complain "exit code $status, not $wanted: $*: $(tail -n 3 "$work/out")"
  tr '\n' ' ' <"$work/out" | tr -s ' ' | grep -qF -- "$text" || complain "no '$text': $*: $(cat "$work/out")"
}
missing() { expect 2 "$1" env "$2" "$NNOPT" run "$model" --random --device cuda; }

expect 0 "cuda:0 emulated CUDA device (sm_90)" "$NNOPT" doctor
for text in "driver 580.0.0, CUDA 1" "kernels for" "TFLOP/s"; do
  tr '\n' ' ' <"$work/out" | tr -s ' ' | grep -qF "$text" || complain "doctor does not say '$text': $(cat "$work/out")"
done
expect 0 "nvidia-cudnn-cu13" env NNOPT_CUDNN_LIBRARY="$work/absent.so" "$NNOPT" doctor
expect 0 "nvidia-cublas with pip" env NNOPT_CUBLASLT_LIBRARY="$work/absent.so" "$NNOPT" doctor
expect 0 "libcuda.so.1" env NN_EMULATED_DRIVER=0 "$NNOPT" doctor
expect 0 "NNOPT_CUDA of CMake" env NNOPT_CUDA_LIBRARY="$work/absent.so" "$NNOPT" doctor
missing "libcuda.so.1" NN_EMULATED_DRIVER=0
missing "a newer driver is needed" NN_EMULATED_DRIVER=12040
missing "finds no CUDA device" NN_EMULATED_DEVICES=0
missing "NNOPT_CUDA of CMake" NNOPT_CUDA_LIBRARY="$work/absent.so"
expect 2 "there is one device" "$NNOPT" run "$model" --random --device cuda:1
expect 2 "none of cpu, cuda, cuda:N" "$NNOPT" run "$model" --random --device tpu

# The kernels of the device, and their times.
expect 0 "grid_sample_cuda GridSample cuda" "$NNOPT" list-kernels --device cuda --operator GridSample
expect 0 "relu_cuda" "$NNOPT" list-kernels --device cuda --operator Relu --bench
expect 2 "finds no CUDA device" env NN_EMULATED_DEVICES=0 "$NNOPT" list-kernels --device cuda
expect 2 "none of cpu, cuda, cuda:N" "$NNOPT" list-kernels --device tpu

# Without the vendor's libraries models run all the same.
expect 0 "" env NNOPT_CUDNN_LIBRARY="$work/absent.so" NNOPT_CUBLASLT_LIBRARY="$work/absent.so" \
  NN_CUDA_QUICK=1 "$NNOPT_BUILD/tests/test_cuda_models"
expect 0 "_cu" "$NNOPT" profile "$model" --device cuda --all --iterations 3
exit $failed
