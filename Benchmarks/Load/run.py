#!/usr/bin/env python3
"""Measures Fairway beside a C relay that parses nothing (the floor), nginx and HAProxy.

usage: run.py [--only CASE,…] [--proxies floor,nginx,haproxy,fairway] [--rounds 9] [--seconds 0.8]
              [--sections cases,exact,memory,reload,tls,http2,routes,growth] [--fairway PATH] [--fairway-cmd TEMPLATE] [--json FILE]
The exit status is 1 when a gate is missed. README.md says what each figure means.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

sys.dont_write_bytecode = True        # leaves nothing in the source tree

import encrypted
import exact
import growth
import http2
import memory
import proxies
import reload
import rounds
import routes
import selftest
from proxies import LOAD_CORE, PROXY_CORE, Fleet, tool

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


class Disturbance:
    """How much of the proxy's core went to programs that are not measured."""

    def __init__(self, running):
        self.running, self.share = running, 0.0

    def __enter__(self):
        self.began, self.others = time.monotonic(), self._others()
        return self

    def __exit__(self, *_):
        self.share = (self._others() - self.others) / (time.monotonic() - self.began)

    def _others(self):
        fields = next(line for line in open("/proc/stat") if line.startswith("cpu" + PROXY_CORE)).split()
        busy = sum(int(ticks) for i, ticks in enumerate(fields[1:9]) if i not in (3, 4))   # all but idle, iowait
        return busy / os.sysconf("SC_CLK_TCK") - sum(proxy.cpu_ns() for proxy in self.running) / 1e9


def run_load(port, *options, connections=CONNECTIONS, timeout=120):
    command = ["taskset", "-c", LOAD_CORE, tool("load"), "--port", str(port), "--connections", str(connections)]
    done = subprocess.run(command + list(options), capture_output=True, text=True, timeout=timeout)
    if not done.stdout:
        raise SystemExit(f"load: {done.stderr}")
    return json.loads(done.stdout)


def measure_cases(running, names, least, seconds):
    """Interleaves: every round runs every proxy, each time starting with another one."""
    results = {}
    for case in names:
        samples = {name: [] for name in running}
        order = list(running)
        for turn in rounds.numbers(least, lambda: is_decided(case, summaries(samples))):
            for name in order[turn % len(order):] + order[:turn % len(order)]:
                samples[name].append(one_sample(running[name], CASES[case], seconds))
            progress(f"{case}: round {turn + 1}")
        results[case] = summaries(samples)
    progress("")
    return results


def one_sample(proxy, options, seconds, connections=CONNECTIONS):
    before = proxy.cpu_ns()
    report = run_load(proxy.port, "--seconds", str(seconds), *options, connections=connections)
    report["cpu_us"] = (proxy.cpu_ns() - before) / 1000 / max(1, report["requests"])
    return report


def summaries(samples):
    return {name: summary(taken) for name, taken in samples.items()}


def summary(samples):
    median = {key: statistics.median(s[key] for s in samples) for key in ("cpu_us", "p50", "p99")}
    return {**median, "rounds": [s["cpu_us"] for s in samples],
            "requests": sum(s["requests"] for s in samples), "failed": sum(s["failed"] for s in samples),
            "rps": statistics.median(s["requests"] / max(s["seconds"], 1e-9) for s in samples)}


