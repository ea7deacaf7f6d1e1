"""HTTP/1 over TLS 1.3 (P-256, AES-128-GCM, X25519): keep-alive, large responses, handshakes, idle memory."""
import statistics

import memory
import rounds
from proxies import find_envoy

# Options of the load, how many connections, and what Fairway may cost of the best peer.
CASES = {
    "1KiB": (["--path", "/1k", "--expect", "1024"], 64, 0.85),
    "1MiB": (["--path", "/1m", "--expect", "1048576"], 16, 1 / 0.95),
    "full handshake": (["--path", "/100", "--close"], 16, 1.0),
    "resumed handshake": (["--path", "/100", "--close", "--resume"], 16, 1.0),
}
PEERS = ("nginx", "haproxy")
# Large responses are promised against nginx.
AGAINST = {"1MiB": ("nginx",)}
IDLE_SHARE_MAX = 1.05


def measure(fleet, names, least, seconds, one_sample, run_load, progress):
    names = [name for name in names if name != "floor"]
    # Shown beside the others, and held against nothing.
    if find_envoy():
        names.append("envoy")
    running = {name: fleet.start(name, tls=True) for name in names}
    figures = {"cases": {}, "memory": {}}
    try:
        for case, (options, connections, _) in CASES.items():
            samples = {name: [] for name in names}
            for turn in rounds.numbers(least, lambda: is_decided(case, summaries(samples))):
                for name in names[turn % len(names):] + names[:turn % len(names)]:
                    samples[name].append(one_sample(running[name], ["--tls", *options], seconds, connections))
                progress(f"TLS, {case}: round {turn + 1}")
            figures["cases"][case] = summaries(samples)
    finally:
        for proxy in running.values():
            proxy.stop()
    for name in names:
        progress(f"TLS, {name}: memory with {memory.IDLE_CONNECTIONS} idle connections")
        proxy = fleet.start(name, tls=True)
        try:
            figures["memory"][name] = memory.measure_one(proxy, run_load, "--tls")
        finally:
            proxy.stop()
    progress("")
    return figures


def summaries(samples):
    return {name: summary(taken) for name, taken in samples.items()}


def summary(samples):
    return {"cpu_us": statistics.median(s["cpu_us"] for s in samples), "rounds": [s["cpu_us"] for s in samples],
            "resumed": sum(s["resumed"] for s in samples) / max(1, sum(s["connections"] for s in samples)),
            "failed": sum(s["failed"] for s in samples), "rps": statistics.median(s["requests"] / max(s["seconds"], 1e-9) for s in samples)}


def print_tables(figures, gates):
    print("\nTLS towards clients, CPU µs per request of the proxy: medians of the rounds\n")
    print("| case | proxy | CPU µs | spread | ÷ peer | requests/s | failed | gate |")
    print("|---|---|---|---|---|---|---|---|")
    for case, row in figures["cases"].items():
        for name, one in row.items():
            if case == "resumed handshake" and one["resumed"] < 0.75:
                gates.check(False, f"TLS: only {one['resumed']:.0%} of the sessions were resumed by {name}")
            if one["failed"]:
                gates.check(False, f"TLS, {case}: {one['failed']} failed requests through {name}")
            share, gate = compare(case, row, gates) if name == "fairway" else ("", "")
            print(f"| {case} | {name} | {one['cpu_us']:.1f} | {min(one['rounds']):.1f}-{max(one['rounds']):.1f} | {share} "
                  f"| {one['rps']:,.0f} | {one['failed']} | {gate} |")
    print_memory(figures["memory"], gates)


def peer_of(case, row):
    return min((peer for peer in AGAINST.get(case, PEERS) if peer in row), key=lambda peer: row[peer]["cpu_us"], default=None)


def ratios(case, row):
    return rounds.ratios({name: one["rounds"] for name, one in row.items()}, "fairway", peer_of(case, row))


def is_decided(case, row):
    return "fairway" not in row or not peer_of(case, row) or rounds.is_decided(ratios(case, row), CASES[case][2])


def compare(case, row, gates):
    peer, most = peer_of(case, row), CASES[case][2]
    if not peer:
        return "", ""
    share = statistics.median(ratios(case, row))
    return f"{share:.2f}", gates.check(share <= most, f"TLS, {case}: {share:.2f} x {peer} ({most:.2f})")


def print_memory(rows, gates):
    print("\nMemory per idle TLS client, KiB\n\n| proxy | KiB | failed | gate |\n|---|---|---|---|")
    for name, row in rows.items():
        gate = ""
        if name == "fairway" and "nginx" in rows:
            share = row["per_connection"] / rows["nginx"]["per_connection"]
            gate = gates.check(share <= IDLE_SHARE_MAX and not row["failed"], f"TLS, memory per idle client: {share:.2f} x nginx ({IDLE_SHARE_MAX})")
        print(f"| {name} | {row['per_connection']:.2f} | {row['failed']} | {gate} |")
