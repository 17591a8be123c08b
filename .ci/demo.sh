#!/usr/bin/env bash
# The main job on one shipped instance: solve, then run the plan and compare with the unsplit network.
set -euo pipefail

instance=$1
plan=build/demo/$instance
boards=emulated
command -v qemu-system-arm >/dev/null && command -v arm-none-eabi-gcc >/dev/null || boards=local

say() { printf '\n$ %s\n' "$*"; "$@"; }

say planner solve "$instance" --out "$plan" --time-limit 60
say planner run "$plan" --boards "$boards"
