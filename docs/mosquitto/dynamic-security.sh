#!/bin/sh
# A room as a user of Mosquitto's dynamic security plugin, bound to the client id of its daemon: nobody else can connect
# with that id, and so push the room off the broker.
#   sh dynamic-security.sh room-204 PASSWORD OPTIONS-OF-MOSQUITTO_CTRL...
#   sh dynamic-security.sh --reader recorder CLIENT-ID PASSWORD OPTIONS-OF-MOSQUITTO_CTRL...
# such as: sh dynamic-security.sh room-204 secret -u admin -P admin-secret --cafile ca.pem -h broker.school.example -p 8883
# A reader may read all rooms, and is bound to the id that is given. The rights of a room are those of a room in school.acl. The plugin of Mosquitto 2.0 knows no %u: each room gets a role of its own.
set -eu
reader='' least=3
if [ "${1-}" = --reader ]; then
    reader=yes least=4
    shift
fi
if [ $# -lt $least ]; then
    echo "usage: sh dynamic-security.sh ROOM PASSWORD OPTIONS-OF-MOSQUITTO_CTRL..." >&2
    echo "       sh dynamic-security.sh --reader NAME CLIENT-ID PASSWORD OPTIONS-OF-MOSQUITTO_CTRL..." >&2
    exit 2
fi
room=$1
shift
if [ -n "$reader" ]; then
    client=$1
    shift
else
    client=edge-classroom-$room
fi
password=$1
shift
case $room in
*[!A-Za-z0-9-]*)
    echo "error: a name has letters, digits and - only" >&2
    exit 2
    ;;
esac
dynsec() { # COMMAND...: what it says is shown only when it fails
    # shellcheck disable=SC2086 # options, separated by spaces
    if ! said=$(mosquitto_ctrl $options dynsec "$@" 2>&1) || [ "${said##*Error: }" != "$said" ]; then
        echo "$said" >&2
        echo "error: mosquitto_ctrl dynsec $1 failed; the room is not complete" >&2
        exit 1
    fi
}
allow() { # TYPE TOPIC: one right of the room's role
    dynsec addRoleACL "$room" "$1" "$2" allow
    rights=$((rights + 1))
}
incomplete() {
    echo "$said" >&2
    echo "error: the broker has not made all of $room: is it running, and was memory.conf removed?" >&2
    exit 1
}
options=$* rights=0

# mosquitto_ctrl says nothing and ends with 0 also where the broker does not answer: what was made is asked for.
dynsec createRole "$room"
dynsec getRole "$room"
echo "$said" | grep -q "Rolename: $room" || incomplete
if [ -n "$reader" ]; then
    allow subscribePattern 'classroom/#'
    allow publishClientReceive 'classroom/#'
else
    for topic in availability info state window latest health alerts \
        alert/camera alert/check alert/config alert/disk alert/hardware alert/masks alert/outbox alert/picture \
        cmd/health/response cmd/interval/response cmd/pause/response cmd/reload/response cmd/resume/response; do
        allow publishClientSend "classroom/$room/$topic"
    done
    allow publishClientSend "homeassistant/device/classroom_$room/config"
    for topic in "classroom/$room/cmd/+" "classroom/$room/alert/+" homeassistant/status; do
        allow subscribePattern "$topic"
        allow publishClientReceive "$topic"
    done
fi
dynsec createClient "$room" -c "$client" -p "$password"
dynsec addClientRole "$room" "$room"

dynsec getRole "$room"
if [ "$(echo "$said" | grep -c ' : ')" -lt "$rights" ]; then incomplete; fi
dynsec getClient "$room"
echo "$said" | grep -q "Roles: *$room" || incomplete
