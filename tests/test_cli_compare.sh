# compare and the HTML report on the bundled model: exit codes, keys, what is refused, what is written.
set -u
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export XDG_CACHE_HOME=$folder/cache
glyphs=$NNOPT_SOURCE/models/glyphs/glyphs.onnx
calib=$NNOPT_SOURCE/models/glyphs/calib.npz
quick="--iterations 6 --warmup 0 --threads 1"
failures=0

fail() { echo "FAILED: $*"; failures=$((failures + 1)); }
expect() {
    local wanted=$1 code=0
    shift
    "$@" >"$folder/out" 2>"$folder/err" || code=$?
    [ "$code" = "$wanted" ] || fail "exit code $code, not $wanted: $*: $(cat "$folder/err")"
}
stdout_has() { grep -qF -- "$1" "$folder/out" || fail "stdout lacks '$1': $(head -5 "$folder/out")"; }
stdout_matches() { grep -qE -- "$1" "$folder/out" || fail "stdout has no line '$1': $(head -8 "$folder/out")"; }
stderr_has() { grep -qF -- "$1" "$folder/err" || fail "stderr lacks '$1': $(cat "$folder/err")"; }

expect 0 "$NNOPT" quantize "$glyphs" --calib "$calib" --calib-samples 32 -o "$folder/int8.onnx"
# keys, and 0 whichever is faster
expect 0 "$NNOPT" compare "$glyphs" "$folder/int8.onnx" $quick --json --export "$folder/r.json" --export "$folder/r.html" --export "$folder/r.csv"
for key in '"rows":' '"models":' '"total":' '"verdict":' '"bottleneck":' '"versus_first":' '"roofline":'; do stdout_has "$key"; done
cmp -s "$folder/out" "$folder/r.json" || fail "--json and --export .json differ"
expect 0 "$NNOPT" compare "$folder/int8.onnx" "$glyphs" $quick
stdout_has 'x as fast (95 %:'
expect 1 "$NNOPT" compare "$glyphs" "$folder/int8.onnx" $quick --fail-if 'total.models[1].ms>0'
stderr_has 'check failed: total.models[1].ms>0'
# rows are named as in the first file
grep -q '"node":	"/layer1/0/conv1/Conv"' "$folder/r.json" || fail "no row '/layer1/0/conv1/Conv'"
grep -q '"of_base":	false' "$folder/r.json" && fail "a row that the base does not have"
head -1 "$folder/r.csv" | grep -q '^node,op,' || fail "csv: $(head -1 "$folder/r.csv")"
stdout_matches '^ model +ms +95 % +speed'
stdout_matches '^ int8.onnx +[0-9.]+ +[0-9.]+ \.\. [0-9.]+ +[0-9.]+x'
# several models
expect 0 "$NNOPT" compare "$glyphs" "$folder/int8.onnx" "$glyphs" $quick
stdout_has 'ms 3'
stdout_matches '^ 2 +int8.onnx +[0-9.]+ +[0-9.]+ \.\. [0-9.]+ +[0-9.]+x'
# the page
[ "$(stat -c %s "$folder/r.html")" -lt 500000 ] || fail "r.html is too large"
for id in time roofline nodes memory method verdict; do
    grep -q "id=\"$id\"" "$folder/r.html" || fail "r.html has no section '$id'"
done
grep -qE '(src|href)=' "$folder/r.html" && fail "r.html refers to something outside"
command -v xmllint >"$folder/which" && { xmllint --noout "$folder/r.html" || fail "r.html is not well-formed"; }
expect 0 "$NNOPT" profile "$glyphs" --iterations 3 --warmup 0 --threads 1 --export "$folder/p.html"
grep -q 'What limits this model is' "$folder/p.html" || fail "p.html names no bottleneck"
# one model on several devices
expect 0 "$NNOPT" compare "$glyphs" --device cpu,cpu $quick
stdout_has 'glyphs.onnx on cpu'
stdout_matches "differs by at most 0, 0 % of its range"
expect 2 "$NNOPT" compare "$glyphs" "$glyphs" --device cpu,cpu,cpu $quick
stderr_has '3 devices are given for 2 models'
# refusals
expect 2 "$NNOPT" compare "$glyphs"
expect 2 "$NNOPT" compare "$glyphs" "$folder/none.onnx"
stderr_has 'none.onnx'
expect 2 "$NNOPT" compare "$glyphs" "$NNOPT_SOURCE/models/words/words.onnx" $quick
stderr_has 'words.onnx: its inputs are not those of the first model'
expect 2 "$NNOPT" compare "$glyphs" "$glyphs" $quick --metric top1
stderr_has '--data'
exit $((failures > 0))
