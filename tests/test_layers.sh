#!/usr/bin/env bash
# The layers: base <- ops <- engine <- formats <- optim <- cli. A file includes only what stands before
# it, protobuf stops in formats/onnx*, and the command includes nothing but the public header. The CUDA
# library (ops/cuda) stands outside: nothing includes it, and device code knows nothing of nnopt but plain
# argument structures and tables that are written for both (functions.h).
set -u
cd "$NNOPT_SOURCE"
layers=(base ops engine formats optim)
failed=0

complain() { echo "$1"; failed=1; }

for ((i = 0; i < ${#layers[@]}; i++)); do
  for ((j = i + 1; j < ${#layers[@]}; j++)); do
    found=$(grep -rnE "#[[:space:]]*include \"${layers[j]}/" "${layers[i]}") &&
      complain "${layers[i]}/ includes ${layers[j]}/: $found"
  done
done
found=$(grep -rnE '#[[:space:]]*include "' cli | grep -vE 'include "(nnopt\.h|cli/[a-z_]+\.(h|def))"') &&
  complain "cli/ includes more than nnopt.h: $found"
found=$(grep -rlE '#[[:space:]]*include [<"](protobuf-c|onnx\.pb-c)' base ops engine formats optim cli |
  grep -vE '^formats/(onnx|tensor_pb)') && complain "protobuf outside formats/onnx*: $found"
found=$(grep -rnwE 'abort|exit|printf|puts|perror' --include='*.c' base ops engine formats optim |
  grep -E '(^|[^a-z_n])(abort|exit|printf|puts|perror)\(' |
  grep -vE 'format\(printf|child process|_exit\(') && complain "the library prints or exits: $found"
found=$(grep -rnE '#[[:space:]]*include [<"](cuda|cudnn|cublas|nvml|nvtx)' --include='*.[ch]' base ops engine formats optim cli |
  grep -v '^ops/cuda/') && complain "a vendor's header outside ops/cuda/: $found"
found=$(grep -rnE '#[[:space:]]*include "ops/cuda/' base ops engine formats optim cli |
  grep -v '^ops/cuda/' | grep -v '^ops/device_coverage.c.*_table\.def"') &&
  complain "ops/cuda/ is a library of its own: $found"
found=$(grep -rnE '#[[:space:]]*include "(engine|formats|optim)/' ops/cuda) && complain "ops/cuda/ includes higher layers: $found"
found=$(grep -rnE '#[[:space:]]*include "' --include='*.cu' --include='*.cuh' --include='*_launch.h' ops/cuda |
  grep -vE 'include "(ops/cuda/|ops/(activation|gate)_kind\.h|ops/family/functions\.(h|def)|base/small_float\.h|emulated_[a-z]+\.h)') &&
  complain "device code includes more than arguments and ops/cuda/: $found"
exit $failed
