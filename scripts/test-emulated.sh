#!/usr/bin/env bash
# Runs tests of kernels on a CPU with AVX-512, VNNI, AVX512-BF16 and AMX that Bochs plays, so this host needs none
# of them: in a Linux whose first process runs the tests. Some 100 million instructions a second, on one core.
#   scripts/test-emulated.sh                        every program of kernel_tests at every level: some hours
#   scripts/test-emulated.sh --quick                parts of some of them and a network with AMX: some minutes
#   scripts/test-emulated.sh [--levels avx512,amx] [--limit SECONDS] NAME...
#       these test programs, of which test_kernels_int8@2/10 is a tenth; and these files *.onnx, whose results must be
#       those of the reference kernels on this host, FILE.onnx@bf16 nearly; a limit is of the emulated clock
# Bochs and the kernel come from Debian 13: from the mirror that this system's apt uses, or DEBIAN_MIRROR. BUILD_DIR
# names the build folder (default: build/emulated).
set -euo pipefail
source "$(dirname "$0")/common.sh"

kernel_tests=(test_copy test_small_float test_direct_plan_f32 test_packing_f32 test_conv test_scaled_conv
  test_grid_sample_f32 test_rows_f32 test_tile_f32 test_shared_f32 test_strassen_f32 test_winograd_line_f32 test_winograd_shared_f32 test_depthwise_block
  test_recurrent_f32
  test_kernels_int8_elements test_lstm_u8s8 test_kernels_f32_products test_kernels_f32_pools test_kernels_f32
  test_winograd_f32 test_kernels_int8_products test_lower_integers test_plan_bf16
  test_kernels_bf16_conv test_kernels_bf16 test_op_neural test_op_quantization test_op_microsoft test_op_cases test_kernel_cases test_kernels_int8)
quick_tests=(test_rows_f32 test_kernels_int8_elements test_kernels_bf16_conv@1/2 test_kernels_bf16@1/2
  test_kernels_int8_products@1/4 test_kernels_f32_products@1/4 "$source_dir/models/words/words.onnx")
declare -A level_names=([avx512]=AVX-512 [vnni]="AVX-512 VNNI" [avx512bf16]="AVX-512 BF16" [amx]=AMX)
megabytes=2048 block_bytes=$((8 << 20))

usage() { sed -n 's/^# \{0,1\}//; 2,11p' "$0" >&2; exit 2; }

levels=avx512,vnni,avx512bf16,amx limit=20000 chosen=()
while [ $# -gt 0 ]; do
  case $1 in
    --quick) chosen+=("${quick_tests[@]}") && levels=amx ;;
    --levels) levels=${2:?} && shift ;;
    --limit) limit=${2:?} && shift ;;
    -*) usage ;;
    *) chosen+=("$1") ;;
  esac
  shift
done
[ ${#chosen[@]} -gt 0 ] || chosen=("${kernel_tests[@]}")
folder=${BUILD_DIR:-$source_dir/build/emulated}
parts=$source_dir/tests/emulated_cpu
machine=$folder/machine
patched=$machine/bochs-3.0

# ---- Bochs and Linux ----

# debian13 COMMAND...: apt-get or apt-cache over the archive of Debian 13 alone.
debian13() {
  local command=$1 apt=$machine/apt mirror=${DEBIAN_MIRROR:-}
  shift
  [ -n "$mirror" ] ||
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Origin: Debian' 'Label: Debian' | sort -u | head -n 1)
  [ -n "$mirror" ] || { echo "DEBIAN_MIRROR must name a mirror of Debian"; return 1; }
  mkdir -p "$apt/parts" "$apt/lists/partial" "$apt/cache/archives/partial"
  printf '%s\n' "Types: deb deb-src" "URIs: $mirror" "Suites: trixie" "Components: main" \
    "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg" >"$apt/parts/debian.sources"
  "$command" -q -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$apt/parts" -o Dir::State="$apt" \
    -o Dir::State::status=/dev/null -o Dir::Cache="$apt/cache" -o APT::Architecture=amd64 \
    -o APT::Architectures=amd64 -o APT::Sandbox::User=root "$@"
}

fetch() {
  say "fetching Bochs' source and a Linux kernel from Debian 13"
  (
    cd "$machine"
    debian13 apt-get update
    debian13 apt-get source --tar-only bochs=3.0+dfsg-1
    debian13 apt-get download "$(debian13 apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: //p')"
    dpkg-deb --fsys-tarfile linux-image-*.deb | tar -x --wildcards './boot/vmlinuz*'
    mv boot/vmlinuz* vmlinuz
    rm -rf boot linux-image-*.deb apt
  ) >"$machine/fetch.log" 2>&1 || { tail "$machine/fetch.log" >&2; return 1; }
}

make_bochs() {
  say "building Bochs in $patched: some minutes"
  (
    cd "$machine"
    rm -rf "$patched"
    tar -xf bochs_3.0+dfsg.orig.tar.xz
    cd "$patched"
    patch -p1 <"$parts/bochs-3.0.patch"
    local flags="-O2 -march=native"
    ./configure --with-nogui --enable-x86-64 --enable-avx --enable-evex --enable-amx --enable-all-optimizations \
      --disable-show-ips --disable-docbook CFLAGS="$flags" CXXFLAGS="$flags"
    make -j "$(nproc)"
    cp "$parts/bochs-3.0.patch" is-built
  ) >"$machine/bochs.log" 2>&1 || { tail "$machine/bochs.log" >&2; return 1; }
}

install_missing "${build_packages[@]}" check g++ make patch xz-utils binutils python3 debian-archive-keyring
mkdir -p "$machine"
[ -e "$machine/vmlinuz" ] || fetch
cmp -s "$parts/bochs-3.0.patch" "$patched/is-built" || make_bochs

# ---- the tests ----

programs=()
for name in "${chosen[@]}"; do
  case $name in
    *.onnx | *.onnx@bf16) ;;
    *) programs+=("${name%%@*}") ;;
  esac
