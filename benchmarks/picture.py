"""Draw bars of ratios (JSON on standard input) into an SVG file. Run by the peers' Python."""

from __future__ import annotations

import json
import sys

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot as plt


def _shown(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio < 9.995 else f"{ratio:,.0f}"


def main() -> None:
    bars = json.load(sys.stdin)
    plt.rcParams["svg.hashsalt"] = "caliber-crawler"  # the same figures give the same file
    figure, axes = plt.subplots(figsize=(9, 0.6 + 0.42 * len(bars)))
    places = range(len(bars))
    ratios = [bar["ratio"] for bar in bars]
    spans = [
        [bar["ratio"] - bar["low"] for bar in bars],
        [bar["high"] - bar["ratio"] for bar in bars],
    ]
    colours = ["#2a78b8" if ratio >= 1 else "#c9772b" for ratio in ratios]
    # From "as good" on, since a scale of ratios has no zero to begin at.
    axes.barh(
        places,
        [ratio - 1 for ratio in ratios],
        left=1,
        color=colours,
        xerr=spans,
        ecolor="#444444",
        height=0.62,
    )
    axes.set_yticks(
        places, [f"{bar['label']}\nagainst {bar['against']}" for bar in bars], fontsize=8
    )
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.axvline(1, color="#222222", linewidth=1)
    axes.set_xlabel("times better than the other; left of the line: worse", fontsize=9)
    for place, bar in zip(places, bars, strict=True):
        at = max(bar["high"], bar["ratio"], 1)
        axes.annotate(" " + _shown(bar["ratio"]), (at, place), va="center", fontsize=8)
    axes.margins(x=0.12)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.tight_layout()
    figure.savefig(sys.argv[1], metadata={"Date": None})


if __name__ == "__main__":
    main()
