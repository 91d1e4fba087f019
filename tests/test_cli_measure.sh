# run, test, eval, bench and profile on a real model: exit codes, keys of the JSON, what is refused.
set -u
[ -n "${NNOPT_TEST_DATA:-}" ] || { echo "skipped: NNOPT_TEST_DATA is not set"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export XDG_CACHE_HOME=$folder/cache
model=$NNOPT_TEST_DATA/mnist-8/model.onnx
digits=$NNOPT_TEST_DATA/mnist-8/t10k.npz
failures=0

fail() { echo "FAILED: $*"; failures=$((failures + 1)); }
expect() {
    local wanted=$1 code=0
    shift
    "$@" >"$folder/out" 2>"$folder/err" || code=$?
    [ "$code" = "$wanted" ] || fail "exit code $code, not $wanted: $*: $(cat "$folder/err")"
}
stderr_has() { grep -qF -- "$1" "$folder/err" || fail "stderr lacks '$1': $(cat "$folder/err")"; }
stdout_has() { grep -qF -- "$1" "$folder/out" || fail "stdout lacks '$1': $(head -5 "$folder/out")"; }
# refused COMMAND...: exit code 2, one line, nothing on stdout
refused() {
    expect 2 "$@"
    [ ! -s "$folder/out" ] || fail "stdout is not empty: $*"
    [ "$(wc -l <"$folder/err")" = 1 ] || fail "not one line: $*: $(cat "$folder/err")"
}
# numbers FILE PATH...: the report holds a number that is not negative under each path
numbers() {
    local command=("$@")
    for path in "${command[@]:1}"; do
        expect 1 "$NNOPT" ${command[0]} --fail-if "$path>=0"
        stderr_has "check failed: $path"
    done
}

# run and test
expect 0 "$NNOPT" run "$model" --random --seed 3 -o "$folder/out.npz" --json
stdout_has '"samples":'
stdout_has '"outputs":'
[ -s "$folder/out.npz" ] || fail "run wrote nothing"
expect 0 "$NNOPT" test "$NNOPT_TEST_DATA/mnist-8" --json
stdout_has '"cases":'
expect 0 "$NNOPT" test "$NNOPT_TEST_DATA/mnist-8"
[ "$(tail -1 "$folder/out")" = '1 passed, 0 failed, 0 skipped' ] || fail "test: $(tail -1 "$folder/out")"
refused "$NNOPT" run "$model"
stderr_has '--data'
refused "$NNOPT" run "$model" --random --data "$digits"
stderr_has 'contradict'
refused "$NNOPT" run "$folder/none.onnx" --random
stderr_has 'none.onnx'

# eval: 9,891 of 10,000 digits (ONNX Runtime says the same)
expect 0 "$NNOPT" eval "$model" --data "$digits"
stdout_has 'top1 0.9891'
stdout_has '9891 of 10000'
expect 0 "$NNOPT" eval "$model" --random --against "$model" --metric exact --json
stdout_has '"value":	1,'
stdout_has '"samples":	1,'
stdout_has '"interval":'
refused "$NNOPT" eval "$model" --random
stderr_has 'no metric'
refused "$NNOPT" eval "$model" --random --metric top1
stderr_has "'labels'"
refused "$NNOPT" eval "$model" --data "$digits" --metric snr
stderr_has '--against'
refused "$NNOPT" eval "$model" --data "$digits" --metric top2
stderr_has "'metric' must be one of"
refused "$NNOPT" eval "$model" --data "$digits" --output nothing
stderr_has "'nothing'"
refused "$NNOPT" eval "$model" --data "$digits" --class-axis 5
stderr_has 'class axis 5'

# bench
quick="--duration 50ms --threads 1"
numbers "bench $model $quick" results[0].latency_ms.{min,median,p90,p99,low,high} \
    results[0].{throughput,threads,batch,peak_memory_bytes,load_ms,runs}
expect 0 "$NNOPT" bench "$model" $quick --json
stdout_has '"isa":'
stdout_has '"precision":	"fp32"'
expect 1 "$NNOPT" bench "$model" --iterations 7 --fail-if 'results[0].runs==7'
expect 0 "$NNOPT" bench "$model" "$model" $quick
stdout_has 'verdict'
expect 1 "$NNOPT" bench "$model" "$model" $quick --fail-if 'results[1].versus_first.ratio>0'
expect 0 "$NNOPT" bench "$model" $quick --export "$folder/now.json" --export "$folder/now.csv"
# the gate: an earlier report that was a hundred times as fast or as slow
sed -E 's/("(median|low|high)":\t)[0-9.e-]+/\10.00001/' "$folder/now.json" >"$folder/fast.json"
expect 1 "$NNOPT" bench "$model" $quick --baseline "$folder/fast.json"
stderr_has 'slower than the baseline'
sed 's/"\(median\|low\|high\)":\t/&9/' "$folder/now.json" >"$folder/slow.json"
expect 0 "$NNOPT" bench "$model" $quick --baseline "$folder/slow.json"
stderr_has 'faster than the baseline'
refused "$NNOPT" bench "$model" $quick --baseline "$folder/none.json"
echo '{}' >"$folder/empty.json"
refused "$NNOPT" bench "$model" $quick --baseline "$folder/empty.json"
stderr_has 'not a report'
refused "$NNOPT" bench "$model" --duration 3x
stderr_has "'duration' must be a time"
refused "$NNOPT" bench "$model" --batch 4
stderr_has "'batch'"
refused "$NNOPT" bench "$model" --threads -1
refused "$NNOPT" bench
expect 0 "$NNOPT" bench "$model" --duration 100ms --threads 1 --streams 2
stdout_has '1 device with 2 streams each'
refused "$NNOPT" bench "$model" --device gpu
stderr_has "none of cpu, cuda"
refused "$NNOPT" profile "$model" --device cpu,cpu
stderr_has "one device here"
refused "$NNOPT" bench "$model" --precision fp16
stderr_has "needs a GPU"

# profile
quick="--duration 100ms --threads 1"
numbers "profile $model $quick" total_ms bottlenecks[0].share nodes[0].{ms,share,macs} \
    nodes[0].{gflops,gbps,intensity,roof_fraction,live_bytes} profiler.timer_us_per_node \
    roofline.fp32_gflops
expect 1 "$NNOPT" profile "$model" $quick --fail-if 'unattributed_ms>-1000'
expect 0 "$NNOPT" profile "$model" --data "$digits" $quick --json --export "$folder/p.trace.json" \
    --export "$folder/p.csv"
for key in class share nodes evidence experiment advice kernel covers; do
    stdout_has "\"$key\":"
done
for class in data_loading compute memory_bandwidth dispatch_overhead parallelism batch_size \
    memory_capacity device_copies inefficient_layer; do
    stdout_has "\"$class\""
done
stdout_has '"MaxPool"'
grep -q '"traceEvents"' "$folder/p.trace.json" || fail "no trace"
head -1 "$folder/p.csv" | grep -q '^node,op,kind,kernel,' || fail "CSV: $(head -1 "$folder/p.csv")"
expect 0 env COLUMNS=80 "$NNOPT" profile "$model" $quick
stdout_has 'Bottleneck:'
stdout_has 'unattributed'
[ "$(LC_ALL=C.UTF-8 wc -L <"$folder/out")" -le 80 ] || fail "wider than 80 columns: $(cat "$folder/out")"

[ "$failures" = 0 ] || { echo "$failures failed"; exit 1; }
