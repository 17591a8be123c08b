#!/usr/bin/env bash
# Install what the emulated boards need besides Python: cross compilers and QEMU. Needs root; else says what to run.
set -euo pipefail

packages=(gcc make python3-venv clang clang-format libclang-rt-dev
    gcc-arm-none-eabi libnewlib-arm-none-eabi gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf
    qemu-system-arm qemu-system-misc)
commands=(gcc make clang clang-format arm-none-eabi-gcc riscv64-unknown-elf-gcc qemu-system-arm qemu-system-riscv32)

missing=()
for command in "${commands[@]}"; do
    command -v "$command" >/dev/null || missing+=("$command")
done
ls "$(clang --print-runtime-dir 2>/dev/null)"/libclang_rt.fuzzer* >/dev/null 2>&1 || missing+=(libclang-rt-dev)
python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
[ ${#missing[@]} -eq 0 ] && exit 0

echo "missing: ${missing[*]}" >&2
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "to have them, run: sudo apt-get install ${packages[*]}" >&2
    exit 1
fi
apt-get update -q >&2
DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${packages[@]}" >&2
