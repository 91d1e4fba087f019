# What every command shares: help, options, exit codes, JSON, exports, --fail-if.
set -u
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export XDG_CACHE_HOME=$folder/cache
failures=0

fail() { echo "FAILED: $*"; failures=$((failures + 1)); }

# expect CODE COMMAND...: runs it, keeps stdout and stderr, compares the exit code.
expect() {
    local wanted=$1 code=0
    shift
    "$@" >"$folder/out" 2>"$folder/err" || code=$?
    [ "$code" = "$wanted" ] || fail "exit code $code, not $wanted: $*: $(cat "$folder/err")"
}
stderr_has() { grep -qF -- "$1" "$folder/err" || fail "stderr lacks '$1': $(cat "$folder/err")"; }
stdout_has() { grep -qF -- "$1" "$folder/out" || fail "stdout lacks '$1': $(head -5 "$folder/out")"; }
stdout_empty() { [ ! -s "$folder/out" ] || fail "stdout is not empty: $(head -3 "$folder/out")"; }
one_line_error() {
    [ "$(wc -l <"$folder/err")" = 1 ] && grep -q '^nnopt: ' "$folder/err" ||
        fail "not one line 'nnopt: ...' on stderr: $(cat "$folder/err")"
}

expect 2 "$NNOPT"
stdout_empty
stderr_has 'usage: nnopt <command>'
expect 0 "$NNOPT" --help
stdout_has 'list-kernels'
expect 0 "$NNOPT" --version
stdout_has 'nnopt '
for command in $(sed -n 's/^COMMAND(\(.*\))$/\1/p' "$NNOPT_SOURCE/cli/cmd_table.def"); do
    expect 0 "$NNOPT" "${command//_/-}" --help
    stdout_has '--json'
    expect 0 "$NNOPT" help "${command//_/-}"
done

expect 2 "$NNOPT" doktor
one_line_error
stderr_has "did you mean 'doctor'?"
expect 2 "$NNOPT" help doktor
stderr_has "did you mean 'doctor'?"
expect 2 "$NNOPT" frobnicate
stderr_has "see 'nnopt --help'"
expect 2 "$NNOPT" doctor --mesure
one_line_error
stderr_has "did you mean '--measure'?"
expect 2 "$NNOPT" doctor --measure=yes
stderr_has 'takes no value'
expect 2 "$NNOPT" doctor --export
stderr_has 'needs a value'
expect 2 "$NNOPT" doctor extra
stderr_has "unexpected argument 'extra'"
expect 2 "$NNOPT" doctor --json --json
stderr_has 'given twice'

expect 0 "$NNOPT" list-ops
stdout_has 'MatMul'
expect 0 "$NNOPT" list-kernels --all
stdout_has 'reference'
expect 0 "$NNOPT" list-ops --json --export="$folder/ops.json" --export "$folder/ops.csv"
cmp -s "$folder/out" "$folder/ops.json" || fail "--json is not what --export x.json writes"
[ ! -s "$folder/err" ] || fail "stderr with --json: $(cat "$folder/err")"
stdout_has '"kind":'
stdout_has "\"command\":	\"nnopt list-ops --json"
head -1 "$folder/ops.csv" | grep -q '^op,domain,since' || fail "CSV head: $(head -1 "$folder/ops.csv")"
[ "$(wc -l <"$folder/ops.csv")" -gt 20 ] || fail "CSV is too short"
expect 0 "$NNOPT" doctor --json
stdout_has '"fp32_gflops":'

expect 2 "$NNOPT" list-ops --json --export "$folder/ops.xyz"
stdout_empty
one_line_error
stderr_has '.csv'
expect 2 "$NNOPT" list-ops --json --export "$folder/missing/ops.json"
stdout_empty
one_line_error
[ -z "$(ls "$folder" | grep tmp)" ] || fail "a temporary file stayed"
expect 2 "$NNOPT" doctor --json --export "$folder/doctor.trace.json"
stdout_empty
stderr_has 'no timeline'
if [ -w /dev/full ]; then
    "$NNOPT" list-ops --json >/dev/full 2>"$folder/err"
    [ $? = 2 ] || fail "a full disk is not exit code 2"
    stderr_has 'No space left'
fi

expect 0 "$NNOPT" list-ops --fail-if 'schema<1' --fail-if 'schema>1'
for holds in 'schema==1' 'schema>=1' 'schema<=1.0' 'schema < 2' 'ops[0].kernels>0'; do
    expect 1 "$NNOPT" list-ops --fail-if "$holds"
    stderr_has "check failed: $holds"
done
for wrong in 'schema' 'schema=1' 'schema<>1' '<1' 'schema<x' 'schema<1x'; do
    expect 2 "$NNOPT" list-ops --fail-if "$wrong"
    stdout_empty
    one_line_error
done
expect 2 "$NNOPT" list-ops --fail-if 'no.such>1'
stderr_has "'no'"

"$NNOPT" --help-markdown >"$folder/cli.md"
cmp -s "$folder/cli.md" "$NNOPT_SOURCE/docs/cli.md" ||
    fail "docs/cli.md is stale: nnopt --help-markdown > docs/cli.md"

[ "$failures" = 0 ] || { echo "$failures failed"; exit 1; }
