#!/bin/sh
# Users of a broker with dynamic-security.conf: what each may do, and with which client id.
#   sh dynamic-security.sh room-204 PASSWORD OPTIONS...
#   sh dynamic-security.sh --discovery room-204 PASSWORD OPTIONS...
#   sh dynamic-security.sh --KIND NAME CLIENT-ID PASSWORD OPTIONS...
#   sh dynamic-security.sh --password NAME NEW-PASSWORD OPTIONS...
#   sh dynamic-security.sh --remove NAME OPTIONS...
#   sh dynamic-security.sh --save OPTIONS...
# OPTIONS are those of mosquitto_rr (package mosquitto-clients), such as
#   -h broker.school.example -p 8883 --cafile ca.pem -u admin -P ADMIN-PASSWORD
# A room is bound to the client id of its daemon: nobody else can connect with that id, and it cannot leave sessions behind.
# `edge check` has an id of its own, and so the user room-204-check there, with the same rights and password. It has the role
# room-204, and so goes with its room. A NAME-check that has another role is somebody else.
# The others are bound to the id that is given, which their program has to use (--client-id): whoever could choose one could
# leave any number of sessions behind, in each of which the broker keeps what is published. KIND is one of
#   dashboard       reads everything of the rooms: `edge dashboard`, `edge watch`
#   recorder        windows, states, availability and info
#   share-recorder  windows, by a shared subscription only: each further user of recorders that share them (--share)
#   commander       reads everything, and gives commands to the rooms that this script has made
#   homeassistant   the same, of commands only the pause; finds the rooms
#   announcer       info of the rooms, and announces all of them to Home Assistant: `edge announce`
#   monitor         $SYS/#
#   school          at a district's broker: the bridge of a school, whose name is NAME
# At a district's broker put `--prefix +` first, for everybody but schools; where device.prefix is not `classroom`, that one.
# commander and homeassistant take no other than +: they give commands to all rooms or schools of the broker, whatever they read.
# No room announces itself to Home Assistant: an announcement says where commands go, also those for other rooms, and brings
# templates that Home Assistant carries out. `--discovery` gives a room this right, where nobody but you can have its password.
# `--password` gives a user another password, a room's also to its user of `edge check`. Who is connected with the old one is thrown
# out; rights, session and what waits in it stay. Answers and windows that were left at the broker under a room's name are cleared.
# `--remove` throws a user out at once, and clears all that a room may have left at the broker: dashboards and Home Assistant
# then see that it is away. (Not what was left under the name of a school, at a district.)
# Run it on the broker's machine, as root: Mosquitto writes its rules in place, and says nothing where the disk is full, so that
# at its next start nobody may connect. So there has to be room before a change, the rules of before are kept beside this
# script (rules.json.kept), and after the change the file is looked at. `--save` has the broker write its rules again. `--rules FILE`
# before everything else is where they are, if not in /var/lib/mosquitto/rules.json.
# Whenever it makes a user, and with `--save`, it has the broker deliver only what a right allows.
# No rights are `pattern`s: the plugin of Mosquitto 2.0 knows no %u, so each user gets a role of its own.
set -eu
usage() {
    sed -n 's/^#   sh /usage: sh /p' "$0" >&2
    exit 2
}
need() { # CLIENT-ID or PASSWORD: without it the options would be taken for it, such as `localhost` for a password
    case $1 in
    '' | -*)
        echo "error: a client id or the password is missing before the options, is empty, or begins with -" >&2
        usage
        ;;
    *CHANGE-ME*) # as where a line before it has failed: everybody can read it in the files
        echo "error: $1 is a placeholder of the examples: put your own there" >&2
        exit 2
        ;;
    esac
}
prefix=classroom kind=room discovery='' rules=/var/lib/mosquitto/rules.json
while [ $# -gt 1 ]; do
    case $1 in
    --rules) rules=$2 ;;
    --prefix) prefix=$2 ;;
    *) break ;;
    esac
    shift 2
done
case ${1-} in
--dashboard | --recorder | --share-recorder | --commander | --homeassistant | --announcer | --monitor | --school | --password | --remove | --save)
    kind=${1#--}
    shift
    ;;
--discovery)
    discovery=yes
    shift
    ;;
