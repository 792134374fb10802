"""The files that a study ends with, made from kept cells alone."""

from pathlib import Path

from fedmedlora.durable_files import write_whole
from fedmedlora.study.conducting import Done
from fedmedlora.study.findings import findings
from fedmedlora.study.page import page
from fedmedlora.study.schema import Study
from fedmedlora.study.tables import as_csv, markdown


def write_pages(study: Study, done: Done, out: Path) -> dict[str, Path]:
    """Return where the Markdown, the CSV and the HTML page of a study now lie."""
    found = findings(study, done)
    pages = {"markdown": markdown(found), "csv": as_csv(found), "html": page(found)}
    names = {"markdown": "tables.md", "csv": "figures.csv", "html": "study.html"}
    paths = {kind: out / name for kind, name in names.items()}
    for name, text in pages.items():
        write_whole(paths[name], text.encode())
    return paths
