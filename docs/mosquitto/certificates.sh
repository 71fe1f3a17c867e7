#!/bin/sh
# One authority of your own, and certificates for a broker or for its users.
#   sh certificates.sh FOLDER broker.school.example 192.168.1.10
#   sh certificates.sh FOLDER --user room-204
#   sh certificates.sh FOLDER --revoke room-204 [SERIAL]
# Makes ca.pem, ca.key and crl.pem in FOLDER, unless they are there, then server.pem and server.key for these names and
# addresses; or room-204.pem and room-204.key, which a client shows besides its password.
# Keep ca.key off the broker and off every room, and bring it back for the next certificate; ca.pem is no secret and goes to
# all of them. Each certificate of a user is also kept as issued/room-204/SERIAL.pem. --revoke puts one on the list crl.pem of
# those that are good no longer, which goes to the broker; where room-204 has several that are good, it says which, and wants
# the serial number of one. It needs ca.key, the folder issued, and revoked.txt, which has who is on the list. Keep these and
# crl.pem with ca.key.
set -eu
usage() {
    sed -n 's/^#   sh /usage: sh /p' "$0" >&2
    exit 2
}
[ $# -ge 2 ] || usage
folder=$1
shift
case $1 in
--user | --revoke)
    [ $# -eq 2 ] || { [ "$1" = --revoke ] && [ $# -eq 3 ]; } || usage
    owner=$2
    case $owner in
    '' | *[!A-Za-z0-9-]* | ca | crl | server)
        echo "error: a user is named with letters, digits and -, and not ca, crl or server" >&2
        exit 2
        ;;
    esac
    ;;