def progress(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def ratio(row, name, base):
    """Median over the rounds of this proxy by that one."""
    return rounds.ratio(costs(row), name, base) if base in row else None


def costs(row):
    return {name: one["rounds"] for name, one in row.items()}


def best_peer(row):
    return min((peer for peer in PEERS if peer in row), key=lambda peer: row[peer]["cpu_us"], default=None)


def limits(case, row):
    """What Fairway may cost of whom. Small cases: 1.15 x the floor, and 0.85 x the best peer unless that lies below 1.15 x the floor.
    1 MiB: 1.0 x the best peer. The rest is an aim."""
    peer = best_peer(row)
    if "fairway" not in row or peer is None or case == "connection":
        return {}
    if case not in SMALL:
        return {peer: 1.0}
    if "floor" not in row:
        return {peer: 0.85}
    floor_decides = 0.85 * row[peer]["cpu_us"] < 1.15 * row["floor"]["cpu_us"]
    return {"floor": 1.15} if floor_decides else {"floor": 1.15, peer: 0.85}


def is_decided(case, row):
    return all(rounds.is_decided(rounds.ratios(costs(row), "fairway", base), most) for base, most in limits(case, row).items())


def gate_case(case, row, gates):
    promised = limits(case, row)
    if not promised:
        share = ratio(row, "fairway", best_peer(row))
        return "" if share is None else "aim met" if share <= 1.0 else "aim missed"
    shares = {base: ratio(row, "fairway", base) for base in promised}
    text = ", ".join(f"{share:.2f} x {base} ({promised[base]:.2f})" for base, share in shares.items())
    return gates.check(all(share <= promised[base] for base, share in shares.items()), f"{case}: {text}")


def print_cases(results, gates):
    print(f"\nCPU µs per request of the proxy, {CONNECTIONS} connections, one worker: medians of the rounds\n")
    print("| case | proxy | rounds | CPU µs | spread | ÷ floor | ÷ best peer | requests/s | p50 µs | p99 µs | failed | gate |")
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    for case, row in results.items():
        for name, one in row.items():
            if one["failed"]:
                gates.check(False, f"{case}: {one['failed']} failed requests through {name}")
            gate = gate_case(case, row, gates) if name == "fairway" else ""
            print(f"| {case} | {name} | {len(one['rounds'])} | {one['cpu_us']:.1f} | {min(one['rounds']):.1f}-{max(one['rounds']):.1f} "
                  f"| {shown(ratio(row, name, 'floor'))} | {shown(ratio(row, name, best_peer(row)))} "
                  f"| {one['rps']:,.0f} | {one['p50']:,.0f} | {one['p99']:,.0f} | {one['failed']} | {gate} |")


def shown(value):
    return f"{value:.2f}" if value else ""


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
    parser.add_argument("--sections", default="cases,exact,memory,reload,tls,http2,routes,growth")
    parser.add_argument("--rounds", type=int, default=9, help=f"at least so many; up to {rounds.MOST} times as many while a limit lies where the median may be")
    parser.add_argument("--seconds", type=float, default=0.8)
    parser.add_argument("--fairway", help="the binary; default: the release build of this checkout")
    parser.add_argument("--fairway-cmd", help=f"default: {proxies.FAIRWAY_COMMAND}")
    parser.add_argument("--json", help="also write all figures there")
    return parser.parse_args()


def measure_all(options, fleet, started, gates):
    names, sections, figures = options.proxies.split(","), options.sections.split(","), {}
    if "cases" in sections:
        running = {name: fleet.start(name) for name in names}
        started += running.values()
        with Disturbance(running.values()) as disturbance:
            figures["cases"] = measure_cases(running, options.only.split(","), options.rounds, options.seconds)
        print_cases(figures["cases"], gates)
        print(f"\nOthers took {disturbance.share:.0%} of the proxy's core meanwhile.")
    if "exact" in sections:
        figures["exact"] = exact.measure(fleet, names, run_load, progress)
        exact.print_table(figures["exact"], gates)
    if "memory" in sections:
        figures["memory"] = memory.measure(fleet, names, run_load, progress)
        memory.print_table(figures["memory"], gates)
    if "http2" in sections:
        figures["http2"] = http2.measure(fleet, names, options.rounds, progress)
        http2.print_table(figures["http2"], gates)
    if "reload" in sections and "fairway" in names:
        figures["reload"] = reload.measure(fleet, progress)
        reload.print_table(figures["reload"], gates)
    if "tls" in sections:
        figures["tls"] = encrypted.measure(fleet, names, options.rounds, options.seconds, one_sample, run_load, progress)
        encrypted.print_tables(figures["tls"], gates)
    if "routes" in sections and "fairway" in names:
        figures["routes"] = routes.measure(fleet, run_load, options.rounds, options.seconds, progress)
        routes.print_table(figures["routes"], gates)
    if "growth" in sections and "fairway" in names:
        figures["growth"] = growth.measure(fleet, progress)
        growth.print_table(figures["growth"])
    return figures


def main():
    options = arguments()
    files = proxies.raise_descriptor_limit()
    proxies.build_tools()
    selftest.check(run_load)
    gates, started = Gates(), []
    try:
        origin = proxies.start_origin()
        started.append(origin)
        fairway = find_fairway(options) if "fairway" in options.proxies.split(",") else None
        figures = measure_all(options, Fleet(origin.port, fairway, options.fairway_cmd, files), started, gates)
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
