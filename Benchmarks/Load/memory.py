"""Resident memory at rest and what one idle client connection adds."""
import json
import subprocess
import time

from proxies import tool

REST_MAX_KIB, IDLE_MAX_KIB = 8 * 1024, 1.0
IDLE_CONNECTIONS = 10000


def measure(fleet, names, run_load, progress):
    results = {}
    for name in names:
        if name == "floor":               # it would need an upstream connection for each idle client
            continue
        progress(f"{name}: memory with {IDLE_CONNECTIONS} idle connections")
        proxy = fleet.start(name)
        try:
            results[name] = measure_one(proxy, run_load)
        finally:
            proxy.stop()
    progress("")
    return results


def measure_one(proxy, run_load, *options):
    time.sleep(0.5)                              # workers of some are still starting
    rest = {field: proxy.memory_kib(field) for field in ("RssAnon", "VmRSS")}
    run_load(proxy.port, "--requests", "5000", *options)   # what first use allocates is not the connections'
    used = proxy.memory_kib("RssAnon")
    holder = subprocess.Popen([tool("load"), "--port", str(proxy.port), "--hold",
                               "--connections", str(IDLE_CONNECTIONS), *options], stdout=subprocess.PIPE, text=True)
    try:
        report = json.loads(holder.stdout.readline())
        time.sleep(1)                            # what is freed lazily may go
        held = proxy.memory_kib("RssAnon")
    finally:
        holder.terminate()
        holder.wait()
    return {"rest": rest["RssAnon"], "rss": rest["VmRSS"], "used": used, "held": held, "failed": report["failed"],
            "per_connection": (held - used) / report["requests"]}


def print_table(results, gates):
    print(f"\nMemory, KiB (RssAnon of all processes; idle: {IDLE_CONNECTIONS:,} keep-alive clients after one request)\n")
    print("| proxy | at rest | RSS at rest | after 5,000 requests | with idle clients | per idle client | failed | gate |")
    print("|---|---|---|---|---|---|---|---|")
    for name, row in results.items():
        if row["failed"]:
            gates.check(False, f"memory: {row['failed']} of the idle connections failed through {name}")
        gate = gate_row(row, gates) if name == "fairway" else ""
        print(f"| {name} | {row['rest']:,} | {row['rss']:,} | {row['used']:,} | {row['held']:,} "
              f"| {row['per_connection']:.2f} | {row['failed']} | {gate} |")


def gate_row(row, gates):
    rest = gates.check(row["rest"] <= REST_MAX_KIB, f"memory at rest: {row['rest']} KiB (at most {REST_MAX_KIB})")
    idle = gates.check(row["per_connection"] <= IDLE_MAX_KIB,
                       f"memory per idle client: {row['per_connection']:.2f} KiB (at most {IDLE_MAX_KIB})")
    return "ok" if rest == idle == "ok" else "MISSED"
