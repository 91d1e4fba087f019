# All cases of the standard: those that fail are the listed ones, and no others.
set -euo pipefail
BUILD_DIR=$NNOPT_BUILD exec bash "$NNOPT_SOURCE/scripts/onnx-tests.sh" --expected
