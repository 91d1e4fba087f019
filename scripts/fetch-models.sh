#!/usr/bin/env bash
# Gets third-party models from the Python packages that ship them. Nothing of the packages is run.
#
# usage: scripts/fetch-models.sh [FOLDER]     (default: models/third-party)
#
#   FOLDER/ppocr/det.onnx, rec.onnx, cls.onnx   rapidocr-onnxruntime 1.4.4, Apache-2.0
#   FOLDER/basic-pitch/nmp.onnx                 basic-pitch 0.4.0, Apache-2.0
set -euo pipefail

usage() {
    sed -n '2,7s/^# \{0,1\}//p' "$0"
}

fail() {
    echo "fetch-models: $*" >&2
    exit 1
}

# package==version | file in the wheel | where it goes | SHA-256
models='
rapidocr-onnxruntime==1.4.4|rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx|ppocr/det.onnx|d2a7720d45a54257208b1e13e36a8479894cb74155a5efe29462512d42f49da9
rapidocr-onnxruntime==1.4.4|rapidocr_onnxruntime/models/ch_PP-OCRv4_rec_infer.onnx|ppocr/rec.onnx|48fc40f24f6d2a207a2b1091d3437eb3cc3eb6b676dc3ef9c37384005483683b
rapidocr-onnxruntime==1.4.4|rapidocr_onnxruntime/models/ch_ppocr_mobile_v2.0_cls_infer.onnx|ppocr/cls.onnx|e47acedf663230f8863ff1ab0e64dd2d82b838fceb5957146dab185a89d6215c
basic-pitch==0.4.0|basic_pitch/saved_models/icassp_2022/nmp.onnx|basic-pitch/nmp.onnx|2c3c1d144bfa61ad236e92e169c13535c880469a12a047d4e73451f2c059a0ec
'

case ${1-} in
-h | --help)
    usage
    exit 0
    ;;
-*)
    usage >&2
    exit 2
    ;;
esac
[ $# -le 1 ] || { usage >&2; exit 2; }
target=${1-"$(cd "$(dirname "$0")/.." && pwd)/models/third-party"}

command -v python3 >/dev/null || fail "python3 is not installed"
python3 -m pip --version >/dev/null 2>&1 || fail "pip is not installed (Debian: apt-get install python3-pip)"
mkdir -p "$target" || fail "cannot create the folder '$target'"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

matches() {
    [ -f "$1" ] && [ "$(sha256sum <"$1" | cut -d ' ' -f 1)" = "$2" ]
}

# download PACKAGE: its wheel into $work/PACKAGE, once.
download() {
    [ -d "$work/$1" ] && return
    echo "downloading $1"
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --ignore-requires-python \
        --only-binary :all: --dest "$work/$1" "$1" || fail "pip cannot download '$1'"
}

while IFS='|' read -r package member path sum; do
    [ -n "$package" ] || continue
    if matches "$target/$path" "$sum"; then
        echo "$target/$path is there"
        continue
    fi
    download "$package"
    set -- "$work/$package"/*.whl
    python3 -c 'import sys, zipfile; sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]))' \
        "$1" "$member" >"$work/model" 2>/dev/null || fail "'$package' has no file '$member'"
    matches "$work/model" "$sum" || fail "'$member' of '$package' has another SHA-256 than $sum"
    {
        mkdir -p "$(dirname "$target/$path")" &&
            cp "$work/model" "$target/$path.part" &&
            mv "$target/$path.part" "$target/$path"
    } || fail "cannot write '$target/$path'"
    echo "$target/$path"
done <<<"$models"
