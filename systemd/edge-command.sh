#!/bin/sh
# The `edge` command for the service, installed by systemd/install.sh:
#   sudo edge pause          for edge.service, with /etc/edge/config.yaml
#   sudo edge @hall pause    for edge@hall.service, with /etc/edge/hall.yaml
#   sudo edge upgrade NEW.deb           for all of them; the Debian package only
#   sudo edge access list    for edge-dashboard.service, with its list of tokens
# Commands about a service run as its own user, with its files, password and networks. So `check` sees what the service
# sees, and root never writes where another user may have placed a symbolic link.
set -eu
edge=/opt/edge/.venv/bin/edge etc=/etc/edge
unit=edge.service config=$etc/config.yaml secrets=$etc/config.env password=$etc/mqtt-password folder=edge-setup
case ${1-} in
  @?*)
    name=${1#@}
    shift
    unit=edge@$name.service config=$etc/$name.yaml secrets=$etc/$name.env password=$etc/$name.mqtt-password
    folder=edge-setup-$name
    ;;
esac
command=${1-} terminal=--pipe pages=/var/lib/edge-dashboard
case $command in
  access) # of the service's own list; another file is the caller's
    case " $* " in
      *[\ =]"$pages"/*) ;;
      *' --file'* | *' -h'* | *' --help'*) exec "$edge" "$@" ;;
      *) set -- "$@" --file "$pages/access.yaml" ;;
    esac
    unit=edge-dashboard.service secrets=$etc/dashboard.env
    ;;
  delete) # of the service's own recording; any other is the caller's
    case " $* " in *[\ =]"$pages"/*) ;; *) exec "$edge" "$@" ;; esac
    case " $* " in *' --by'*) ;; *) set -- "$@" --by "${SUDO_USER:-root}" ;; esac
    unit=edge-dashboard.service secrets=$etc/dashboard.env
    [ ! -t 0 ] || terminal=--pty # it asks before it deletes
    ;;
  upgrade)
    shift
    if [ ! -x "${edge%/*}/upgrade" ]; then
      echo "edge: upgrade is for the Debian package; here: git pull && sudo systemd/install.sh" >&2
      exit 2
    fi
    exec "${edge%/*}/upgrade" "$@"
    ;;
  check | masks | pause | resume | unregister | support) shift ;;
  setup | preview) shift; [ ! -t 0 ] || terminal=--pty ;; # so that Ctrl-C, or a closed SSH session, ends it
  run | watch | image | dashboard | record | announce) shift; exec "$edge" "$command" --config "$config" "$@" ;;
  *) exec "$edge" "$@" ;;
esac
if [ "$(id -u)" != 0 ]; then
  echo "edge: $command is about the service: it needs root (sudo edge $command)" >&2
  exit 1
elif [ ! -e "$config" ] && { [ "$command" != pause ] || ! systemctl -q is-active "$unit"; }; then # a daemon that runs has read one
  echo "edge: there is no $config" >&2
  exit 78
fi

as_service() { # ARGUMENTS of systemd-run and of edge
  for name in User StateDirectory SupplementaryGroups IPAddressDeny IPAddressAllow; do
    set -- -p "$name=$(systemctl show -P "$name" "$unit")" "$@"
  done
  systemd-run --quiet --collect --wait $terminal --service-type=exec \
    -p DynamicUser=yes -p StateDirectoryMode=0700 -p UMask=0077 -p EnvironmentFile=-"$secrets" \
    -p LimitCORE=0 -p LimitMEMLOCK=infinity -p MemorySwapMax=0 \
    -p LoadCredential=mqtt-password:"$password" -p SetCredential='mqtt-password:\n' "$@"
}

# As root, with the settings of the service, and able to write in one folder only, whatever the page handed over;
# MemoryMax= in case a file is found that takes more memory than the loader of the configuration foresees.
install_result() {
  systemd-run --quiet --collect --wait --pipe --service-type=exec -p EnvironmentFile=-"$secrets" -p UMask=0077 \
    -p ProtectSystem=strict -p ReadWritePaths="$etc" -p ProtectHome=yes -p PrivateTmp=yes -p PrivateNetwork=yes \
    -p MemoryMax=500M -p MemorySwapMax=0 -p NoNewPrivileges=yes \
    -p CapabilityBoundingSet='CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_CHOWN CAP_FOWNER' \
    -- "$edge" setup --install-from "$1" --config "$config" --password-to "$password"
}

case $command in
  setup | preview) ;;
  access | delete)
    if ! systemctl -q cat "$unit" >/dev/null 2>&1; then
      echo "edge: $unit is not installed: sudo systemd/install.sh --pages" >&2
      exit 78
    fi
    as_service -- "$edge" "$@"
    exit
    ;;
  support) # its user may write nowhere: whoever calls says where to
    if [ -t 1 ]; then
      echo "edge: say where it goes: sudo edge support > support.txt" >&2
      exit 2
    fi
    as_service -p SupplementaryGroups=systemd-journal -- "$edge" support --config "$config" --unit "$unit" --output - "$@"
    exit
    ;;
  *) as_service -- "$edge" "$command" --config "$config" "$@"; exit ;;
esac

# The page may write here, and nothing else of it is kept. /run and /run/private belong to root.
result=/run/private/$folder
clean_up() { rm -rf "$result" "/run/$folder"; }
clean_up
trap clean_up EXIT
trap 'exit 129' HUP; trap 'exit 130' INT; trap 'exit 143' TERM # dash runs the trap of EXIT only then
status=0
as_service -p RuntimeDirectory="$folder" -p RuntimeDirectoryMode=0700 -p RuntimeDirectoryPreserve=yes \
  -- "$edge" setup --config "$config" --hand-over "/run/$folder" "$@" || status=$?
[ -e "$result/config.yaml" ] || exit $status
install_result "$result"
if [ ! -e "$result/restart" ]; then
  echo "To use it: sudo systemctl restart ${unit%.service}"
elif systemctl -q is-enabled "$unit" || systemctl -q is-active "$unit"; then
  systemctl restart "$unit"
  echo "$unit is restarted."
else
  echo "To start it, now and at every boot: sudo systemctl enable --now ${unit%.service}"
fi
