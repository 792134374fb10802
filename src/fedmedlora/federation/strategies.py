"""The methods by name: one file of `methods` is one, under the name of the file."""

from collections.abc import Mapping
from functools import cache

from fedmedlora.errors import Fault, InputError
from fedmedlora.federation import methods as package
from fedmedlora.federation.strategy import Method, Strategy
from fedmedlora.federation.weighting import Weighting
from fedmedlora.registry import members


@cache
def methods() -> Mapping[str, Method]:
    """Return every method by name, in the order of the names."""
    return members(package, "METHOD")


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