-*) usage ;;
*) owner=server ;;
esac
umask 077
mkdir -p "$folder"
cd "$folder"
authority() { # ARGUMENTS OF openssl ca: for ten years, as the authority itself; a list that has run out lets nobody in
    printf '[ca]\ndefault_ca = a\n[a]\ndatabase = %s\ncertificate = ca.pem\nprivate_key = ca.key\ndefault_md = sha256\n' \
        "$next/revoked.txt" >"$next/ca.cnf"
    openssl ca -config "$next/ca.cnf" "$@"
}
revoked() { # FILE: the serial numbers on a list
    openssl crl -in "$1" -noout -text | sed -n 's/^ *Serial Number: *//p' | sort
}
serial_of() { # FILE
    openssl x509 -in "$1" -noout -serial | cut -d = -f 2
}
keep() { # of a user, the newest certificate under its serial number: its file is moved away for another
    [ "$owner" != server ] && [ -e "$owner.pem" ] || return 0
    mkdir -p "issued/$owner"
    cp "$owner.pem" "issued/$owner/next"
    mv "issued/$owner/next" "issued/$owner/$(serial_of "$owner.pem").pem"
}
is_revoked() { # SERIAL
    [ -e revoked.txt ] && cut -f 4 revoked.txt | grep -qix "$1"
}
to_revoke() { # [SERIAL]: the file of the one that is named, or else of the only one that is good
    good='' late='' done_before='' certificate=''
    count=0
    for file in "issued/$owner"/*.pem; do
        [ -e "$file" ] || fail "there is no certificate of $owner in $folder: run this where it was made"
        serial=$(serial_of "$file")
        if [ -n "${1-}" ]; then continue; fi
        if is_revoked "$serial"; then # the list is made again, as a run before this may have been interrupted
            done_before=$file
            continue
        fi
        if ! openssl x509 -in "$file" -noout -checkend 0 >/dev/null; then
            late="$late
$serial, expired on $(openssl x509 -in "$file" -noout -enddate | cut -d = -f 2)"
            continue
        fi
        count=$((count + 1))
        good="$good
$serial, made $(openssl x509 -in "$file" -noout -startdate | cut -d = -f 2)$(! cmp -s "$file" "$owner.pem" || echo ", now $owner.pem")"
        certificate=$file
    done
    [ $count -lt 2 ] || fail "$owner has $count certificates that are good: add the serial number of the one to be revoked$good$late"
    [ -n "${1-}$certificate$done_before" ] || fail "$owner has no certificate that is good; nothing was changed. Nobody gets in" \
        "with one that has expired: to put it on the list all the same, add its serial number$late"
    [ -z "$late" ] || echo "Not put on the list, as nobody gets in with it:$late"
    certificate=${certificate:-$done_before}
    [ -z "${1-}" ] || certificate="issued/$owner/$(echo "$1" | tr a-f A-F).pem"
    [ -e "$certificate" ] || fail "there is no $certificate in $folder; there is: $(ls "issued/$owner")"
}
# In a folder of its own, and looked at before it takes the place of the other: openssl says nothing of a disk that is full.
list() { # [SERIAL THAT IT MUST HAVE]
    next=revoked.next
    rm -rf "$next"
    mkdir "$next"
    trap 'rm -rf "$next"' EXIT
    if [ -e revoked.txt ]; then cp revoked.txt "$next/"; else : >"$next/revoked.txt"; fi
    if [ -n "${1-}" ] && ! cut -f 4 "$next/revoked.txt" | grep -qix "$1"; then
        authority -revoke "$certificate" || fail "nothing was changed"
    fi
    authority -gencrl -crldays 3650 -out "$next/crl.pem" || fail "nothing was changed"
    openssl crl -in "$next/crl.pem" -noout || fail "the list could not be written: is the disk full? Nothing was changed"
    revoked "$next/crl.pem" >"$next/serials"
    [ -z "${1-}" ] || grep -qix "$1" "$next/serials" || fail "the list would lack $1. Nothing was changed"
    for serial in $([ ! -e crl.pem ] || revoked crl.pem); do
        grep -qix "$serial" "$next/serials" || fail "the new list would lack $serial, which crl.pem has." \
            "Nothing was changed: bring revoked.txt from where crl.pem was made"
    done
    chmod 644 "$next/crl.pem"
    mv "$next/revoked.txt" revoked.txt
    mv "$next/crl.pem" crl.pem
}
fail() {
    echo "error: $*" >&2
    exit 1
}
if [ "$1" = --revoke ]; then
    for file in ca.key ca.pem; do
        [ -e "$file" ] || fail "there is no $file in $folder: run this where the certificate was made"
    done
    [ -e revoked.txt ] || echo "This list begins anew. If there is a revoked.txt beside another copy of ca.key, bring it here" \
        "and run this again, before crl.pem goes to the broker: who was on that list would get in." >&2
    keep
    to_revoke "${3-}"
    list "$(serial_of "$certificate")"
    echo "crl.pem says that $certificate is good no longer: copy it to the broker, and restart it there"
    exit
fi
if [ -e ca.pem ] && [ ! -e ca.key ]; then
    fail "there is a ca.pem in $folder and no ca.key: bring ca.key back from where you keep it. Another authority is one" \
        "that no room knows; for one all the same, move ca.pem and crl.pem away"
fi
if [ -e "$owner.pem" ]; then
    keep
    fail "there is a $owner.pem in $folder: move it and $owner.key away for a new one, and --revoke it if others have it"
fi
if [ ! -e ca.key ]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj "/CN=classroom authority" \
        -addext "keyUsage=critical,keyCertSign,cRLSign" -keyout ca.key -out ca.pem
fi
[ -e crl.pem ] || list
if [ "$owner" = server ]; then
    names=
    for name in "$@"; do
        case $name in
        *[!0-9.]*) kind=DNS ;;
        *) kind=IP ;;
        esac
        case $name in *:*) kind=IP ;; esac
        names="$names${names:+,}$kind:$name"
    done
    common=$1
    printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth\n' "$names" >"$owner.ext"
else
    names="the user $owner"
    common=$owner
    printf 'extendedKeyUsage=clientAuth\n' >"$owner.ext"
fi
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$common" -keyout "$owner.key" -out "$owner.csr"
openssl x509 -req -in "$owner.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 825 -extfile "$owner.ext" \
    -out "$owner.pem"
rm "$owner.csr" "$owner.ext"
chmod 644 ca.pem "$owner.pem"
keep
echo "$owner.pem is for $names, $(openssl x509 -in "$owner.pem" -noout -enddate)"