done
build_targets="nnopt ${programs[*]}" build "$folder" -DNNOPT_TESTS=ON -DNNOPT_WERROR=ON
gcc -std=c17 -O2 -Wall -Wextra -Werror -static -o "$machine/init" "$parts/init.c"

declare -A files=([/init]=$machine/init [/tests]=$machine/tests)
# add_program FILE: with the libraries that it opens.
add_program() {
  local library
  files[/build/${1#"$folder"/}]=$1
  for library in $(ldd "$1" | grep -o '/[^ ]*'); do files[$library]=$(readlink -f "$library"); done
}
# add_network FILE NAME: with inputs, and the outputs that the reference kernels of this host give.
add_network() {
  local case=$machine/networks/$2 file
  rm -rf "$case"
  mkdir -p "$case/test_data_set_0"
  cp "$1" "$case/model.onnx"
  python3 "$parts/make_inputs.py" "$folder/nnopt" "$case"
  NNOPT_FORCE_REF=1 "$folder/nnopt" run "$case/model.onnx" --data "$case/test_data_set_0" -o "$case/test_data_set_0/" >/dev/null
  for file in "$case/model.onnx" "$case/test_data_set_0"/*; do files[/networks/${file#"$machine/networks/"}]=$file; done
}

# add_run NAME WORD...: a line of the list for each level.
add_run() {
  local name=$1 level
  shift
  for level in ${levels//,/ }; do
    local words=("$name.$level" "$limit" NNOPT_SOURCE=/source NNOPT_BUILD=/build NNOPT=/build/nnopt CK_FORK=no HOME=/tmp
      "NNOPT_CPU_MASK=$level" "NNOPT_TEST_LEVEL=${level_names[$level]}" "$@")
    (IFS=$'\t' && echo "${words[*]}") >>"$machine/tests"
  done
}

: >"$machine/tests"
add_program "$folder/nnopt"
for name in "${chosen[@]}"; do
  program=${name%%@*}
  case $name in
    *.onnx)
      short=$(basename "$name" .onnx)
      add_network "$name" "$short"
      add_run "$short" /build/nnopt test "/networks/$short" --rtol 1e-3 --atol 1e-4
      ;;
    *.onnx@bf16)
      short=$(basename "$name" .onnx@bf16)
      add_network "${name%@bf16}" "$short"
      levels=amx add_run "$short@bf16" /build/nnopt test "/networks/$short" --rtol 0.05 --atol 0.1 --precision bf16
      ;;
    *)
      add_program "$folder/tests/$program"
      part=1/1
      [[ $name = *@* ]] && part=${name##*@}
      add_run "$name" "NNOPT_TEST_PART=$part" "/build/tests/$program"
      ;;
  esac
done
while IFS= read -r file; do files[/source/${file#"$source_dir"/}]=$file; done < <(find "$source_dir/tests/data" -type f)

arguments=()
for path in "${!files[@]}"; do arguments+=("$path=${files[$path]}"); done
symbols=$(python3 "$parts/make_image.py" "$machine/vmlinuz" "$machine/memory" $megabytes "${arguments[@]}")
as --32 $symbols --defsym BLOCK_BYTES=$block_bytes -o "$machine/boot.o" "$parts/boot.S"
ld -m elf_i386 -Ttext 0xffff0000 -e 0xffff0000 --oformat binary -o "$machine/boot" "$machine/boot.o"

# ---- the machine ----

cat >"$machine/bochsrc" <<END
config_interface: textconfig
display_library: nogui
cpu: model=sapphire_rapids, ips=500000000, reset_on_triple_fault=0
memory: guest=$megabytes, host=$megabytes, block_size=$((block_bytes >> 10))
romimage: file=$machine/boot
vgaromimage: file=$machine/boot
optramimage1: file=$machine/memory, address=0
vga: extension=none
pci: enabled=0
com1: enabled=1, mode=file, dev=$machine/console
port_e9_hack: enabled=1
log: $machine/log
panic: action=fatal
error: action=ignore
info: action=ignore
END
say "testing in Bochs: $(wc -l <"$machine/tests") runs"
rm -f "$machine/console"
passed=0 failed=0 ended='' lines=''
while IFS= read -r line; do
  line=${line%$'\r'}
  case $line in
    "@= end "*) ended=yes ;;
    "@= "*)
      read -r _ name verdict seconds <<<"$line"
      if [[ $verdict = passed || $verdict = skipped ]]; then
        passed=$((passed + 1))
      else
        failed=$((failed + 1))
        printf '%s' "$lines"
      fi
      printf '%-44s %-10s %8s s\n' "$name" "$verdict" "$seconds"
      lines=
      ;;
    "@ "*) lines+=${line#@ }$'\n' ;;
  esac
done < <("$patched/bochs" -q -f "$machine/bochsrc" </dev/null 2>/dev/null | tee "$machine/output")
if [ -z "$ended" ]; then
  printf '%sthe emulated machine stopped before the end; the kernel said:\n%s\n' "$lines" \
    "$(tail -n 5 "$machine/console" 2>/dev/null)"
  failed=$((failed + 1))
fi
echo "$passed passed, $failed failed"
[ $failed = 0 ]
