#!/usr/bin/env python3
"""Measures Fairway beside a C relay that parses nothing (the floor), nginx and HAProxy.

usage: run.py [--only CASE,…] [--proxies floor,nginx,haproxy,fairway] [--rounds 5] [--seconds 1.5]
              [--sections cases,…] [--fairway PATH] [--fairway-cmd TEMPLATE] [--json FILE]
The exit status is 1 when a gate is missed. README.md says what each figure means.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys

import proxies
from proxies import LOAD_CORE, Fleet, tool

CASES = {
    "100B": ["--path", "/100", "--expect", "100"],
    "1KiB": ["--path", "/1k", "--expect", "1024"],
    "16KiB": ["--path", "/16k", "--expect", "16384"],
    "POST16KiB": ["--method", "POST", "--path", "/100", "--body", "16384", "--expect", "100"],
    "1MiB": ["--path", "/1m", "--expect", "1048576"],
    "connection": ["--path", "/100", "--expect", "100", "--close"],
}
SMALL = {"100B", "1KiB", "16KiB", "POST16KiB"}
PEERS = ("nginx", "haproxy")
CONNECTIONS = 64


class Gates:
    """Collects what was promised and what came out."""

    def __init__(self):
        self.missed = []

    def check(self, holds, text):
        if not holds:
            self.missed.append(text)
        return "ok" if holds else "MISSED"


def run_load(port, *options, connections=CONNECTIONS, timeout=120):
    command = ["taskset", "-c", LOAD_CORE, tool("load"), "--port", str(port), "--connections", str(connections)]
    done = subprocess.run(command + list(options), capture_output=True, text=True, timeout=timeout)
    if not done.stdout:
        raise SystemExit(f"load: {done.stderr}")
    return json.loads(done.stdout)


def measure_cases(running, names, rounds, seconds):
    """Interleaves: every round runs every proxy, each time starting with another one."""
    results = {}
    for case in names:
        samples = {name: [] for name in running}
        order = list(running)
        for turn in range(rounds):
            for name in order[turn % len(order):] + order[:turn % len(order)]:
                samples[name].append(one_sample(running[name], CASES[case], seconds))
            progress(f"{case}: round {turn + 1}/{rounds}")
        results[case] = {name: summary(taken) for name, taken in samples.items()}
    progress("")
    return results


def one_sample(proxy, options, seconds):
    before = proxy.cpu_ns()
    report = run_load(proxy.port, "--seconds", str(seconds), *options)
    report["cpu_us"] = (proxy.cpu_ns() - before) / 1000 / max(1, report["requests"])
    return report


def summary(samples):
    median = {key: statistics.median(s[key] for s in samples) for key in ("cpu_us", "p50", "p99")}
    return {**median, "low": min(s["cpu_us"] for s in samples), "high": max(s["cpu_us"] for s in samples),
            "requests": sum(s["requests"] for s in samples), "failed": sum(s["failed"] for s in samples),
            "rps": statistics.median(s["requests"] / max(s["seconds"], 1e-9) for s in samples)}


def progress(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def gate_case(case, row, gates):
    """Issue figures: small cases within 0.85 x the best peer or 1.15 x the floor; 1 MiB within 1.0 x the best peer."""
    if "fairway" not in row or not (best := best_peer(row)):
        return ""
    ours, floor = row["fairway"]["cpu_us"], row.get("floor", {}).get("cpu_us", 0)
    to_peer, to_floor = ours / best, ours / floor if floor else float("inf")
    if case in SMALL:
        return gates.check(to_peer <= 0.85 or to_floor <= 1.15,
                           f"{case}: {to_peer:.2f} x the best peer (0.85), {to_floor:.2f} x the floor (1.15)")
    if case == "1MiB":
        return gates.check(to_peer <= 1.0, f"{case}: {to_peer:.2f} x the best peer (1.00)")
    return "aim met" if to_peer <= 1.0 else "aim missed"


def best_peer(row):
    return min((row[peer]["cpu_us"] for peer in PEERS if peer in row), default=None)


def print_cases(results, gates):
    print(f"\nCPU µs per request of the proxy, {CONNECTIONS} connections, one worker: medians of the rounds\n")
    print("| case | proxy | CPU µs | spread | ÷ floor | ÷ best peer | requests/s | p50 µs | p99 µs | failed | gate |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for case, row in results.items():
        floor, best = row.get("floor", {}).get("cpu_us"), best_peer(row)
        for name, one in row.items():
            if one["failed"]:
                gates.check(False, f"{case}: {one['failed']} failed requests through {name}")
            gate = gate_case(case, row, gates) if name == "fairway" else ""
            print(f"| {case} | {name} | {one['cpu_us']:.1f} | {one['low']:.1f}-{one['high']:.1f} "
                  f"| {ratio(one['cpu_us'], floor)} | {ratio(one['cpu_us'], best)} | {one['rps']:,.0f} "
                  f"| {one['p50']:,.0f} | {one['p99']:,.0f} | {one['failed']} | {gate} |")


def ratio(value, base):
    return f"{value / base:.2f}" if base else ""


def find_fairway(options):
    if options.fairway or (options.fairway_cmd and "{fairway}" not in options.fairway_cmd):
        return options.fairway and os.path.abspath(options.fairway)
    shown = subprocess.run(["swift", "build", "-c", "release", "--show-bin-path"], cwd=proxies.ROOT,
                           capture_output=True, text=True)
    path = os.path.join(shown.stdout.strip(), "fairway")
    if shown.returncode or not os.path.exists(path):
        raise SystemExit("run.py: no release build of fairway; run `swift build -c release`, or give --fairway PATH")
    return path


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(CASES), help="cases, comma separated")
    parser.add_argument("--proxies", default="floor,nginx,haproxy,fairway")
    parser.add_argument("--sections", default="cases")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("--fairway", help="the binary; default: the release build of this checkout")
    parser.add_argument("--fairway-cmd", help=f"default: {proxies.FAIRWAY_COMMAND}")
    parser.add_argument("--json", help="also write all figures there")
    return parser.parse_args()


def main():
    options = arguments()
    names = options.proxies.split(",")
    files = proxies.raise_descriptor_limit()
    proxies.build_tools()
    gates, figures, started = Gates(), {}, []
    try:
        origin = proxies.start_origin()
        started.append(origin)
        fleet = Fleet(origin.port, find_fairway(options) if "fairway" in names else None, options.fairway_cmd, files)
        if "cases" in options.sections.split(","):
            running = {name: fleet.start(name) for name in names}
            started += running.values()
            figures["cases"] = measure_cases(running, options.only.split(","), options.rounds, options.seconds)
            print_cases(figures["cases"], gates)
    finally:
        for process in started:
            process.stop()
    if options.json:
        with open(options.json, "w") as file:
            json.dump(figures, file, indent=1)
    for text in gates.missed:
        print(f"MISSED {text}")
    return 1 if gates.missed else 0


if __name__ == "__main__":
    sys.exit(main())
