"""Packages of which every file is one thing of a kind, found by its name and listed nowhere."""

import importlib
import pkgutil
from collections.abc import Mapping
from types import ModuleType
from typing import Any


def members(package: ModuleType, attribute: str) -> Mapping[str, Any]:
    """Return what each module of a package has under one name, by module, in name order."""
    return {
        name: getattr(importlib.import_module(f"{package.__name__}.{name}"), attribute)
        for name in names(package)
    }


def names(package: ModuleType) -> list[str]:
    """Return the names of a package's modules, in order; none is imported."""
    return sorted(found.name for found in pkgutil.iter_modules(package.__path__))
