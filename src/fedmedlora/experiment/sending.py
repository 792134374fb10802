"""What may be sent to an endpoint: whose notes, with which key, and over which networks.

An endpoint is asked about a note by sending it. Notes of a site that is not public stay on this
machine, unless the experiment says that they may leave it.
"""

import ipaddress
import re
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from fedmedlora.errors import Fault, InputError
from fedmedlora.experiment.baselines import ENDPOINT_ARMS, Endpoint
from fedmedlora.experiment.schema import Experiment
from fedmedlora.sites import SiteRole

_KEY = re.compile(r"[!-~]+")
# Source: RFC 1918, section 3, and RFC 4193.
_PRIVATE_NETWORKS = tuple(
    ipaddress.ip_network(told)
    for told in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
)


def asks_endpoint(arms: Iterable[str]) -> bool:
    """Return whether one of some arms asks an endpoint."""
    return any(arm in ENDPOINT_ARMS for arm in arms)


def is_asked_about(role: SiteRole) -> bool:
    """Return whether a site's notes are asked about; about the server's own nobody asks."""
    return role != "server"


def is_private(role: SiteRole, *, public: bool) -> bool:
    """Return whether a site's notes are asked about and not public."""
    return is_asked_about(role) and not public


def sending_faults(experiment: Experiment, private: Iterable[str]) -> list[Fault]:
    """Return a fault for each site whose notes an experiment would send away without leave.

    Args:
        private: The sites whose notes are asked about and are not public.
    """
    endpoint = experiment.endpoint
    asks = asks_endpoint(experiment.arms)
    if not asks or endpoint.sends_notes or _is_here(f"{endpoint.url}"):
        return []
    return [_unsendable(site, endpoint) for site in private]


def endpoint_key(endpoint: Endpoint, environ: Mapping[str, str]) -> str:
    """Return what an endpoint knows us by; "" where it does not ask.

    Args:
        environ: The environment's variables.

    Raises:
        InputError: The variable that should hold the key is not set, or holds no key.
    """
    if not endpoint.key_variable:
        return ""
    key = environ.get(endpoint.key_variable, "").strip()
    if _KEY.fullmatch(key):
        return key
    found = "signs that no key has" if key else "nothing"
    expected, advice = f"the key of {endpoint.url}", 'export it, or set endpoint.key_variable = ""'
    raise InputError([Fault(f"environment: {endpoint.key_variable}", found, expected, advice)])


def is_in_the_clear(url: str) -> bool:
    """Return whether notes and key could be read on their way to an address.

    Without https they may go to this machine, and to an address of a private network; a name may
    be anyone's.
    """
    return urlsplit(url).scheme == "http" and not (_is_here(url) or _is_near(url))


def _is_here(url: str) -> bool:
    """Return whether an address is of this machine and of no other."""
    number = _number(url)
    return urlsplit(url).hostname == "localhost" or (number is not None and number.is_loopback)


def _is_near(url: str) -> bool:
    number = _number(url)
    return number is not None and any(number in network for network in _PRIVATE_NETWORKS)


def _number(url: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(urlsplit(url).hostname or "")
    except ValueError:
        return None


def _unsendable(site: str, endpoint: Endpoint) -> Fault:
    return Fault(
        f"site {site}",
        f"notes that are not public, to be sent to {endpoint.url}",
        "an address of this machine",
        "ask a model of your own, leave the site or the endpoint's arms out, or set "
        "endpoint.sends_notes = true where whoever runs it may read them",
    )
