"""What a command answers on stdout: lines for a person, or one JSON object for a script."""

import argparse
import json
import sys
from collections.abc import Iterable, Mapping
from typing import Any


def answer(options: argparse.Namespace, document: Mapping[str, Any], lines: Iterable[str]) -> None:
    """Print a command's result, as the document with `--json` and as the lines without."""
    told = [json.dumps(document, allow_nan=False)] if options.json else lines
    sys.stdout.writelines(f"{line}\n" for line in told)
