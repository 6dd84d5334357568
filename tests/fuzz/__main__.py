"""``python -m tests.fuzz``: all targets with a fixed seed and number of inputs; ``make fuzz``."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from tests.fuzz.harness import BAD, OUTCOMES, run_target
from tests.fuzz.targets import TARGETS

#: Share of the inputs of a reader that may end at the last resort.
_LAST_RESORT = 0.01


def main() -> int:
    """Run the targets asked for; 1 if any finding is left."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", default=list(TARGETS), help="all by default")
    parser.add_argument("--count", type=int, default=1500, help="inputs a target")
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    total: Counter[str] = Counter()
    wrong = False
    print(f"{'reader':24}" + "".join(f"{outcome:>12}" for outcome in OUTCOMES) + "   seconds")
    for name in asked.targets:
        began = time.monotonic()
        report = run_target(name, asked.count, asked.seed, asked.first)
        counts, seconds = report.counts, time.monotonic() - began
        print(f"{name:24}" + "".join(f"{counts[o]:12}" for o in OUTCOMES) + f"{seconds:10.0f}")
        for what, where in report.findings.items():
            print(f"    {what} ({where})", flush=True)
        total += counts
        wrong |= any(counts[outcome] for outcome in BAD)
        wrong |= not counts["read"]  # all too spoiled to try what comes after
        wrong |= counts["last resort"] > _LAST_RESORT * asked.count
    print(f"{'all':24}" + "".join(f"{total[o]:12}" for o in OUTCOMES))
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
