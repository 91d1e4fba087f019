#!/usr/bin/env bash
# A program builds against the installed library through pkg-config and through the CMake package, and
# runs a model.
set -eu
if ldd "$NNOPT_BUILD/libnnopt.so" | grep -q asan; then
  echo "skipped: the library was built with a sanitizer"
  exit 77
fi
model=$NNOPT_SOURCE/models/glyphs/glyphs.onnx
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake --install "$NNOPT_BUILD" --prefix "$work/usr" >/dev/null

library=$(dirname "$(find "$work/usr" -name libnnopt.so)")
cc "$NNOPT_SOURCE/examples/embed.c" -Wall -Wextra -Werror -o "$work/embed" \
  $(PKG_CONFIG_PATH=$library/pkgconfig pkg-config --cflags --libs nnopt)
LD_LIBRARY_PATH=$library "$work/embed" "$model"

mkdir "$work/project"
cp "$NNOPT_SOURCE/examples/embed.c" "$work/project"
cat >"$work/project/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.25)
project(embed LANGUAGES C)
find_package(nnopt REQUIRED)
add_executable(embed embed.c)
target_link_libraries(embed PRIVATE nnopt::nnopt)
END
cmake -G Ninja -S "$work/project" -B "$work/project/build" -DCMAKE_PREFIX_PATH="$work/usr" >/dev/null
cmake --build "$work/project/build" >/dev/null
"$work/project/build/embed" "$model"
"$work/usr/bin/nnopt" --version
