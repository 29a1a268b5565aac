#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Makes a fresh Debian or Ubuntu machine ready: system packages, a virtual environment in .venv, Python packages at
# the versions of constraints.txt. Run by make; safe to run again.
#
#   tools/setup.sh demo    what the demo needs
#   tools/setup.sh test    what the tests need as well

set -euo pipefail
cd "$(dirname "$0")/.."
purpose=${1:?usage: tools/setup.sh demo|test}

# Two makes at once would write one virtual environment together: the second waits.
exec 9<tools/setup.sh
flock 9

# command -> Debian package that brings it
declare -A package_of=(
  [arm-none-eabi-gcc]="gcc-arm-none-eabi"
  [qemu-system-arm]="qemu-system-arm"
  [espeak-ng]="espeak-ng"
  [cc]="build-essential"
)
if [ "$purpose" = test ]; then
  package_of[cmake]="cmake"
  package_of[arm-none-eabi-g++]="libstdc++-arm-none-eabi-newlib"
fi

missing=()
for command in "${!package_of[@]}"; do
  command -v "$command" >/dev/null 2>&1 || missing+=("${package_of[$command]}")
done
# Headers without a command of their own: newlib's, and Python's bundled pip where Debian splits it off.
[ -e /usr/lib/arm-none-eabi/include/string.h ] || [ -e /usr/include/newlib/string.h ] || missing+=("libnewlib-arm-none-eabi")
if [ "$purpose" = test ] && ! find /usr/include/newlib /usr/lib/arm-none-eabi/include -path '*c++*' -name cstdint -print -quit 2>/dev/null | grep -q .; then
  missing+=("libstdc++-arm-none-eabi-newlib")
fi
python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=("python3-venv")

if [ ${#missing[@]} -gt 0 ]; then
  mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
  install="apt-get install -y --no-install-recommends ${missing[*]}"
  if ! command -v apt-get >/dev/null 2>&1; then
    echo "error: missing system packages (Debian names): ${missing[*]}; install them and run again" >&2
    exit 1
  fi
  as_root=""
  if [ "$(id -u)" -ne 0 ]; then
    if sudo -n true 2>/dev/null; then
      as_root="sudo"
    else
      echo "error: missing system packages; type this line, then run again:" >&2
      echo "  sudo $install" >&2
      exit 1
    fi
  fi
  echo "setup: installing ${missing[*]}"
  $as_root apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $as_root $install >/dev/null
fi

python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
  echo "error: Python 3.11 or later is needed, this is $(python3 --version)" >&2
  exit 1
}

extra=judges
[ "$purpose" = test ] && extra=test
wanted=$(cat pyproject.toml constraints.txt tools/setup.sh | sha256sum | cut -d' ' -f1)
stamp=.venv/ready-$extra
if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
  [ -x .venv/bin/python ] || python3 -m venv .venv
  echo "setup: installing Python packages into .venv"
  .venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[$extra]"
  echo "$wanted" >"$stamp"
fi

# The profiler's plugin for QEMU is compiled once; `subbyte profile` would do it at its first use.
.venv/bin/python -m toolchain.device.profile.plugin >/dev/null
