"""The site is the repository's pages, and asks nobody for anything."""

import importlib.util
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def pages() -> ModuleType:
    pytest.importorskip("mkdocs", reason="the extra docs is not installed")
    spec = importlib.util.spec_from_file_location("pages", ROOT / "docs" / "site" / "pages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.html", '<script src="https://cdn.example/a.js"></script>'),
        ("a.html", '<link rel=stylesheet href="//fonts.example/a.css">'),
        ("a.html", '<img alt="" src=http://example.org/a.png>'),
        ("a.html", '<pre class="mermaid">graph</pre>'),
        ("b/a.css", "@import url(https://fonts.example/a.css);"),
        ("b/a.css", "a { background: url('//example.org/a.png') }"),
    ],
)
def test_what_a_page_loads_from_elsewhere_is_found(
    pages: ModuleType, tmp_path: Path, name: str, content: str
) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(content, encoding="utf-8")

    assert pages.other_hosts(tmp_path)[0].startswith(f"{name}: ")
    with pytest.raises(Exception, match="a page asks another host"):
        pages.on_post_build(SimpleNamespace(site_dir=str(tmp_path)))


def test_what_a_page_points_at_is_not_loaded(pages: ModuleType, tmp_path: Path) -> None:
    page = '<a href="https://arxiv.org/abs/2601.22124">x</a><script src="../a.js"></script>'
    (tmp_path / "a.html").write_text(page, encoding="utf-8")
    (tmp_path / "a.css").write_text("a { background: url(data:image/svg+xml) }", encoding="utf-8")

    assert pages.other_hosts(tmp_path) == []


def test_a_folder_in_the_contents_stands_for_what_nothing_else_names(pages: ModuleType) -> None:
    nav = [{"First": "docs/guide/tour.md"}, {"Guides": ["docs/guide/*.md"]}, "SECURITY.md"]

    config = pages.on_config(SimpleNamespace(nav=nav))

    first, guides, security = config.nav
    assert (first, security) == ({"First": "docs/guide/tour.md"}, "SECURITY.md")
    assert "docs/guide/deploy.md" in guides["Guides"]
    assert "docs/guide/tour.md" not in guides["Guides"]
    assert all(name.startswith("docs/guide/") for name in guides["Guides"])
