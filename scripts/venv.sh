# Sourced by the other scripts: goes to the repository's root and defines `install_into_venv`.
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Makes .venv and installs stylenet into it, once per version of pyproject.toml.
# Usage: install_into_venv [EXTRA]
install_into_venv() {
  local extra="${1:-}" python="" candidate stamp
  for stamp in .venv/.installed-dev ".venv/.installed${extra:+-$extra}"; do  # dev has it all
    if [ -e "$stamp" ] && [ ! pyproject.toml -nt "$stamp" ]; then
      return
    fi
  done
  if [ ! -x .venv/bin/python ]; then
    for candidate in python3 python3.13 python3.12 python3.11; do
      # Asked, not looked up: version managers leave names on the path that do not run.
      if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python="$candidate"
        break
      fi
    done
    if [ -z "$python" ]; then
      echo "error: no Python 3.11 or newer found; install one" >&2
      exit 2
    fi
    echo "Making .venv with $("$python" --version) …"
    "$python" -m venv .venv || {
      echo "error: cannot make .venv; on Debian install python3-venv" >&2
      exit 2
    }
  fi
  echo "Installing stylenet${extra:+ with what $extra takes} and torch into .venv; the first time takes some minutes …"
  # Not quiet: pip tells each package, and how far its download is.
  .venv/bin/python -m pip install --disable-pip-version-check -e ".${extra:+[$extra]}"
  touch "$stamp"
  echo "Installed in $SECONDS s. For the command stylenet in this shell: . .venv/bin/activate"
}

# Makes .venv-lowest with the lowest version of each dependency, and today's tools to test with.
install_lowest() {
  local stamp=.venv-lowest/.installed lowest=.venv-lowest/lowest.txt
  if [ -e "$stamp" ] && [ ! pyproject.toml -nt "$stamp" ]; then
    return
  fi
  install_into_venv dev
  .venv/bin/python -m pip install --quiet --disable-pip-version-check uv
  .venv/bin/uv venv --quiet --clear --python .venv/bin/python .venv-lowest
  .venv/bin/uv pip compile --quiet --resolution lowest-direct --python .venv-lowest/bin/python \
    --extra deploy --extra hub --extra serve --extra sweep --extra tensorboard --extra video \
    -o "$lowest" pyproject.toml
  .venv/bin/uv pip install --quiet --python .venv-lowest/bin/python \
    --constraint "$lowest" -e '.[dev]'
  touch "$stamp"
}
