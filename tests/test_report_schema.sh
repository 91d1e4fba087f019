# docs/report-schema.md describes every key that the commands write.
set -u
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export XDG_CACHE_HOME=$folder/cache
model=$NNOPT_SOURCE/models/words/words.onnx
calib=$NNOPT_SOURCE/models/words/calib.npz
quick="--iterations 3 --threads 1"
failures=0

try() {
    "$NNOPT" "$@" --json >>"$folder/all.json" 2>"$folder/err" ||
        { echo "FAILED: nnopt $*: $(cat "$folder/err")"; failures=$((failures + 1)); }
}

try doctor
try list-ops
try list-kernels
try list-kernels --bench --operator Relu
try inspect "$model"
try run "$model" --random
try eval "$model" --random --against "$model"
try bench "$model" "$model" $quick
try profile "$model" $quick
"$NNOPT" bench "$model" $quick --precision bf16 --json >>"$folder/all.json" 2>"$folder/err" ||
    grep -q "needs AVX-512 BF16 or AMX" "$folder/err" || { echo "FAILED: bf16: $(cat "$folder/err")"; failures=$((failures + 1)); }
try quantize "$model" --calib "$calib" --calib-samples 4 -o "$folder/int8.onnx"
try prune "$model" --calib "$calib" --calib-samples 8 --macs 0.8 -o "$folder/pruned.onnx"
try separate "$model" --calib "$calib" --calib-samples 8 --no-measure -o "$folder/separable.onnx"
try compare "$model" "$folder/int8.onnx" --data "$calib" --duration 100ms --threads 1
try tune "$model" --duration 10ms --max-batch 2
try explain "$folder/int8.onnx"

keys=$(grep -oE '"[a-z0-9_]+":' "$folder/all.json" | tr -d '":' | sort -u)
[ "$(echo "$keys" | wc -l)" -gt 150 ] || { echo "FAILED: only $(echo "$keys" | wc -l) keys"; exit 1; }
for key in $keys; do
    grep -qE "\`$key(\[\])?\`" "$NNOPT_SOURCE/docs/report-schema.md" ||
        { echo "FAILED: docs/report-schema.md does not describe '$key'"; failures=$((failures + 1)); }
done
[ "$failures" = 0 ] || { echo "$failures failed"; exit 1; }
