#!/usr/bin/env bash
# Sets everything up and trains a style: scripts/train.sh style=starry_night
set -euo pipefail
. "$(dirname "$0")/venv.sh"
install_into_venv
exec .venv/bin/python -m stylenet.train "$@"
