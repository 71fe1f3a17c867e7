#!/usr/bin/env bash
# Debian's Prometheus reads a daemon on the sample room: every metric, rule and query of docs/prometheus has to work,
# also while what answers for two other rooms sends far too much; and nothing listens beyond this machine.
#   tests/system/prometheus/check.sh         takes about a minute; fetches the package with apt-get, installs nothing
# The commands of the project's environment have to be on the PATH (./test makes one).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$work"' EXIT
fail() { echo "FAILED: $*" >&2; exit 1; }
ask() { curl -sf --get "http://127.0.0.1:$port/api/v1/$1" "${@:2}"; }

if ! command -v promtool prometheus >/dev/null; then
  (cd "$work" && apt-get download -q prometheus 2>/dev/null >&2 && dpkg -x prometheus_*.deb root)
  PATH=$work/root/usr/bin:$PATH
fi
metrics=9465 port=9466 other=9469
python -m edge run --set camera.source=sample:12 --set window.seconds=2 --set metrics.port=$metrics \
  --set outbox.path="$work/outbox.sqlite" >"$work/edge.log" 2>&1 &
daemon=$!
for _ in {1..60}; do curl -sf "http://127.0.0.1:$metrics/metrics" | grep -q '^edge_faces ' && break || sleep 1; done
curl -sf "http://127.0.0.1:$metrics/metrics" | promtool check metrics
cp docs/prometheus/*.yml "$work"
promtool check config "$work/prometheus.yml"
sed -i 's/scrape_interval: .*/scrape_interval: 1s\n  evaluation_interval: 1s/' "$work/prometheus.yml"
cat >>"$work/prometheus.yml" <<'YML'
      - targets: ["127.0.0.1:9467"]
        labels: {room: room-2}
      - targets: ["127.0.0.1:9468"]
        labels: {room: room-3}
YML
python - <<'PY' &
import gzip, http.server, threading
def serve(port, content):
    packed = gzip.compress(content, 1)
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Encoding", "gzip")
            self.end_headers()
            self.wfile.write(packed)
        def log_message(self, *_): pass
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever).start()
serve(9467, b"# " + b"a" * 500_000_000 + b"\n")  # 2 MB on the wire
serve(9468, b"".join(b'edge_alert{alert="%d"} 1\n' % number for number in range(2000)))  # 50 KB, in 2,000 series
PY
# As Debian's unit starts it: with the ARGS of docs/prometheus.md, and whatever is the default beside them.
mapfile -t arguments < <(sed -n 's/^ARGS="\(.*\)"$/\1/p' docs/prometheus.md)
[[ ${#arguments[@]} == 2 ]] || fail "docs/prometheus.md has ${#arguments[@]} lines with ARGS"
prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/data" --log.level=error "${arguments[0]/9090/$port}" &
prometheus=$!
sleep 20
beyond=$(ss -Hltnp | grep -E "pid=($prometheus|$daemon)," | awk '$4 !~ /^127\.0\.0\.1:/ {print $4}')
[[ -z $beyond ]] || fail "listens beyond this machine: $beyond"
(($(ss -Hltnp | grep -cE "pid=($prometheus|$daemon),") == 2)) || fail "daemon and Prometheus should listen at one address each"
python - "$work" <<'PY'
import json, pathlib, sys, urllib.parse, urllib.request
def ask(path):
    return json.load(urllib.request.urlopen(f"http://127.0.0.1:9466/api/v1/{path}"))["data"]
absent = {"Temperature", "Alerts"}  # this machine tells no temperature, and a daemon that is well has no alert
for panel in json.loads(pathlib.Path("docs/prometheus/grafana.json").read_text())["panels"]:
    for target in panel["targets"]:
        found = ask("query?query=" + urllib.parse.quote(target["expr"]))["result"]
        print(f"{panel['title']}: {len(found)} series")
        if not found and panel["title"] not in absent:
            sys.exit(f"nothing for {target['expr']}")
rules = [rule for group in ask("rules")["groups"] for rule in group["rules"]]
bad = [rule["name"] for rule in rules if rule["health"] != "ok"]
alerts = [(alert["labels"]["room"], rule["name"]) for rule in rules for alert in rule["alerts"]]
firing = [name for room, name in alerts if room == "room-1"]
print(f"{len(rules)} rules, {len(bad)} of them broken, firing: {firing or 'none'}")
others = sorted({alert for alert in alerts if alert[0] != "room-1"})
if others != [("room-2", "EdgeDown"), ("room-3", "EdgeDown")]:
    sys.exit(f"of the rooms that answer with too much: {others}")
sys.exit(bool(bad or firing))
PY
memory=$(awk '/VmHWM/ {print int($2 / 1024)}' "/proc/$prometheus/status")
echo "Prometheus took $memory MB at most"
((memory < 400)) || fail "that is too much for answers that are refused"

# Where Grafana is elsewhere: TLS and a password; and the lines that keep no figures.
# shellcheck disable=SC2016  # of a shell, not for it
blocks() { sed -n '/^```yaml$/,/^```$/p' docs/prometheus.md | grep -v '^```' | sed -n "/$1/,/$2/p"; }
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 \
  -keyout "$work/server.key" -out "$work/server.pem" 2>/dev/null
# shellcheck disable=SC2016
hash='$2b$04$GbbUxOIk7QWMvrJYAj/qc.hIpQ./fIYCGCsM7hemJuDJyCTMclR1a' # of "geheim"
blocks ^tls_server_config 'grafana:' | sed "s|/etc/prometheus|$work|; s|grafana: .*|grafana: $hash|" >"$work/web.yml"
promtool check web-config "$work/web.yml"
blocks metric_relabel_configs 'follow|track|classify' | sed -i '/job_name: edge/r /dev/stdin' "$work/prometheus.yml"
promtool check config "$work/prometheus.yml"
web=${arguments[1]/\/etc\/prometheus/$work}
prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/data-2" --log.level=error "$web" \
  --web.listen-address=127.0.0.1:$other &
sleep 10
ask_other() { curl -sf --cacert "$work/server.pem" --get "https://127.0.0.1:$other/api/v1/query" "$@"; }
! ask_other --data-urlencode query=up 2>/dev/null || fail "no password was asked for"
! curl -sf "http://127.0.0.1:$other/api/v1/query?query=up" 2>/dev/null || fail "it was not encrypted"
ask_other -u grafana:geheim --data-urlencode 'query=edge_mode{room="room-1"} == 1' | grep -q '"room-1"' || fail "no modes"
kept='count by (__name__) ({__name__=~"edge_(faces.*|expression_ratio)"} or edge_stage_duration_seconds_count{stage!="detect"})'
ask_other -u grafana:geheim --data-urlencode "query=$kept" | grep -q '"result":\[\]' || fail "figures were kept"
echo "passed: a password and TLS, and no figures where none are wanted"

kill "$daemon"
sleep 6
ask query --data-urlencode 'query=up{room="room-1"} == 0' | grep -q room-1
echo "passed: and without the daemon up is 0"