esac
case $kind:${1-} in
save:*) ;;
*:-*) usage ;;
esac
case $kind in
save) least=0 ;;
remove) least=1 ;;
room | password) least=2 ;;
*) least=3 ;;
esac
[ $# -ge $least ] || usage
name=edge-save # of a role for a moment
if [ "$kind" != save ]; then
    name=$1
    shift
fi
case $kind:$prefix in
commander:+ | homeassistant:+ | commander:classroom | homeassistant:classroom) ;;
commander:* | homeassistant:*)
    echo "error: whoever gives commands gives them to all rooms of this broker, not to those below $prefix alone: --prefix +." \
        "At a district, make the commander of one school at the broker of that school" >&2
    exit 2
    ;;
esac
client=edge-$prefix-$name password=''
case $kind in
save | remove | room | password) ;;
*)
    client=$1
    shift
    case $client in
    '' | -)
        echo "error: $name needs a client id, such as edge-$name: without one it could leave any number of sessions behind" >&2
        exit 2
        ;;
    esac
    need "$client"
    ;;
esac
case $kind in
save | remove) ;;
*)
    password=$1
    need "$password"
    shift
    ;;
esac
case $name in
'' | admin | *[!A-Za-z0-9-]*)
    echo "error: a name has letters, digits and - only, and is not admin: $name" >&2
    exit 2
    ;;
esac
case $prefix$client$password in
*[\\\"[:cntrl:]]*)
    echo "error: no prefix, client id or password has quotation marks, backslashes or control characters" >&2
    exit 2
    ;;
esac

done_so_far='nothing was changed'
# shellcheck disable=SC2016 # no variables, but what the broker calls its own topics
ask() { # JSON OPTIONS...: the broker's answer, in $said
    commands=$1
    shift
    if ! said=$(mosquitto_rr -V 5 -q 1 -W 10 "$@" -t '$CONTROL/dynamic-security/v1' \
        -e '$CONTROL/dynamic-security/v1/response' -m "{\"commands\": [$commands]}" 2>&1) || [ -z "$said" ]; then
        echo "${said:-the broker does not answer: is -u its admin, and the plugin loaded?}" >&2
        echo "error: $done_so_far" >&2
        exit 1
    fi
}
known() { # USER OPTIONS: whether the broker has one; $said is what it is
    user=$1
    shift
    ask "{\"command\": \"getClient\", \"username\": \"$user\"}" "$@"
    case $said in
    *'"error":'*) return 1 ;;
    esac
}
has_role() { # NAME: whether the user in $said has this role
    printf '%s\n' "$said" | grep -q "\"rolename\":[[:space:]]*\"$1\""
}
find_user() { # OPTIONS: its client id in $own_client, in $companion its user of `edge check`, if it has one
    companion='' own_client=$client
    # The name alone says nothing: there may be a reader `wall-check` beside a reader `wall`.
    if known "$name-check" "$@" && has_role "$name"; then companion=$name-check; fi
    if known "$name" "$@"; then
        own_client=$(printf '%s\n' "$said" | sed -n 's/.*"clientid":"\([^"]*\)".*/\1/p')
    elif [ "$kind" = password ] || [ -z "$companion" ]; then # else a room that was made half
        echo "error: the broker has no user $name" >&2
        exit 1
    fi
}
kept=$(dirname "$0")/rules.json.kept
whole() { # FILE: whether all brackets are closed, which they are not where the end is missing; jq is no part of a broker
    awk '{ gsub(/"([^"\\]|\\.)*"/, ""); opened = gsub(/[{[]/, ""); all += opened; depth += opened - gsub(/[]}]/, "") }
        END { exit !(all && depth == 0) }' "$1"
}
has() { # NAME: whether the rules have this user
    grep -q "\"username\":[[:space:]]*\"$1\"" "$rules"
}
object() { # PROBLEM: nothing is changed then, unless somebody is thrown out: that cannot wait, and makes the rules shorter
    if [ "$kind" = remove ]; then
        echo "note: $1" >&2
    else
        echo "error: $1; nothing was changed" >&2
        exit 1
    fi
}
disk_is_full() { # sets $free and $least, in KB
    least=$((1024 + 2 * $(wc -c <"$rules") / 1024))
    free=$(df -Pk "$rules" | awk 'NR == 2 { print $4 }')
    [ "$free" -lt $least ]
}
before_change() { # room for what the broker writes, and a copy of what it has written last
    if [ ! -r "$rules" ]; then
        echo "note: no $rules can be read here, so nobody looks whether the broker's disk takes the change: run this there, as root" >&2
        return
    fi
    if disk_is_full; then
        object "$free KB are free for $rules, and $least are needed: make room first"
    fi
    if ! whole "$rules"; then
        echo "note: $rules is cut off; $kept is of before" >&2
    elif ! (umask 077 && cp "$rules" "$kept.new" && mv "$kept.new" "$kept"); then
        object "$kept cannot be written"
    fi
}
after_change() { # yes or no: whether the rules have to have $name now; newer Mosquittos write a moment later
    [ -r "$rules" ] || return 0
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        if has "$name"; then there=yes; else there=no; fi
        if whole "$rules" && [ $there = "$1" ]; then return 0; fi
        sleep 1
    done
    if whole "$rules" && disk_is_full; then # Mosquitto 2.1 writes a new file beside it
        echo "error: the change is not in $rules: the disk is full. It holds until Mosquitto is restarted, and then no longer." >&2
        echo "Make room, and before that run: sh $0 --save OPTIONS..." >&2
    elif whole "$rules"; then
        echo "error: the change is not in $rules: is that the file of this broker? \`--rules FILE\` names another one" >&2
    else
        echo "error: $rules is cut off: is the disk full? Mosquitto goes on, but once it is restarted nobody may connect." >&2
        echo "Make room, and before that run: sh $0 --save OPTIONS... What was there before the change is in $kept" >&2
    fi
    exit 1
}
may() { # TYPE TOPIC: one more right, in $rights
    rights="$rights${rights:+, }{\"acltype\": \"$1\", \"topic\": \"$2\", \"allow\": true}"
}
may_read() { # FILTER
    may subscribePattern "$1"
    may publishClientReceive "$1"
}
role() { # NAME: a command that makes a role of $rights
    made="$made${made:+, }{\"command\": \"createRole\", \"rolename\": \"$1\", \"acls\": [$rights]}"
    rights=''
}
rights='' made='' groups=''
# By default the plugin asks only who subscribes. Whoever takes somebody's session over has its subscriptions, and would read on.
# (As JSON: setDefaultACLAccess of mosquitto_ctrl 2.0.11 changes nothing, and says nothing.)
read_by_right='{"command": "setDefaultACLAccess", "acls": [{"acltype": "publishClientReceive", "allow": false}]}'

