"""Measure how good the methods are, and how fast; writes quality.md and quality_time.md.

python benchmarks/quality.py [--seeds 100:110] [--tiers typical hard] [--workers 2]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import quality_real
import quality_simulated
import quality_time
import real_sessions
from markdown_tables import machine, say, write

from ndx_match.simulate import TIERS

PARTS = ("time", "real", "simulated")
FIRST_REPORTED = 100  #: methods are developed with lower seeds


def main() -> None:
    """Measure and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=_seeds, default=range(100, 110), help="first:last+1  [100:110]")
    parser.add_argument("--tiers", nargs="+", choices=TIERS, default=list(TIERS), metavar="TIER", help="[all]")
    parser.add_argument("--workers", type=int, default=2, help="simulations at the same time  [2]")
    parser.add_argument("--runs", type=int, default=5, help="runs of each timed command after a warm-up  [5]")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="[all]")
    parser.add_argument("--many", nargs="*", choices=quality_time.METHODS, default=["consensus"],
                        help="methods timed on 20 sessions; nway takes about ten minutes  [consensus]")  # fmt: skip
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".md"), help="times: OUTPUT_time.md")
    options = parser.parse_args()
    written_by = "Written by `python benchmarks/quality.py`; `docs/benchmarks.md` explains it."
    parts = ["# How good the methods are", written_by, machine()]
    if not real_sessions.present():
        say(real_sessions.MISSING)
        parts.append("The real sessions were missing when this was written; the tables that need them are left out.")
    # Times are measured first, while nothing else runs.
    if "time" in options.parts:
        times = options.output.with_name(f"{options.output.stem}_time.md")
        write(times, ["# How long the methods take", written_by, machine(), *_timed(options)])
    of_real = []
    if "real" in options.parts and real_sessions.present():
        say("Real sessions")
        of_real = quality_real.report()
    if "simulated" in options.parts:
        say(f"Simulated sessions: {len(options.tiers)} tiers, {len(options.seeds)} seeds")
        parts.append(_about_seeds(options.seeds))
        cases, crashes = quality_simulated.run_all(options.tiers, options.seeds, options.workers)
        parts += quality_simulated.report(cases, crashes, options.tiers)
    parts += of_real
    if set(options.parts) != {"time"}:
        write(options.output, parts)


def _timed(options: argparse.Namespace) -> list[str]:
    say("Times; keep the machine idle")
    real = quality_time.report_real(options.runs) if real_sessions.present() else []
    return [*real, *(quality_time.report_many(options.seeds[0], tuple(options.many)) if options.many else [])]


def _seeds(text: str) -> range:
    first, _, end = text.partition(":")
    seeds = range(int(first), int(end) if end else int(first) + 1)
    if not seeds:
        raise argparse.ArgumentTypeError(f"{text} holds no seed; give first:last+1, for example 100:110")
    return seeds


def _about_seeds(seeds: range) -> str:
    text = f"Simulated with seeds {seeds[0]} to {seeds[-1]}; values are mean ± standard deviation over seeds."
    if seeds[0] < FIRST_REPORTED:
        text += f" **Methods are developed with seeds below {FIRST_REPORTED}; these figures are preliminary.**"
    return text


if __name__ == "__main__":
    main()
