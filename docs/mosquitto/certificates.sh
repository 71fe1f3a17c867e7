#!/bin/sh
# One authority of your own, and certificates for a broker or for its users.
#   sh certificates.sh FOLDER broker.school.example 192.168.1.10
#   sh certificates.sh FOLDER --user room-204
# Makes ca.pem and ca.key in FOLDER, unless they are there, then server.pem and server.key for these names and
# addresses; or room-204.pem and room-204.key, with which a client is the user room-204. Keep ca.key off the broker and
# off every room; ca.pem is no secret and goes to all of them.
set -eu
if [ $# -lt 2 ] || { [ "$2" = --user ] && [ $# -ne 3 ]; }; then
    echo "usage: sh certificates.sh FOLDER NAME-OR-ADDRESS...  or  sh certificates.sh FOLDER --user NAME" >&2
    exit 2
fi
folder=$1
shift
case $1 in
--user)
    owner=$2
    case $owner in
    *[!A-Za-z0-9-]* | ca | server)
        echo "error: a user is named with letters, digits and -, and not ca or server" >&2
        exit 2
        ;;
    esac
    ;;
*) owner=server ;;
esac
umask 077
mkdir -p "$folder"
cd "$folder"
if [ -e "$owner.pem" ]; then
    echo "error: there is a $owner.pem in $folder: move it and $owner.key away for a new one" >&2
    exit 1
fi
if [ ! -e ca.key ]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj "/CN=classroom authority" \
        -addext "keyUsage=critical,keyCertSign,cRLSign" -keyout ca.key -out ca.pem
fi
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
    common=$owner # which is whom Mosquitto takes the client for (use_identity_as_username)
    printf 'extendedKeyUsage=clientAuth\n' >"$owner.ext"
fi
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$common" -keyout "$owner.key" -out "$owner.csr"
openssl x509 -req -in "$owner.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 825 -extfile "$owner.ext" \
    -out "$owner.pem"
rm "$owner.csr" "$owner.ext"
chmod 644 ca.pem "$owner.pem"
echo "$owner.pem is for $names, $(openssl x509 -in "$owner.pem" -noout -enddate)"