if [ "$kind" = save ]; then
    before_change
    ask "$read_by_right" "$@"
    case $said in
    *'"error":'*)
        echo "$said" >&2
        echo "error: who may receive what could not be set; nothing was changed" >&2
        exit 1
        ;;
    esac
    ask "{\"command\": \"createRole\", \"rolename\": \"$name\"}, {\"command\": \"deleteRole\", \"rolename\": \"$name\"}" "$@"
    after_change no
    exit
fi

# All that a room may write, and what is cleared when it goes: each of these it may retain, and nobody else may take that away.
retained='availability info state latest health alerts alert/camera alert/check alert/config alert/disk alert/hardware
    alert/masks alert/outbox alert/picture'
# No daemon retains these. An old answer that somebody else has left would be taken for that to the next command.
passing='window cmd/health/response cmd/interval/response cmd/pause/response cmd/reload/response cmd/resume/response'
stand_in() { # USER CLIENT-ID: a command that makes a user of $name's rights, whose password nobody has
    echo "{\"command\": \"createClient\", \"username\": \"$1\", \"password\": \"$password\", \"roles\": \
[{\"rolename\": \"$name\"}], \"clientid\": \"$2\"}"
}
end_session() { # USER CLIENT-ID OPTIONS: connects once as a stand-in, and says goodbye
    # That takes back a will with a delay: as long as one of 136 years is first in its list, Mosquitto sends none of any room.
    set -- "$@" -V 5 -q 1 -i "$2" -u "$1" -P "$password" -t "$prefix/$name/availability" -m offline
    shift 2
    mosquitto_pub "$@" >/dev/null 2>&1 || true # a reader may not say so
}
clear_topics() { # TOPICS USER CLIENT-ID OPTIONS: those of the room $name, as a user of it that has $password
    topics=$1 by=$2 by_client=$3 problem=''
    shift 3
    for topic in $topics; do # mosquitto_pub only says it where the broker refuses the message
        said=$(mosquitto_pub "$@" -V 5 -q 1 -i "$by_client" -u "$by" -P "$password" -r -n -t "$prefix/$name/$topic" 2>&1) &&
            [ -z "$said" ] || problem=${said:-no reason given}
    done
    [ -z "$problem" ] || echo "note: not all that was left of $name at the broker could be cleared: $problem" >&2
}
clear_room() { # OPTIONS: what the room $name has left, as its stand-in
    # Who is connected hears `offline`; an empty one says nothing to them.
    mosquitto_pub "$@" -V 5 -q 1 -i "$client" -u "$name" -P "$password" -r -t "$prefix/$name/availability" -m offline \
        >/dev/null 2>&1 || true
    # Only a room that was made with --discovery may; where it may not, there is nothing.
    mosquitto_pub "$@" -V 5 -q 1 -i "$client" -u "$name" -P "$password" -r -n \
        -t "homeassistant/device/${prefix}_$name/config" >/dev/null 2>&1 || true
    clear_topics "$retained $passing" "$name" "$client" "$@"
}
if [ "$kind" = remove ]; then
    find_user "$@"
    room=${name%-check}
    if [ "$room" != "$name" ] && has_role "$room"; then # $said is of $name, as it has no companion
        echo "error: $name is the user of $room for \`edge check\`, and goes with it: --remove $room" >&2
        exit 1
    fi
    before_change
    done_so_far='not all is known to be done: run this again'
    password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    thrown_out="{\"command\": \"deleteClient\", \"username\": \"$name\"}" stand_ins=$(stand_in "$name" "$own_client")
    if [ "$companion" ]; then
        thrown_out="$thrown_out, {\"command\": \"deleteClient\", \"username\": \"$companion\"}"
        stand_ins="$stand_ins, $(stand_in "$companion" "$own_client-check")"
    fi
    # In one message: the user is there until the rest is done, so that this can be run again.
    ask "$thrown_out, $stand_ins" "$@"
    if [ "$companion" ]; then
        end_session "$companion" "$own_client-check" "$@" # before: its will may leave something, too
    fi
    if [ "$own_client" = "$client" ]; then # a room
        clear_room "$@"
    else
        end_session "$name" "$own_client" "$@"
    fi
    # In this order, a role only when nobody has it any more: Mosquitto 2.0.11 dies of one that a group still has.
    made=$thrown_out
    for group in commanders/commands pausers/pause; do
        made="$made, {\"command\": \"removeGroupRole\", \"groupname\": \"${group%/*}\", \"rolename\": \"$name/${group#*/}\"}"
    done
    for each in "$name/commands" "$name/pause" "$name"; do
        made="$made, {\"command\": \"deleteRole\", \"rolename\": \"$each\"}"
    done
    ask "$made" "$@"
    after_change no
    exit
