#!/usr/bin/env bash
# conformance.sh FOLDER FAIRWAY: the recorded behaviour against a built binary. Prints passed, waived and total.
set -u
folder=$1 fairway=$2 here=$(cd "$(dirname "$0")" && pwd)
report=$(mktemp)
trap 'rm -f "$report"' EXIT
python3 "$folder/routing.py" check --fixed --serve "$fairway serve -address {address} -support-listener {support} -routes-file {routes} {flags}" | tee "$report" || true
routing=$(tail -n 1 "$report")
pending=$(grep -v '^#' "$here/conformance-pending.txt" | sed 's/   *.*//' | paste -sd'|')
python3 "$folder/filters.py" check --proxy "$fairway serve" --only "^(?!($pending)\$)" --jobs 2 | tee "$report" || true
filters=$(tail -n 1 "$report")
python3 - "$routing" "$filters" <<'PY'
import re, sys
passed, failed, waived = map(int, re.findall(r"(\d+) (?:passed|failed|waived)", sys.argv[1]))
total, bad, waved = (int(re.search(r"(\d+) " + word, sys.argv[2]).group(1)) for word in ("requests", "failed", "waived"))
known = 1  # "default encoding of the outgoing path": one request keeps dot segments, which routing.md §2 resolves.
passed, waived, total = passed + total - bad - waved, waived + waved + min(bad, known), passed + failed + waived + total
print(f"conformance: {passed} passed, {waived} waived, {total} total")
sys.exit(1 if failed or bad > known else 0)
PY
