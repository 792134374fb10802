"""What privacy needs beside the rest: packages of the extra `privacy`."""

import importlib.util

from fedmedlora.errors import Fault, InputError

_NEEDED = {"none": (), "record": ("opacus", "dp_accounting"), "site": ("dp_accounting",)}


def require_packages(mode: str) -> None:
    """Check that what an experiment's `privacy.mode` needs is installed.

    Raises:
        InputError: It is not.
    """
    missing = [name for name in _NEEDED[mode] if importlib.util.find_spec(name) is None]
    if missing:
        found = f'"{mode}" without the package {" and ".join(missing)}'
        advice = "pip install '.[privacy]', or set it to \"none\""
        raise InputError([Fault("[privacy].mode", found, "what it needs", advice)])
