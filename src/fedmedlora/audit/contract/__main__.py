"""Compile the contract; prints what FedLedger.json must hold."""

import json
import sys
from pathlib import Path
from typing import Any


def compiled() -> str:
    """Return the contract's interface and code as JSON, of its source beside this file."""
    # Only who changes the contract needs its compiler.
    from vyper import compile_code  # noqa: PLC0415

    source = Path(__file__).with_name("FedLedger.vy").read_text(encoding="utf-8")
    formats = ["abi", "bytecode", "bytecode_runtime"]
    made: dict[str, Any] = compile_code(source, output_formats=formats)
    return json.dumps({key: made[key] for key in formats}, indent=1) + "\n"


if __name__ == "__main__":
    sys.stdout.write(compiled())
