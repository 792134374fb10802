"""Studies: study."""

import argparse
from pathlib import Path

from fedmedlora.cli.answers import answer
from fedmedlora.study.conducting import conduct, kept_of
from fedmedlora.study.pages import write_pages
from fedmedlora.study.reading import read_study


def study(options: argparse.Namespace) -> int:
    """Run what is missing of a study, and make its pages."""
    told = read_study(options.study)
    out = options.out or Path("runs") / told.name
    if options.tables:
        done = kept_of(told, out)
    else:
        done = conduct(told, out, resume=options.resume, workers=options.workers)
    pages = write_pages(told, done, out)
    answer(options, {name: str(path) for name, path in pages.items()}, [str(pages["html"])])
    return 0
