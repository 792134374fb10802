"""Put the tables that `make bench` printed into docs/results/speed.md.

Where the page says `<!-- NAME -->`, the lines up to `<!-- end -->` are what was printed into
NAME.md. A name without a file keeps what stands there.

python benchmarks/speed_page.py runs/bench docs/results/speed.md
"""

import argparse
import re
import sys
from pathlib import Path

_BLOCK = re.compile(r"<!-- (?P<name>\w+) -->\n.*?<!-- end -->\n", re.DOTALL)


def main() -> int:
    """Rewrite the page; 1 where a table has no place in it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("tables", type=Path, metavar="FOLDER", help="with NAME.md of each table")
    parser.add_argument("page", type=Path, metavar="PAGE.md")
    options = parser.parse_args()
    tables = {file.stem: file.read_text("utf-8") for file in sorted(options.tables.glob("*.md"))}
    page = options.page.read_text(encoding="utf-8")
    options.page.write_text(refreshed(page, tables), encoding="utf-8")
    lost = sorted(set(tables) - set(places(page)))
    sys.stderr.writelines(f"{options.page}: found no place for {name}\n" for name in lost)
    return 1 if lost else 0


def places(page: str) -> list[str]:
    """Return the names of the tables a page has a place for."""
    return [block["name"] for block in _BLOCK.finditer(page)]


def refreshed(page: str, tables: dict[str, str]) -> str:
    """Return a page with tables in their places."""

    def block(found: re.Match[str]) -> str:
        name = found["name"]
        if name not in tables:
            return found[0]
        return f"<!-- {name} -->\n{tables[name].strip()}\n<!-- end -->\n"

    return _BLOCK.sub(block, page)


if __name__ == "__main__":
    sys.exit(main())