fi

if [ "$kind" = password ]; then
    find_user "$@"
    for each in "$name" $companion; do
        made="$made${made:+, }{\"command\": \"setClientPassword\", \"username\": \"$each\", \"password\": \"$password\"}"
    done
    before_change
    ask "$made" "$@"
    case $said in
    *'"error":'*)
        echo "$said" >&2
        echo "error: not all is known to be done: run this again" >&2
        exit 1
        ;;
    esac
    after_change yes
    # As its user of `edge check`: the daemon stays connected, and its session as it is. What it retains, it says anew itself.
    if [ "$companion" ] && [ "$own_client" = "$client" ]; then
        clear_topics "$passing" "$companion" "$client-check" "$@"
    fi
    exit
fi

case $kind in
room)
    # Exactly these filters: whoever may choose some makes the broker look through all that it keeps, or keep thousands. And
    # nothing that a room says itself: of that it could leave as much unread, or unacknowledged, as it likes. The same goes for
    # what is retained, each time that it asks for it: when Home Assistant has started, only who announces itself needs to know.
    may subscribeLiteral "$prefix/$name/cmd/+"
    may publishClientReceive "$prefix/$name/cmd/+"
    if [ "$discovery" ]; then
        may publishClientSend "homeassistant/device/${prefix}_$name/config"
        may subscribeLiteral homeassistant/status
        may publishClientReceive homeassistant/status
    fi
    ;;
