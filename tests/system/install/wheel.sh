#!/usr/bin/env bash
# Runs the tests against the wheel instead of the checkout: wheel.sh [PYTHON [ARGUMENTS OF PYTEST...]]
# By default with python3: tests/unit and tests/integration. Nothing of the checkout's edge/ is there.
set -euo pipefail
unset PYTHONPATH
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
case ${1:-} in -h | --help) sed -n '2,3s/^# //p' "$0"; exit 0 ;; esac
python=${1:-python3}
chosen=("${@:2}")
((${#chosen[@]})) || chosen=(tests/unit tests/integration)

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
step() { echo "[${SECONDS}s] $*"; }

step "an environment of $($python --version), with what the tests are locked to"
"$python" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --require-hashes --only-binary :all: -r requirements-test.lock
step "the wheel"
git archive HEAD | tar x --one-top-level="$folder/source"
"$folder/venv/bin/python" -m build --no-isolation --wheel --outdir "$folder" "$folder/source" >"$folder/build.log" ||
  { cat "$folder/build.log" >&2; exit 1; }
"$folder/venv/bin/pip" install --quiet --no-deps --no-index "$folder"/*.whl

# What lies beside the program is read by the tests, and is not installed.
rm -r "$folder/source/edge"
[[ ! -e .venv/portraits ]] || { mkdir "$folder/source/.venv"; cp -r .venv/portraits "$folder/source/.venv/"; }
cd "$folder/source"
PATH=$folder/venv/bin:$PATH:/usr/sbin
where=$(python -c 'import edge; print(edge.__path__[0])')
[[ $where == "$folder"/venv/* ]] || { echo "the tests would find edge in $where" >&2; exit 1; }
step "pytest ${chosen[*]}, edge in $where"
pytest -p no:cacheprovider --numprocesses 4 --dist worksteal "${chosen[@]}"
