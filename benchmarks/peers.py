"""Where the programs are that people would use instead: an environment of their own.

`make bench` sets it up (`scripts/setup_bench.sh`) of `benchmarks/requirements.txt`.
"""

from __future__ import annotations

from benchmarks.measure import ROOT

PYTHON = str(ROOT / ".venv-bench" / "bin" / "python")
REDIS_SERVER = "redis-server"
