"""How start, memory, lookup and change grow from 1,000 routes to a million: one table, one plot."""
import math
import os

import routes
from proxies import HERE

PLOT = os.path.join(os.path.dirname(HERE), "growth.svg")
CURVES = [("start", "start_s", "s", "#1b6ca8"), ("memory", "rss_mib", "MiB", "#b5482a"), ("lookup", "lookup_ns", "ns", "#3a7d44"),
          ("change in the file", "file_ms", "ms", "#7b4b94")]


def measure(fleet, progress):
    rows = [routes.measure_shape(fleet, routes.own(count), progress) for count in routes.SIZES]
    progress("")
    return rows


def print_table(rows):
    print("\nGrowth, each route its own path\n")
    print("| routes | file MB | start s | RSS MiB | bytes per route | lookup ns (warm) | changed in the file: ms (CPU ms) | by the updater: CPU µs |")
    print("|---|---|---|---|---|---|---|---|")
    for row in rows:
        print(f"| {row['routes']:,} | {row['bytes'] / 1e6:.1f} | {row['start_s']:.3f} | {row['rss_mib']:.0f} "
              f"| {(row['rss_mib'] - rows[0]['rss_mib']) * 1048576 / row['routes']:.0f} | {row['lookup_ns']} ({row['lookup_warm_ns']}) "
              f"| {row['file_ms']:.0f} ({row['file_cpu_ms']:.0f}) | {row['update_us']:.0f} |")
    with open(PLOT, "w") as file:
        file.write(svg(rows))


# MARK: the plot, on logarithmic axes

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 420, 60, 170, 30, 50


def svg(rows):
    """All curves in one picture: each in its own unit, which the legend names."""
    counts = [row["routes"] for row in rows]
    values = [row[key] for row in rows for _, key, _, _ in CURVES]
    low, high = math.floor(math.log10(max(1e-3, min(values)))), math.ceil(math.log10(max(values)))

    def x(count):
        return LEFT + (math.log10(count / counts[0])) / math.log10(counts[-1] / counts[0]) * (WIDTH - LEFT - RIGHT)

    def y(value):
        return TOP + (high - math.log10(max(value, 10 ** low))) / (high - low) * (HEIGHT - TOP - BOTTOM)

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
             f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>']
    for power in range(low, high + 1):
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(10 ** power):.1f}" y2="{y(10 ** power):.1f}" stroke="#ddd"/>'
                     f'<text x="{LEFT - 8}" y="{y(10 ** power) + 4:.1f}" text-anchor="end">{10 ** power:g}</text>')
    for count in counts:
        parts.append(f'<text x="{x(count):.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{count:,}</text>')
    parts.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 10}" text-anchor="middle">routes</text>')
    for name, key, unit, colour in CURVES:
        points = " ".join(f"{x(row['routes']):.1f},{y(row[key]):.1f}" for row in rows)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x(row["routes"]):.1f}" cy="{y(row[key]):.1f}" r="3" fill="{colour}"/>' for row in rows]
        parts.append(f'<text x="{WIDTH - RIGHT + 10}" y="{y(rows[-1][key]) + 4:.1f}" fill="{colour}">{name}: {rows[-1][key]:.3g} {unit}</text>')
    return "\n".join(parts + ["</svg>", ""])
