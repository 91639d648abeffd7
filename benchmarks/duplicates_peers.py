"""How others find near-duplicates among given texts. A script that the peers' Python runs.

    python duplicates_peers.py < {"originals": [...], "copies": {"1%": [...]}, "unrelated": [...],
                                  "collected_after": thresholds of Python's collector}

Texts are strings; each list of copies has one of each original, in order. Answers, for each peer,
`found` (share of copies that are linked to their original), `linked` and `pairs` (unrelated texts
that are linked to an earlier one, and how many links these are), and milliseconds a text: `sign`
for its sketch, `find` for looking among the earlier ones and being added to them. All is kept in
memory.
"""

from __future__ import annotations

import gc
import json
import re
import sys
import time
from collections.abc import Sequence
from typing import Any, Protocol

from datasketch import MinHash, MinHashLSH
from trafilatura.deduplication import Simhash

_WORD = re.compile(r"\w+")
_SHINGLE = 3  # words; as ours
_PERMUTATIONS = 128


class Index(Protocol):
    """Of one peer: what is known, and which of it a text is like."""

    def sign(self, text: str) -> Any: ...

    def near(self, sketch: Any) -> list[int]: ...

    def add(self, number: int, sketch: Any) -> None: ...


class Lsh:
    """datasketch: MinHash of runs of three words, 128 permutations, an LSH index."""

    def __init__(self, threshold: float) -> None:
        self._lsh = MinHashLSH(threshold=threshold, num_perm=_PERMUTATIONS)

    def sign(self, text: str) -> Any:
        words = _WORD.findall(text.casefold())
        runs = zip(*(words[i:] for i in range(_SHINGLE)), strict=False)
        shingles = set(map(" ".join, runs)) or {" ".join(words)}
        sketch = MinHash(num_perm=_PERMUTATIONS)
        sketch.update_batch([shingle.encode() for shingle in shingles])
        return sketch

    def near(self, sketch: Any) -> list[int]:
        found: list[int] = self._lsh.query(sketch)
        return found

    def add(self, number: int, sketch: Any) -> None:
        self._lsh.insert(number, sketch, check_duplication=False)


class Simhashes:
    """trafilatura: one number of 64 bits for each text, compared with each that is known."""

    def __init__(self, least: float) -> None:
        self._least = least
        self._known: list[tuple[int, Simhash]] = []

    def sign(self, text: str) -> Any:
        return Simhash(text)

    def near(self, sketch: Any) -> list[int]:
        return [n for n, known in self._known if sketch.similarity(known) >= self._least]

    def add(self, number: int, sketch: Any) -> None:
        self._known.append((number, sketch))


def run(fresh: Any, given: dict[str, Any]) -> dict[str, Any]:
    """`fresh` makes an empty index of the peer."""
    index = fresh()
    for number, text in enumerate(given["originals"]):
        index.add(number, index.sign(text))
    found = {
        share: sum(n in index.near(index.sign(text)) for n, text in enumerate(copies)) / len(copies)
        for share, copies in given["copies"].items()
    }
    return {"found": found} | _unrelated(fresh(), given["unrelated"])


def _unrelated(index: Index, texts: Sequence[str]) -> dict[str, float]:
    began = time.perf_counter()
    sketches = [index.sign(text) for text in texts]
    signed = time.perf_counter()
    links = []
    for number, sketch in enumerate(sketches):
        links.append(len(index.near(sketch)))
        index.add(number, sketch)
    ended = time.perf_counter()
    return {
        "linked": sum(map(bool, links)),
        "pairs": sum(links),
        "sign": (signed - began) / len(texts) * 1000,
        "find": (ended - signed) / len(texts) * 1000,
    }


PEERS = {
    "datasketch, 0.7": lambda: Lsh(0.7),
    "datasketch, 0.5": lambda: Lsh(0.5),
    "trafilatura Simhash, 0.95": lambda: Simhashes(61 / 64),
    "trafilatura Simhash, 0.85": lambda: Simhashes(0.85),
}


def main() -> None:
    given = json.load(sys.stdin)
    gc.freeze()
    gc.set_threshold(*given["collected_after"])
    json.dump({name: run(fresh, given) for name, fresh in PEERS.items()}, sys.stdout)


if __name__ == "__main__":
    main()
