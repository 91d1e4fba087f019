# Shared by the scripts: installs missing packages, configures and builds. Source it.

source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '\n== %s\n' "$*"; }

# Debian 12 names; Ubuntu 24.04 has them too. libopenblas0-pthread is opened at run time.
build_packages=(gcc libc6-dev cmake ninja-build pkg-config libopenblas0-pthread
  libprotobuf-c-dev protobuf-c-compiler libcjson-dev libzip-dev libjpeg62-turbo-dev libpng-dev
  libsndfile1-dev libmd-dev libpcre2-dev libunistring-dev libwebp-dev libtiff-dev libopenjp2-7-dev)
cross_packages=(gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user)
test_packages=(check python3-venv binutils "${cross_packages[@]}")
fuzz_packages=(clang libclang-rt-dev llvm)

# install_missing PACKAGE...: installs what dpkg does not list, as root or through sudo.
install_missing() {
  local missing=() package
  for package in "$@"; do
    if [ "$package" = libjpeg62-turbo-dev ] && ! grep -qi '^ID=debian' /etc/os-release; then
      package=libjpeg-dev
    fi
    if [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" != installed ]; then
      missing+=("$package")
    fi
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  command -v apt-get >/dev/null || { say "no apt-get here: needed are ${missing[*]}"; return 0; }
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "needs root or sudo to install: ${missing[*]}" >&2; return 1; }
    as_root=(sudo)
  fi
  say "installing ${missing[*]}"
  "${as_root[@]}" apt-get update -q >/dev/null
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o Dpkg::Use-Pty=0 install -q -y \
    --no-install-recommends "${missing[@]}" >/dev/null
}

# find_nvcc: the path of CUDA's compiler; fails where there is none.
find_nvcc() {
  local place
  for place in "$(command -v nvcc || true)" "${CUDA_PATH:-}/bin/nvcc" /usr/local/cuda/bin/nvcc; do
    if [ -x "$place" ]; then echo "$place"; return 0; fi
  done
  return 1
}

# python_environment FOLDER PACKAGE...: a Python environment with these packages, made where it is not there yet;
# fails where it cannot be made, and says why.
python_environment() {
  local folder=$1
  shift
  [ "$(cat "$folder/packages" 2>/dev/null)" = "$*" ] && return
  say "installing $* in $folder"
  rm -rf "$folder"
  python3 -m venv "$folder" >/dev/null 2>&1 ||
    { echo "python3 with venv is missing (Debian: apt-get install python3-venv)" >&2; return 1; }
  "$folder/bin/pip" install --quiet --disable-pip-version-check "$@" ||
    { echo "pip cannot install $*" >&2; return 1; }
  echo "$*" >"$folder/packages"
}

# build FOLDER [CMAKE-OPTION...]: configures and builds, quietly unless it fails; everything, or the targets that
# build_targets lists.
build() {
  local folder=$1 log
  shift
  mkdir -p "$folder"
  log=$folder/build.log
  local launcher=()
  command -v ccache >/dev/null && launcher=(-DCMAKE_{C,CUDA}_COMPILER_LAUNCHER=ccache)
  say "building in $folder"
  if ! { cmake -G Ninja -S "$source_dir" -B "$folder" "${launcher[@]}" "$@" &&
         cmake --build "$folder" --parallel "$(nproc)" ${build_targets:+--target $build_targets}; } >"$log" 2>&1; then
    tail -n 40 "$log" >&2
    echo "the build failed: $log" >&2
    return 1
  fi
}
