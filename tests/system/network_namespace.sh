# shellcheck shell=bash
# Sets `alone`: what a command is prefixed with, so that it has a loopback and no other network, where that can be made.
# Sourced after scripts/venv.sh, which has `say`.
namespace=(unshare --net)
((EUID == 0)) || namespace+=(--map-root-user)
alone=()
if "${namespace[@]}" ip link set lo up 2>/dev/null; then
  # shellcheck disable=SC2016 # "$@" belongs to the inner shell
  alone=("${namespace[@]}" bash -c 'ip link set lo up && exec "$@"' alone)
else
  say "No network namespace can be made here: what listens on loopback is not shut in."
fi
