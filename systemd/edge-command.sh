#!/bin/sh
# The `edge` command for the service, installed by systemd/install.sh:
#   sudo edge pause          for edge.service, with /etc/edge/config.yaml
#   sudo edge @hall pause    for edge@hall.service, with /etc/edge/hall.yaml
# Commands about a service run as its own user, with its files, password and networks. So `check` sees what the service
# sees, and root never writes where another user may have placed a symbolic link.
set -eu
edge=/opt/edge/.venv/bin/edge
unit=edge.service config=/etc/edge/config.yaml secrets=/etc/edge/config.env password=/etc/edge/mqtt-password
case ${1-} in
  @?*)
    name=${1#@}
    shift
    unit=edge@$name.service config=/etc/edge/$name.yaml secrets=/etc/edge/$name.env password=/etc/edge/$name.mqtt-password
    ;;
esac
command=${1-} terminal=--pipe
case $command in
  check | masks | pause | resume | unregister) shift ;;
  preview) shift; [ ! -t 0 ] || terminal=--pty ;; # so that Ctrl-C, or a closed SSH session, ends it
  run | watch | image | dashboard | record) shift; exec "$edge" "$command" --config "$config" "$@" ;;
  *) exec "$edge" "$@" ;;
esac
if [ "$(id -u)" != 0 ]; then
  echo "edge: $command is about the service: it needs root (sudo edge $command)" >&2
  exit 1
elif [ ! -e "$config" ]; then
  echo "edge: there is no $config" >&2
  exit 78
fi
set -- -- "$edge" "$command" --config "$config" "$@"
for name in User StateDirectory SupplementaryGroups IPAddressDeny IPAddressAllow; do
  set -- -p "$name=$(systemctl show -P "$name" "$unit")" "$@"
done
exec systemd-run --quiet --collect --wait $terminal --service-type=exec \
  -p DynamicUser=yes -p StateDirectoryMode=0700 -p UMask=0077 -p EnvironmentFile=-"$secrets" \
  -p LoadCredential=mqtt-password:"$password" -p SetCredential='mqtt-password:\n' "$@"
