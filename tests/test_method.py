"""docs/method.md against what it names: every formula has its code and its tests."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "method.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^## (.+)\n((?:(?!## ).*\n)*)", TEXT, re.MULTILINE))
NAMED = re.findall(r"`(tests/\S+\.py)::(\w+)`", TEXT)


def functions(path: Path) -> set[str]:
    nodes = ast.walk(ast.parse(path.read_text("utf-8")))
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef)}


def test_every_section_names_its_code_and_its_tests() -> None:
    assert len(SECTIONS) == TEXT.count("\n## ")
    for title, section in SECTIONS.items():
        assert "\n- Code: `" in section, title
        assert "\n- Tests: `tests/" in section, title


def test_every_test_that_is_named_is_there() -> None:
    assert len(NAMED) == TEXT.count("tests/")
    assert [name for path, name in NAMED if name not in functions(ROOT / path)] == []


def test_every_module_that_is_named_is_there() -> None:
    named = re.findall(r"`((?!tests/|src/)\w+/\w+\.py)`", TEXT)

    assert named
    assert [name for name in named if not (ROOT / "src" / "fedmedlora" / name).is_file()] == []
