#!/usr/bin/env bash
# Sets everything up and runs what CI runs: ruff, mypy, import-linter and pytest (its arguments are passed on).
# --lowest runs pytest alone, on the lowest version of each dependency that pyproject.toml allows.
set -euo pipefail
. "$(dirname "$0")/venv.sh"
if [ "${1:-}" = --lowest ]; then
  shift
  install_lowest
  venv=.venv-lowest
else
  install_into_venv dev
  venv=.venv
  .venv/bin/ruff check .
  .venv/bin/ruff format --check .
  .venv/bin/mypy
  .venv/bin/lint-imports
fi
# A process a core, each with one thread: more of them would wait for each other.
OMP_NUM_THREADS=1 "$venv/bin/pytest" --numprocesses auto --dist worksteal "$@"
