#!/bin/sh
# Ends connections to the broker (ports 1883 and 8883) of clients that do not read what they are sent. Mosquitto 2.0.11 keeps in
# memory what the kernel does not take from it, and has no bound for answers: somebody with one room's password who asks (two
# bytes) and does not read makes it grow by 1.2 MB a second through limits.nft, without an end.
#
#   sh end-unread.sh [FROM-TO]       as root, without an end; seconds between two looks (default: 8-16)
#
# A connection is ended when the kernel's send buffer for it was more than half full at six looks in a row, about a minute. What
# is under way on a line, however long and fast, fills less than half of it: so there was more to send than was taken all that
# time. How many bytes wait there says less: 80 KB or 3 MB in the same attack, as the client likes. The time between two looks
# is random, so that nobody can read just then.
#
# Who is ended connects anew, and has its session. The kernel ends a connection at both ends (ss -K), if it has
# CONFIG_INET_DIAG_DESTROY, which Raspberry Pi OS may not; else limits.nft does it, at the broker's end.
set -eu

LOOKS=6
between=${1:-8-16}

end() { # OURS THEIRS, each as ADDRESS:PORT
    [ -z "$(ss -HKnt state established src "$1" dst "$2")" ] || return 0
    address=${2%:*} port=${2##*:}
    case $address in
    \[*) nft add element inet edge_broker unread6 "{ $(echo "$address" | tr -d '[]') . $port }" ;;
    *) nft add element inet edge_broker unread4 "{ $address . $port }" ;;
    esac
}

full= # a line for each whose buffer was full at the last look: at how many in a row, OURS, THEIRS
while sleep "$(shuf -n 1 -i "$between")"; do
    full=$({
        echo "$full"
        ss -HOmnt state established '( sport = :1883 or sport = :8883 )'
    } | awk '
        { gsub(/%[^:]*/, "") } # [fe80::1]%eth0:8883, which ss says and does not take
        NF == 3 { looks[$2 " " $3] = $1 }
        match($0, /,tb[0-9]+/) {
            size = substr($0, RSTART + 3) + 0 # as numbers: awk would compare them as text
            match($0, /,w[0-9]+/)
            if (2 * substr($0, RSTART + 2) > size) print looks[$3 " " $4] + 1, $3, $4
        }')
    echo "$full" | while read -r looks ours theirs; do
        [ "${looks:-0}" -ge "$LOOKS" ] || continue
        if end "$ours" "$theirs"; then
            echo "$theirs did not read what the broker sends it, and was ended"
        else
            echo "$theirs does not read what the broker sends it, and cannot be ended: is limits.nft loaded?" >&2
        fi
    done
done
