"""How many rounds a comparison takes: as many as it needs to be plain on which side of its limit it lies."""
import math
import statistics

# Rounds at most, for each that was asked for.
MOST = 5
# How often the median may lie outside of the interval that is looked at.
DOUBT = 0.10


def numbers(least, is_decided):
    """`least` rounds, then more of them as long as they decide nothing."""
    turn = 0
    while turn < least or (turn < least * MOST and not is_decided()):
        yield turn
        turn += 1


def ratios(row, name, base):
    """Of one proxy's cost by another's, round by round: neighbours in time share their noise."""
    return [a / b for a, b in zip(row[name], row[base])]


def ratio(row, name, base):
    return statistics.median(ratios(row, name, base))


def is_decided(values, limit):
    """Whether the limit lies outside of where the median may be, by the values' order alone."""
    low, high = interval(values)
    return not low <= limit <= high


def interval(values):
    """The two values between which the median lies, but for the doubt (the sign test's confidence interval)."""
    ordered, outside, below = sorted(values), 0, 0.0
    while True:
        below += math.comb(len(ordered), outside) / 2 ** len(ordered)
        if below > DOUBT / 2:
            break
        outside += 1
    if outside == 0:                      # too few to say anything
        return -math.inf, math.inf
    return ordered[outside - 1], ordered[-outside]
