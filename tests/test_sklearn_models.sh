# Pipelines that scikit-learn trained, against the outputs of ONNX Runtime: labels, and probabilities as
# maps. scripts/check-sklearn-models.py made them, and compares many more.
set -u
models="$NNOPT_SOURCE/tests/data/sklearn"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fail() {
    echo "$1"
    exit 1
}

last=$("$NNOPT" test "$models" | tail -1)
[ "$last" = "3 passed, 0 failed, 0 skipped" ] || fail "nnopt test: $last"

# The comparison sees a probability that is off.
cp -r "$models/svc_two_names" "$scratch/case"
cp "$scratch/case/test_data_set_0/input_0.pb" "$scratch/input"
head -c -4 "$scratch/input" > "$scratch/case/test_data_set_0/input_0.pb"
printf '\0\0\200\100' >> "$scratch/case/test_data_set_0/input_0.pb"
"$NNOPT" test "$scratch/case" > "$scratch/log" && fail "another input gives the same outputs"
grep -q "output 'output_" "$scratch/log" || fail "the failure does not name the output"

# What `run` writes is what `test` reads.
"$NNOPT" run "$models/svc_two_names/model.onnx" --data "$models/svc_two_names/test_data_set_0" \
    -o "$scratch/out/" > /dev/null || fail "run does not write maps"
cmp -s "$scratch/out/output_0.pb" /dev/null && fail "run wrote nothing"
cp "$models/svc_two_names/test_data_set_0/input_0.pb" "$scratch/case/test_data_set_0/"
cp "$scratch/out/"output_*.pb "$scratch/case/test_data_set_0/"
"$NNOPT" test "$scratch/case" > "$scratch/log" || fail "$(cat "$scratch/log")"
echo "ok"
