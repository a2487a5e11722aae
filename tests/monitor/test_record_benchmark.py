"""The benchmark of a large record runs. Its figures are nobody's verdict here."""

import json
import subprocess
import sys
from pathlib import Path

RECORD = Path(__file__).parent.parent / "benchmarks" / "record.py"


def test_it_measures_every_question():
    done = subprocess.run(
        [sys.executable, str(RECORD), "--rows", "300", "--times", "2", "--only", "sqlite", "--json"],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    asked = json.loads(done.stdout)["SQLite: the dashboard's questions, ms"]
    assert {"now", "users, 30 days"} <= {row["question"] for row in asked}
