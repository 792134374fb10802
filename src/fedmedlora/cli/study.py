"""Studies: study."""

import argparse
from pathlib import Path

from fedmedlora.cli.answers import answer
from fedmedlora.study.conducting import conduct
from fedmedlora.study.reading import read_study


def study(options: argparse.Namespace) -> int:
    """Run what is missing of a study, and make its tables."""
    told = read_study(options.study)
    out = options.out or Path("runs") / told.name
    done = conduct(told, out, resume=options.resume, workers=options.workers)
    answer(options, {"cells": len(done)}, [str(out)])
    return 0
