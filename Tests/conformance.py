#!/usr/bin/env python3
"""Compares a built fairway with recorded behaviour.

usage: conformance.py FOLDER FAIRWAY      FOLDER holds behaviour/routing.py and behaviour/filters.py

conformance-pending.txt names the groups of filters.json that are left out, and single requests (`group / request`) whose
failure counts as waived. The last line is the sum; the exit status is 1 if anything else failed.
"""
import json
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))


def exceptions(groups):
    """The groups and the single requests that stand in the list; each must be one that exists."""
    requests = {"%s / %s" % (group["name"], request["name"]) for group in groups for request in group["requests"]}
    left_out, waived = [], []
    for line in open(os.path.join(HERE, "conformance-pending.txt"), encoding="utf-8"):
        name = re.split(r"\s{2,}", line.strip())[0]
        if not name or name.startswith("#"):
            continue
        if name in requests:
            waived.append(name)
        elif any(group["name"] == name for group in groups):
            left_out.append(name)
        else:
            sys.exit("conformance-pending.txt: there is no group or request \"%s\"" % name)
    return left_out, waived


def run(arguments, pattern):
    """Shows what a suite prints, as it comes; returns the numbers of its last line."""
    last = ""
    with subprocess.Popen([sys.executable, "-u"] + arguments, stdout=subprocess.PIPE, text=True) as suite:
        for line in suite.stdout:
            print(line, end="", flush=True)
            last = line.strip() or last
    match = re.search(pattern, last)
    return [int(number) for number in match.groups()] if match else sys.exit("the suite ended without its sum")


def run_filters(folder, fairway, left_out, waived):
    only = "^(?!(?:%s)$)" % "|".join(map(re.escape, left_out)) if left_out else ""
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        count, failed, waived_there = run(
            [os.path.join(folder, "filters.py"), "check", "--proxy", fairway + " serve", "--jobs", "2", "--only", only, "--report", report.name],
            r"(\d+) requests, (\d+) failed, (\d+) waived")
        failures = ["%s / %s" % (entry["group"], entry["request"]) for entry in json.load(open(report.name)) if not entry["waived"]]
    ours = sum(name in waived for name in failures)
    return count - failed - waived_there, failed - ours, waived_there + ours


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    folder, fairway = os.path.join(sys.argv[1], "behaviour"), os.path.abspath(sys.argv[2])
    if not os.path.isfile(os.path.join(folder, "routing.py")):
        sys.exit("no conformance data in %s; FAIRWAY_CONFORMANCE names its folder" % sys.argv[1])
    left_out, waived = exceptions(json.load(open(os.path.join(folder, "filters.json"), encoding="utf-8")))
    serve = fairway + " serve -address {address} -support-listener {support} -routes-file {routes} {flags}"
    routing = run([os.path.join(folder, "routing.py"), "check", "--fixed", "--serve", serve], r"(\d+) passed, (\d+) failed, (\d+) waived")
    filters = run_filters(folder, fairway, left_out, waived)
    passed, failed, waived = (sum(pair) for pair in zip(routing, filters))
    print("conformance: %d passed, %d failed, %d waived, %d total; %d groups of filters pending" % (
        passed, failed, waived, passed + failed + waived, len(left_out)))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
