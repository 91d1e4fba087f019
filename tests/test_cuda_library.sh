#!/usr/bin/env bash
# libnnopt_cuda.so as nvcc has built it (NNOPT_CUDA): what it exports and holds, and what the command says with
# it on a machine without a driver. The kernels of every .cu file must be there, as machine code and as PTX.
set -u
library=$NNOPT_BUILD/libnnopt_cuda.so
[ -e "$library" ] || { echo "skipped: built without NNOPT_CUDA"; exit 77; }
failed=0
complain() { echo "$1"; failed=1; }

exported=$(nm -D --defined-only "$library" | awk '{print $3}')
[ "$exported" = nnopt_cuda_open ] || complain "exports more or less than nnopt_cuda_open: $exported"
needed=$(readelf -d "$library" | sed -nE 's/.*NEEDED.*\[(lib(cuda|cudart|cudnn|cublas|nvidia)[^]]*)\]/\1/p')
[ -z "$needed" ] || complain "needs a library of the vendor's to be loaded: $needed"

files=$(find "$NNOPT_SOURCE/ops/cuda" -name '*.cu' | wc -l)
for file in $(find "$NNOPT_SOURCE/ops/cuda" -name '*.cu'); do
  name=$(basename "$file" .cu)
  nm "$library" | grep -qE "__device_stub__.*_${name}_cu_" || complain "no kernel of $name.cu"
done
cuobjdump=$(command -v cuobjdump || true)
[ -n "$cuobjdump" ] || cuobjdump=$(ls /usr/local/cuda/bin/cuobjdump 2>/dev/null || true)
if [ -n "$cuobjdump" ]; then
  elf=$("$cuobjdump" --list-elf "$library" | grep -c 'sm_90')
  ptx=$("$cuobjdump" --list-ptx "$library" | grep -c 'sm_90')
  [ "$elf" -ge "$files" ] || complain "machine code for sm_90 of $elf files, there are $files"
  [ "$ptx" -ge "$files" ] || complain "PTX of $ptx files, there are $files"
else
  echo "no cuobjdump here: machine code and PTX are not listed"
fi

# Only where there is no driver is it known what to expect.
unset NNOPT_CUDA_LIBRARY NNOPT_CUDNN_LIBRARY NNOPT_CUBLASLT_LIBRARY NNOPT_NVML_LIBRARY
if ! ldconfig -p 2>/dev/null | grep -q 'libcuda\.so\.1'; then
  status=0
  said=$("$NNOPT" run "$NNOPT_SOURCE/models/glyphs/glyphs.onnx" --random --device cuda 2>&1) || status=$?
  [ "$status" = 2 ] || complain "exit code $status without a driver"
  case $said in *libcuda.so.1*) ;; *) complain "without a driver it says: $said" ;; esac
  "$NNOPT" doctor | tr '\n' ' ' | grep -q 'libcuda.so.1' || complain "doctor does not tell that there is no driver"
fi
exit $failed
