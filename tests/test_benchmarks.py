"""The benchmark command runs. Its figures are nobody's verdict here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

RUN = Path(__file__).parent / "benchmarks" / "run.py"


def test_the_parts_are_measured() -> None:
    done = subprocess.run(
        [sys.executable, str(RUN), "--quick", "--only", "parts", "--json"],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "signatures" in json.dumps(json.loads(done.stdout))
