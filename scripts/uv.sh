# shellcheck shell=bash
# Sourced: what resolves for other platforms than this one. Where it is not installed it comes from PyPI, for this call only.
if ! command -v uv >/dev/null; then
  uv_folder=$(mktemp -d)
  trap 'rm -rf "$uv_folder"' EXIT
  python3 -m venv "$uv_folder"
  PIP_USER=0 "$uv_folder/bin/pip" install --quiet uv
  PATH="$uv_folder/bin:$PATH"
fi
