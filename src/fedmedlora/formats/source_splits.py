"""Which part of a source is which split, where its folders or files say so."""

import re
from collections.abc import Sequence
from pathlib import Path

from fedmedlora.errors import Fault, InputError

_WORDS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("dev", "development", "val", "valid", "validation"), "dev"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), "test"),
    "extra": "extra",
}
# A file of datasets has a number and how many there are behind its split.
_SHARD = re.compile(r"(.+)-[0-9]{5}-of-[0-9]{5}", re.ASCII)


def parts_by_split(source: Path) -> tuple[dict[str, Sequence[Path]], int]:
    """Return the folders or files of each split, and how much stands beside them.

    Without a folder called `train` and no files whose names are splits, all of it is `train`.

    Raises:
        InputError: There is no such source, or splits and none to train on.
    """
    if not source.exists():
        raise InputError([Fault(str(source), "no such file or folder", "annotated notes")])
    for root in (source, source / "data"):
        if root.is_dir() and (parts := _folders(root) or _files(root)):
            if "train" not in parts:
                found = f"only {', '.join(sorted(parts))}"
                expected = "a `train` beside it, or one split alone without a folder of its own"
                raise InputError([Fault(str(root), found, expected)])
            taken = [path for paths in parts.values() for path in paths]
            return parts, len([*root.iterdir()]) - len(taken)
    return {"train": [source]}, 0


def _folders(root: Path) -> dict[str, Sequence[Path]]:
    return _by_split([path for path in sorted(root.iterdir()) if path.is_dir()])


def _files(root: Path) -> dict[str, Sequence[Path]]:
    """Return the files of each split; none where others of the kind have other names.

    A note may be called `test`, and has a file of its own in some formats.
    """
    files = [path for path in sorted(root.iterdir()) if path.is_file()]
    kinds = {path.suffix for path in files if _split(path.stem)}
    alike = [path for path in files if path.suffix in kinds]
    is_named = len(kinds) == 1 and all(_split(path.stem) for path in alike)
    return _by_split(alike) if is_named else {}


def _by_split(paths: Sequence[Path]) -> dict[str, Sequence[Path]]:
    parts: dict[str, list[Path]] = {}
    for path in paths:
        name = path.name if path.is_dir() else path.stem
        if split := _split(name):
            parts.setdefault(split, []).append(path)
    return {**parts}


def _split(name: str) -> str | None:
    shard = _SHARD.fullmatch(name)
    return _WORDS.get((shard[1] if shard else name).lower())
