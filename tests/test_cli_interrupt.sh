#!/usr/bin/env bash
# Ctrl-C ends `optimize` with the best so far: exit code 130, a valid model, the report. The signal is
# sent when the command has printed the line of a kept candidate.
set -u
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export XDG_CACHE_HOME=$folder/cache
glyphs=$NNOPT_SOURCE/models/glyphs
failed=0
fail() { echo "FAILED: $*"; failed=1; }

mkfifo "$folder/progress"
"$NNOPT" optimize "$glyphs/glyphs.onnx" --data "$glyphs/test.npz" --calib "$glyphs/calib.npz" --max-drop 0.5 \
    --budget 1h -o "$folder/best.onnx" --export "$folder/report.json" >"$folder/out" 2>"$folder/progress" &
command=$!
seen=no
while IFS= read -r line; do
    echo "$line"
    case $seen:$line in
        no:*"  kept") seen=yes; kill -INT "$command" ;;
    esac
done <"$folder/progress" | tee "$folder/err"
wait "$command"
code=$?
[ "$code" = 130 ] || fail "exit code $code, not 130"
grep -q "^nnopt: interrupted after .* candidates: the best so far is '" "$folder/err" || fail "stderr does not name the best so far"
grep -q "^nnopt: note: '$folder/best.onnx' holds the best so far" "$folder/err" || fail "stderr does not say where it is"
grep -q 'interrupted: this is the best so far' "$folder/out" || fail "the report on stdout does not say so"
grep -q '"interrupted":[[:space:]]*true' "$folder/report.json" || fail "the exported report does not say so"
"$NNOPT" run "$folder/best.onnx" --random >/dev/null || fail "the model that was left does not run"
exit $failed
