#!/bin/sh
# One authority of your own, and a certificate for a broker.
#   sh certificates.sh FOLDER broker.school.example 192.168.1.10
# Makes ca.pem and ca.key in FOLDER, unless they are there, then server.pem and server.key for these names and
# addresses. Keep ca.key off the broker and off every room; ca.pem is no secret and goes to all of them.
set -eu
if [ $# -lt 2 ]; then
    echo "usage: sh certificates.sh FOLDER NAME-OR-ADDRESS..." >&2
    exit 2
fi
folder=$1
shift
umask 077
mkdir -p "$folder"
cd "$folder"
if [ -e server.pem ]; then
    echo "error: there is a server.pem in $folder: move it and server.key away for a new one" >&2
    exit 1
fi
if [ ! -e ca.key ]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj "/CN=classroom authority" \
        -addext "keyUsage=critical,keyCertSign,cRLSign" -keyout ca.key -out ca.pem
fi
names=
for name in "$@"; do
    case $name in
    *[!0-9.]*) kind=DNS ;;
    *) kind=IP ;;
    esac
    case $name in *:*) kind=IP ;; esac
    names="$names${names:+,}$kind:$name"
done
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" -keyout server.key -out server.csr
printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth\n' "$names" >server.ext
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 825 -extfile server.ext -out server.pem
rm server.csr server.ext
chmod 644 ca.pem server.pem
echo "server.pem is for $names, $(openssl x509 -in server.pem -noout -enddate)"