recorder)
    for topic in window state availability info; do may_read "$prefix/+/$topic"; done
    ;;
share-recorder)
    # A share has a name that only its recorders know. Whoever has such a password may put any number of shares into its
    # session, and each of them brings each window once more: so no other recorder has this right.
    may subscribePattern "\$share/+/$prefix/+/window"
    may publishClientReceive "$prefix/+/window"
    ;;
dashboard | commander | homeassistant) may_read "$prefix/#" ;;
announcer)
    may_read "$prefix/+/info"
    may_read 'homeassistant/device/+/config'
    may publishClientSend 'homeassistant/device/+/config'
    ;;
monitor) may_read "\$SYS/#" ;;
school)
    may subscribeLiteral "$name/+/cmd/+"
    may publishClientReceive "$name/+/cmd/+"
    ;;
esac
case $kind in
room) speaker=$prefix/$name ;;
school)
    speaker=$name/+
    may publishClientSend "$name/bridge/link"
    ;;
commander) groups='{"groupname": "commanders"}' ;;
homeassistant)
    groups='{"groupname": "pausers"}'
    may_read 'homeassistant/#'
    may publishClientSend homeassistant/status
    ;;
esac
if [ "${speaker-}" ]; then
    for topic in $retained $passing; do may publishClientSend "$speaker/$topic"; done
fi
role "$name"
if [ "${speaker-}" ]; then
    # Commands are given to rooms that there are, and by their names: a message may be retained under each.
    for topic in health interval pause reload resume; do may publishClientSend "$speaker/cmd/$topic"; done
    role "$name/commands"
    may publishClientSend "$speaker/cmd/pause"
    role "$name/pause"
fi
user() { # NAME CLIENT-ID: a command that makes a user with the role of $name
    made="$made${made:+, }{\"command\": \"createClient\", \"username\": \"$1\", \"password\": \"$password\", \"roles\": [{\"rolename\": \
\"$name\"}], \"groups\": [$groups], \"clientid\": \"$2\"}"
}
require_taken() { # of the commands in $made
    case $said in
    *'"error":'*)
        echo "$said" >&2
        echo "error: the user is not complete: is there one of this name? \`--remove $name\` takes it away" >&2
        exit 1
        ;;
    esac
}
companion=''
if [ "$kind" = room ]; then companion=$name-check; fi
# Before anything is made: what is made half would have the rights of the one that is there. jq is no part of a broker,
# so each is asked for by itself: an answer without an error is one that is there.
for each in "$name" $companion; do
    if known "$each" "$@"; then
        echo "error: there is a user $each already; nothing was changed. \`--remove NAME\` takes one away" >&2
        exit 1
    fi
done
before_change
# Those that are there already are errors of no matter.
ask '{"command": "createGroup", "groupname": "commanders"}, {"command": "createGroup", "groupname": "pausers"}' "$@"
if [ "$companion" ]; then
    user "$companion" "$client-check"
    ask "$read_by_right, $made" "$@"
    require_taken
    made='' done_so_far="the user is not complete: \`--remove $name\` takes it away"
    # What one of that name has left that was removed by an earlier version of this script, or from an access list. Before the
    # room itself may connect, which may know its password already, and says it is there.
    clear_topics "$retained $passing" "$companion" "$client-check" "$@"
fi
user "$name" "$client"
if [ "${speaker-}" ]; then
    for group in commanders/commands pausers/pause; do
        made="$made, {\"command\": \"addGroupRole\", \"groupname\": \"${group%/*}\", \"rolename\": \"$name/${group#*/}\"}"
    done
fi
ask "$read_by_right, $made" "$@"
require_taken
after_change yes
