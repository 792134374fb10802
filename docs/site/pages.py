"""What mkdocs is told: the repository's pages are the site's, where they lie, with their links.

A path of `nav` that ends in `*.md` stands for every page of a folder that nothing else names.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
SHOWN = (
    *("*.md", "docs/**/*.md", "docs/**/*.svg", "src/fedmedlora/bundled/**/*.md"),
    # Pages point at them.
    *("deploy/*", "experiments/**/*.toml"),
)
_LOADING = re.compile(
    r"<(?:script|link|img|iframe|source|object|embed|form)\b[^>]*?"
    r"\b(?:src|href|srcset|data|action)=[\"']?(?:https?:)?//[^\"'>\s]*"
)
_STYLED = re.compile(r"(?:url\(\s*|@import\s*)[\"']?(?:https?:)?//[^\"')\s]*")
# Where a page has one of them, the theme's script asks elsewhere.
_ASKING = re.compile(r"class=\"mermaid\"|data-md-component=\"source\"")


def on_config(config: Any) -> Any:  # noqa: ANN401 -- mkdocs's own
    """Return the configuration with every folder of `nav` written out."""
    shown = set(_pages())
    config.nav = _written_out(config.nav, shown - set(_named(config.nav)))
    return config


def on_files(files: Files, config: Any) -> Files:  # noqa: ANN401 -- as above
    """Return the theme's files and the repository's pages."""
    theme = [file for file in files if file.src_dir != config.docs_dir]
    pages = [File(name, str(ROOT), config.site_dir, config.use_directory_urls) for name in _pages()]
    return Files([*theme, *pages])


def on_post_build(config: Any) -> None:  # noqa: ANN401 -- as above
    """Check that no built page asks another host for anything.

    Raises:
        PluginError: One does.
    """
    if found := other_hosts(Path(config.site_dir)):
        raise PluginError("a page asks another host:\n" + "\n".join(found))


def other_hosts(site: Path) -> list[str]:
    """Return where the pages and style sheets of a site load something from elsewhere."""
    patterns = {".html": (_LOADING, _ASKING), ".css": (_STYLED,)}
    return [
        f"{file.relative_to(site)}: {found[0]}"
        for file in sorted(site.rglob("*"))
        for pattern in patterns.get(file.suffix, ())
        for found in pattern.finditer(file.read_text(encoding="utf-8"))
    ]


def _pages() -> list[str]:
    found = {file for pattern in SHOWN for file in ROOT.glob(pattern)}
    return sorted(file.relative_to(ROOT).as_posix() for file in found)


def _named(nav: Any) -> Iterator[str]:  # noqa: ANN401 -- lists of mappings of lists
    if isinstance(nav, str):
        yield nav
    for item in nav.values() if isinstance(nav, dict) else nav if isinstance(nav, list) else ():
        yield from _named(item)


def _written_out(nav: Any, others: set[str]) -> Any:  # noqa: ANN401 -- as above
    if isinstance(nav, dict):
        return {title: _written_out(item, others) for title, item in nav.items()}
    if not isinstance(nav, list):
        return nav
    items = [
        _in_folder(item, others) if _is_folder(item) else [_written_out(item, others)]
        for item in nav
    ]
    return [item for some in items for item in some]


def _is_folder(item: Any) -> bool:  # noqa: ANN401 -- as above
    return isinstance(item, str) and item.endswith("/*.md")


def _in_folder(pattern: str, others: set[str]) -> list[str]:
    return sorted(page for page in others if Path(page).match(pattern))
