"""What the shipped models need to run: neither torch nor transformers, even where both are installed."""

from __future__ import annotations

import json
import subprocess
import sys

SCRIPT = """
import json, sys
import safety
with safety.Guard.from_policy("default") as guard:
    verdict = guard.check_prompt("How do I boil an egg?")
modules = sorted({name.partition(".")[0] for name in sys.modules})
print(json.dumps([str(verdict.action), verdict.complete, modules]))
"""


def test_neither_torch_nor_transformers_is_imported() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=100, check=True
    )
    action, complete, modules = json.loads(done.stdout)
    assert (action, complete) == ("allow", True)
    assert {"onnxruntime", "tokenizers", "presidio_analyzer"} <= set(modules)
    assert not {"torch", "transformers", "stanza", "gliner", "sentence_transformers"} & set(modules)
    assert done.stderr == ""
