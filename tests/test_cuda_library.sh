#!/usr/bin/env bash
# libnnopt_cuda.so as nvcc has built it (NNOPT_CUDA): what it exports and holds, and what the command says with
# it on a machine without a driver. The kernels of every .cu file must be there, as machine code and as PTX; those
# of tiles of bytes and of attention multiply on tensor cores (IMMA, HMMA), those copy past registers (LDGSTS), and
# both keep all they hold in registers.
set -u
source "$NNOPT_SOURCE/scripts/common.sh"
library=$NNOPT_BUILD/libnnopt_cuda.so
[ -e "$library" ] || { echo "skipped: built without NNOPT_CUDA"; exit 77; }
failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
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
# The toolkit's disassembler; where the toolkit came without it, that of PyPI.
find_cuobjdump() {
  local place environment=$NNOPT_BUILD/cuobjdump
  for place in "$(command -v cuobjdump || true)" /usr/local/cuda/bin/cuobjdump; do
    if [ -x "$place" ]; then echo "$place"; return; fi
  done
  python_environment "$environment" nvidia-cuda-cuobjdump==13.5.37 nvidia-cuda-nvdisasm==13.5.37 >&2
  ls "$environment"/lib/python3*/site-packages/nvidia/cu13/bin/cuobjdump 2>/dev/null
}
cuobjdump=$(find_cuobjdump)
if [ -n "$cuobjdump" ]; then
  elf=$("$cuobjdump" --list-elf "$library" | grep -c 'sm_90')
  ptx=$("$cuobjdump" --list-ptx "$library" | grep -c 'sm_90')
  [ "$elf" -ge "$files" ] || complain "machine code for sm_90 of $elf files, there are $files"
  [ "$ptx" -ge "$files" ] || complain "PTX of $ptx files, there are $files"
  "$cuobjdump" --dump-resource-usage "$library" >"$work/all" 2>/dev/null
  awk '/Function .*(nn_tile_kernel|attention_half)/ { name = $2; sub(":$", "", name); getline; print name, $0 }' "$work/all" \
    >"$work/usage"
  # Per kernel: products of bytes and of halves, copies. Its disassembler looks for its helper in PATH.
  PATH=$(dirname "$cuobjdump"):$PATH "$cuobjdump" -sass -fun "$(cut -d ' ' -f 1 "$work/usage" | paste -sd,)" "$library" \
    2>/dev/null |
    awk '/Function :/ { name = $3; seen[name] = 1 } /IMMA/ { bytes[name]++ } /HMMA/ { halves[name]++ } /LDGSTS/ { copies[name]++ }
         END { for (name in seen) print name, bytes[name] + 0, halves[name] + 0, copies[name] + 0 }' >"$work/tiles"
  for kind in nn_tile_kernel:22 attention_half:12; do
    count=$(grep -c "${kind%:*}" "$work/tiles")
    [ "$count" -ge "${kind#*:}" ] || complain "only $count kernels of ${kind%:*}"
  done
  while read -r name bytes halves copies; do
    case $name in
      *nn_tile_kernel*)
        [ "$bytes" -gt 0 ] || complain "no product of bytes on tensor cores in $name"
        [ "$copies" -gt 0 ] || complain "no copy to shared memory in $name"
        ;;
      *) [ "$halves" -gt 0 ] || complain "no product of halves on tensor cores in $name" ;;
    esac
  done <"$work/tiles"
  # Local memory and registers. 64 K registers are two blocks of 256 threads with 128 each; the largest tile has a
  # multiprocessor to itself.
  while read -r name usage; do
    case $usage in *STACK:0*LOCAL:0*) ;; *) complain "$name keeps values in memory: $usage" ;; esac
    registers=$(sed -E 's/.*REG:([0-9]+).*/\1/' <<<"$usage")
    case $name in *nn_tileILi256* | *attention_half*) ;; *) [ "$registers" -le 128 ] || complain "$name needs $registers registers" ;; esac
  done <"$work/usage"
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
