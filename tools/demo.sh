#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The main job from end to end: speech -> features -> network -> ONNX -> TFLite and C -> firmware -> emulated Cortex-M4.
# Each step is one `subbyte` command, shown before it runs; everything it makes lies in runs/demo and build/demo.
#
#   DATA   folder in Speech Commands layout (default: the real data beside the checkout, else a synthetic corpus)
#   BOARD  an emulated board (default mps2-an386, a Cortex-M4)

set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"

board=${BOARD:-mps2-an386}
run=runs/demo
real=../shared/data/speech_commands_v0.01
started=$SECONDS

step() {
  printf '\n\033[1m== %s\033[0m\n' "$1"
}
show() {
  printf '$ %s\n' "$*"
  "$@"
}

if [ -z "${DATA:-}" ]; then
  DATA=$real
  [ -d "$DATA" ] || DATA=corpora/synth
fi
if [ "$DATA" = corpora/synth ]; then
  step "1  Speech: a synthetic corpus by espeak-ng (no download)"
  [ -d "$DATA" ] || show subbyte data synth -o "$DATA"
  epochs=(--epochs 10 --qat-epochs 2)
else
  step "1  Speech: $DATA"
  epochs=(--epochs 6 --qat-epochs 2)
fi
show subbyte data info "$DATA"

step "2  Train DS-CNN S: float, then 8-bit quantisation-aware"
rm -rf "$run"
show subbyte train ds_cnn_s --data "$DATA" -o "$run" "${epochs[@]}"

step "3  Export: ONNX -> integer Graph -> TFLite Micro"
show subbyte export "$run"

step "4  Size and operations, before flashing"
show subbyte report "$run" --board "$board" --html "$run/report.html"

step "5  The same bytes from every judge"
show subbyte verify "$run" --board "$board" --data "$DATA" --samples 20

step "6  Accuracy of the generated C, from audio samples"
show subbyte eval "$run" --data "$DATA"

step "7  Budget, firmware, emulated Cortex-M4"
show subbyte flash "$run" --board "$board" --budget tools/demo-budget.toml

minutes=$(((SECONDS - started + 59) / 60))
printf '\nDone in %d min. The network: %s; its size report: %s\n' "$minutes" "$run/model.onnx" "$run/report.html"
