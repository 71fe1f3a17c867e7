#!/usr/bin/env bash
# Builds and checks all that a release consists of, into dist/: sdist, wheel, packages of Debian, what is in them, checksums.
#   scripts/release.sh [--no-deb] [--image]    from a clean checkout; docs/release.md says what comes before and after
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
deb=yes image=''
for option in "$@"; do
  case $option in
    --no-deb) deb='' ;;
    --image) image=yes ;;
    *) sed -n '2,3s/^# //p' "$0" >&2; exit 2 ;;
  esac
done
[[ -n $deb || -z $image ]] || { echo "error: the image is made of the package: --image without --no-deb" >&2; exit 2; }
[[ -z $(git status --porcelain) ]] || { echo "error: commit first: a release is of a commit" >&2; exit 1; }
version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' edge/__init__.py)
grep -q "^## $version" CHANGELOG.md || { echo "error: CHANGELOG.md has no section '## $version'" >&2; exit 1; }
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH

tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
python3 -m venv "$tools"
"$tools/bin/pip" install -q 'build==1.6.*' 'twine==7.*' 'cyclonedx-bom==7.*'
PATH=$tools/bin:$PATH
rm -rf dist

python -m build --outdir dist .
python -m build --outdir "$tools/again" .
for built in "$tools"/again/*; do
  cmp "$built" "dist/$(basename "$built")" || { echo "error: two builds of one commit differ" >&2; exit 1; }
done
twine check --strict dist/*
# What a device gets: the packages of the lock, each with its hashes.
cyclonedx-py requirements requirements-broker.lock --pyproject pyproject.toml --output-reproducible --validate \
  -o "dist/edge_emotions-$version.cdx.json"
if [[ -n $deb ]]; then
  for suite in bookworm trixie; do scripts/package.sh "$suite"; done
fi
if [[ -n $image ]]; then scripts/image.sh; fi
(cd dist && sha256sum -- * >SHA256SUMS)
ls -l dist
