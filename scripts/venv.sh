# Sourced by the other scripts: makes .venv and installs stylenet into it, once per version of
# pyproject.toml. Usage: . scripts/venv.sh [EXTRA]
cd "$(dirname "${BASH_SOURCE[0]}")/.."
extra="${1:-}"
stamp=".venv/.installed${extra:+-$extra}"
if [ ! -x .venv/bin/python ]; then
  python="$(command -v python3.13 || command -v python3.12 || command -v python3.11 || command -v python3)" || {
    echo "error: no python3 found; install Python 3.11 or newer" >&2
    exit 2
  }
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "error: $("$python" --version) is too old; install Python 3.11 or newer" >&2
    exit 2
  }
  "$python" -m venv .venv || {
    echo "error: cannot make .venv; on Debian install python3-venv" >&2
    exit 2
  }
fi
if [ ! -e "$stamp" ] || [ pyproject.toml -nt "$stamp" ]; then
  echo "Installing stylenet into .venv (the first time takes some minutes) …"
  .venv/bin/python -m pip install --quiet --disable-pip-version-check -e ".${extra:+[$extra]}"
  touch "$stamp"
fi
