#!/bin/sh
# Fuzz a reader of untrusted bytes with libFuzzer, the address and the undefined-behaviour sanitizer.
#
#     tests/fuzz/run.sh RUNS [plan_load|frame|stream] [libFuzzer option...]
#
# Starts from tests/fuzz/corpus/TARGET and keeps what it finds in build/fuzz/TARGET.
set -eu

runs=$1
target=${2:-plan_load}
[ $# -le 2 ] && set -- || shift 2

root=$(cd "$(dirname "$0")/../.." && pwd)
out=$root/build/fuzz
mkdir -p "$out/$target"

compile() {
    clang -std=c99 -O2 -g -Wall -Wextra -Werror -pedantic -ffp-contract=off -include assert.h -DPLR_ASSERT=assert \
        '-DPLR_VARIANT_CAPABILITIES=(PLR_CAPABILITY_DSP|PLR_CAPABILITY_MVE|PLR_CAPABILITY_M3|PLR_CAPABILITY_RV32)' \
        -I"$root/runtime_c/include" -I"$root/runtime_c/src" "$@"
}

# The CRC is most of the time and has nothing to find: it goes without instrumentation.
compile -c "$root/runtime_c/src/crc32.c" -o "$out/crc32.o"
compile -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
    $(find "$root/runtime_c/src" -name '*.c' ! -name crc32.c) \
    "$root/tests/fuzz/${target}_fuzzer.c" "$out/crc32.o" -o "$out/${target}_fuzzer"

exec "$out/${target}_fuzzer" -runs="$runs" -max_len=4096 -timeout=10 -print_final_stats=1 -artifact_prefix="$out/" "$@" \
    "$out/$target" "$root/tests/fuzz/corpus/$target"
