"""Repeatable figures per request: system calls, user instructions, heap allocations.

Each is the difference of two runs of N and 2N requests over N, so connections, start and end cancel out.
"""
import os
import re
import signal
import struct
import subprocess
import time

from proxies import BUILD, tool

INSTRUCTIONS_MAX, SYSTEM_CALLS_MAX = 8000, 4.1
ALLOCATIONS_MAX = 0.005               # zero, but for what a timer may do meanwhile
REQUESTS = {"system calls": 4000, "instructions": 5000, "allocations": 20000}
TRACED = {                            # cases whose system calls are counted; the first has the gate
    "100 B": ["--path", "/100", "--expect", "100"],
    "16 KiB": ["--path", "/16k", "--expect", "16384"],
    "connection": ["--path", "/100", "--expect", "100", "--close"],
}


def measure(fleet, names, run_load, progress):
    results = {}
    for name in names:
        results[name] = {}
        for what, function in (("system calls", system_calls), ("instructions", instructions),
                               ("allocations", allocations)):
            progress(f"{name}: {what}")
            results[name][what] = function(fleet, name, run_load)
    progress("")
    return results


def per_request(run, requests):
    once, twice = run(requests), run(2 * requests)
    return (twice - once) / requests


def load(run_load, proxy, requests, options=()):
    report = run_load(proxy.port, "--requests", str(requests), *options)
    if report["failed"]:
        raise SystemExit(f"{proxy.name}: {report['failed']} failed requests")


def system_calls(fleet, name, run_load):
    """By case."""
    proxy = fleet.start(name)
    try:
        load(run_load, proxy, 2000)
        return {case: per_request(lambda requests: traced_calls(proxy, run_load, requests, options),
                                  REQUESTS["system calls"]) for case, options in TRACED.items()}
    finally:
        proxy.stop()


def traced_calls(proxy, run_load, requests, options):
    out = os.path.join(BUILD, "strace.txt")
    command = ["strace", "-f", "-c", "-o", out]
    for pid in proxy.pids():
        command += ["-p", str(pid)]
    tracer = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    await_attached(proxy)
    load(run_load, proxy, requests, options)
    tracer.send_signal(signal.SIGINT)
    tracer.wait(20)
    total = [line.split() for line in open(out) if line.rstrip().endswith("total")]
    return int(total[0][3])


def await_attached(proxy):
    """Until every thread names its tracer."""
    for _ in range(200):
        states = [open(f"/proc/{pid}/task/{task}/status").read()
                  for pid in proxy.pids() for task in os.listdir(f"/proc/{pid}/task")]
        if all("TracerPid:\t0\n" not in state for state in states):
            return
        time.sleep(0.02)
    raise SystemExit("strace does not attach: is ptrace allowed here?")


def instructions(fleet, name, run_load):
    return per_request(lambda requests: counted_instructions(fleet, name, run_load, requests),
                       REQUESTS["instructions"])


def counted_instructions(fleet, name, run_load, requests):
    log = os.path.join(BUILD, "callgrind.log")
    wrapper = ["valgrind", "--tool=callgrind", f"--log-file={log}",
               f"--callgrind-out-file={os.path.join(BUILD, 'callgrind.' + name)}"]
    proxy = fleet.start(name, wrapper=wrapper, single=True, ready_seconds=120)
    try:
        load(run_load, proxy, requests)
    finally:
        proxy.stop(seconds=30)
    return int(re.search(r"Collected : (\d+)", open(log).read())[1])


def allocations(fleet, name, run_load):
    path = os.path.join(BUILD, "malloc_count.bin")
    if os.path.exists(path):
        os.remove(path)
    proxy = fleet.start(name, environment={"LD_PRELOAD": tool("malloc_count"), "MALLOC_COUNT_FILE": path})
    try:
        load(run_load, proxy, 20000)
        return per_request(lambda requests: counted_allocations(path, proxy, run_load, requests),
                           REQUESTS["allocations"])
    finally:
        proxy.stop()


def counted_allocations(path, proxy, run_load, requests):
    def now():
        return sum(struct.unpack("4Q", open(path, "rb").read(32))[:3])
    before = now()
    load(run_load, proxy, requests)
    return now() - before


def print_table(results, gates):
    print("\nPer request (100 B, keep-alive, 64 connections, where no other case is named)\n")
    print(f"| proxy | user instructions | {' | '.join('system calls, ' + case for case in TRACED)} "
          "| heap allocations | gate |")
    print("|---|---|" + "---|" * len(TRACED) + "---|---|")
    for name, row in results.items():
        calls = " | ".join(f"{value:.2f}" for value in row["system calls"].values())
        gate = gate_row(row, gates) if name == "fairway" else ""
        print(f"| {name} | {row['instructions']:,.0f} | {calls} | {abs(row['allocations']):.2f} | {gate} |")


def gate_row(row, gates):
    figures = (("user instructions", row["instructions"], INSTRUCTIONS_MAX),
               ("system calls", row["system calls"]["100 B"], SYSTEM_CALLS_MAX),
               ("heap allocations", row["allocations"], ALLOCATIONS_MAX))
    verdicts = [gates.check(value <= most, f"{what} per request: {value:,.3f} (at most {most})")
                for what, value, most in figures]
    return "ok" if set(verdicts) == {"ok"} else "MISSED"
