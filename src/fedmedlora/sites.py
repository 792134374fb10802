"""What a site is called and what part it plays."""

import re
from typing import Literal

SiteRole = Literal["train", "external", "new_site", "server"]

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


def is_site_name(name: str) -> bool:
    """Return whether a name can stand in file names, keys and certificates alike."""
    return _NAME.fullmatch(name) is not None
