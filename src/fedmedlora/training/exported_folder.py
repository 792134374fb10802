"""A folder that is handed to somebody: whole or not there, its model card among its files."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from fedmedlora.durable_files import whole_folder
from fedmedlora.errors import Fault, InputError, StoreError

_CARD = "README.md"


@contextmanager
def exported_folder(folder: Path, *, card: str) -> Iterator[Path]:
    """Give a folder to be filled, which takes the place of the one named when it is whole.

    Args:
        folder: New or empty.
        card: Its model card.

    Raises:
        InputError: The folder holds something already.
        StoreError: The disk refuses; nothing is left.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        advice = "name another --out"
        raise InputError([Fault(str(folder), "a folder in use", "a new or empty one", advice)])
    try:
        with whole_folder(folder) as new:
            (new / _CARD).write_text(card, encoding="utf-8")
            yield new
    except (OSError, SafetensorError) as error:
        # What safetensors says of a disk begins with an error of Rust.
        reason = getattr(error, "strerror", None) or "a disk that refuses"
        raise StoreError(
            f"{folder}: found {reason!r} on writing, expected room and permission; "
            "free the disk or choose another folder"
        ) from error
