"""The methods by name: one file of `methods` is one, under the name of the file."""

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache

from fedmedlora.errors import Fault, InputError
from fedmedlora.federation import methods as package
from fedmedlora.federation.strategy import Method, Strategy
from fedmedlora.federation.weighting import Weighting


@cache
def methods() -> Mapping[str, Method]:
    """Return every method by name, in the order of the names."""
    names = sorted(found.name for found in pkgutil.iter_modules(package.__path__))
    return {name: importlib.import_module(f"{package.__name__}.{name}").METHOD for name in names}


def strategy_by_name(name: str, own: object = None, *, weighting: Weighting) -> Strategy:
    """Return the strategy of a name.

    Args:
        own: The method's own settings; None takes its defaults.
        weighting: What the experiment says of shares; a method whose shares were published takes
            no more of it than `max_share`.

    Raises:
        InputError: There is no strategy of this name.
    """
    if name not in methods():
        fault = Fault(where="strategy", found=repr(name), expected=f"one of {', '.join(methods())}")
        raise InputError([fault])
    method = methods()[name]
    return method.strategy(name, method.settings() if own is None else own, weighting)
