#!/usr/bin/env bash
# Checks and measures stylenet on a machine with a GPU, torch, torchvision and pytorch-lightning, and without a network.
# Usage: scripts/gpu_check.sh WHEELS EXAMPLES [OUT]
#   WHEELS: a folder of wheels (see scripts/gpu_wheels.txt). EXAMPLES: a checkout of pytorch/examples.
#   OUT: a folder for tests.txt, table.md and table.json (gpu_check). DEVICE=cpu tries the script without a GPU.
# On a GPU it takes eight minutes at most. The exit code is 1 if a test failed or time was up.
set -uo pipefail
if [ $# -lt 2 ]; then
  sed -n '2,6s/^# //p' "$0" >&2
  exit 2
fi
device="${DEVICE:-cuda}" limit=280
[ "$device" = cuda ] || limit=1800  # a trial, of everything that needs no GPU
wheels="$(realpath -- "$1")" examples="$(realpath -- "$2")"
mkdir -p "${3:-gpu_check}" && out="$(realpath -- "${3:-gpu_check}")" || exit 2
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python="${PYTHON:-python3}" site="$(mktemp -d)"
trap 'rm -rf "$site"' EXIT
if ! "$python" -m pip install --quiet --no-index --no-deps --target "$site" "$wheels"/*.whl; then
  echo "error: cannot install the wheels of $wheels; see scripts/gpu_wheels.txt" >&2
  exit 2
fi
export PYTHONPATH="$PWD:$site" STYLENET_CACHE="$site/cache"
failed=0

tests="$(grep -rlE 'mark\.gpu|device: torch\.device' --include='test_*.py' tests)"
timeout 180 "$python" -m pytest -m gpu -p no:cacheprovider $tests 2>&1 | tee "$out/tests.txt" || failed=1

timeout --signal=INT "$limit" "$python" scripts/benchmark_gpu.py "$examples" --device "$device" -o "$out/table.json" |
  tee "$out/table.md" || failed=1
exit $failed
