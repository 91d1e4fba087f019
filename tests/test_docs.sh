#!/usr/bin/env bash
# Generated documentation is what the tables say, and links inside the documentation lead somewhere.
set -u
failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$NNOPT" list-ops --export "$work/supported-ops.md" >/dev/null
if ! cmp -s "$work/supported-ops.md" "$NNOPT_SOURCE/docs/supported-ops.md"; then
  echo "docs/supported-ops.md is stale: nnopt list-ops --export docs/supported-ops.md"
  failed=1
fi

cd "$NNOPT_SOURCE"
while IFS=: read -r file link; do
  target=$(dirname "$file")/${link%%#*}
  [ -e "$target" ] || { echo "$file: the link to '$link' leads nowhere"; failed=1; }
done < <(git ls-files '*.md' 2>/dev/null | xargs grep -oE '\]\([^)#: ]+[^): ]*\)' | sed -E 's/\]\((.*)\)/\1/')
exit $failed
