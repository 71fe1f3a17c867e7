#!/usr/bin/env bash
# Debian's Prometheus reads a daemon on the sample room: every metric, rule and query of docs/prometheus has to work.
#   tests/system/prometheus/check.sh         takes about a minute; fetches the package with apt-get, installs nothing
# The commands of the project's environment have to be on the PATH (./test makes one).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$work"' EXIT
ask() { curl -sf --get "http://127.0.0.1:$port/api/v1/$1" "${@:2}"; }

if ! command -v promtool prometheus >/dev/null; then
  (cd "$work" && apt-get download -q prometheus 2>/dev/null >&2 && dpkg -x prometheus_*.deb root)
  PATH=$work/root/usr/bin:$PATH
fi
metrics=9465 port=9466
python -m edge run --set camera.source=sample:12 --set window.seconds=2 --set metrics.port=$metrics \
  --set outbox.path="$work/outbox.sqlite" >"$work/edge.log" 2>&1 &
for _ in {1..60}; do curl -sf "http://127.0.0.1:$metrics/metrics" | grep -q '^edge_faces ' && break || sleep 1; done
curl -sf "http://127.0.0.1:$metrics/metrics" | promtool check metrics
cp docs/prometheus/*.yml "$work"
promtool check config "$work/prometheus.yml"
sed -i 's/scrape_interval: .*/scrape_interval: 1s\n  evaluation_interval: 1s/' "$work/prometheus.yml"
prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/data" --web.listen-address=127.0.0.1:$port \
  --log.level=error &
sleep 20
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
firing = [rule["name"] for rule in rules if rule["state"] != "inactive"]
print(f"{len(rules)} rules, {len(bad)} of them broken, firing: {firing or 'none'}")
sys.exit(bool(bad or firing))
PY
pkill -P $$ -f "edge run" || true
sleep 6
ask query --data-urlencode 'query=up{job="edge"} == 0' | grep -q room-1
echo "passed: and without the daemon up is 0"
