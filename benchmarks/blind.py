"""What a blind round costs a site, and how far its sum is from the open one.

    encrypt, open    seconds at a site, for an adapter of the bundled one's shapes
    add up           seconds at the server, for all sites
    up, down         bytes a site
    apart            largest difference of any value from the open sum: of one round, of one without
                     the last site, and of three rounds added up

python benchmarks/blind.py --out runs/bench/blind.json
"""

import argparse
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from contest.figures import keep, machine, spread, table, told_aside
from contest.turns import seconds_of
from fedmedlora.adapters.files import open_adapter
from fedmedlora.adapters.weights import AdapterWeights, add, num_parameters
from fedmedlora.bundled import ADAPTER
from fedmedlora.federation.combining import weighted_sum
from fedmedlora.federation.updates import SiteReport, SiteUpdate
from fedmedlora.privacy.ckks import Key, new_key
from fedmedlora.privacy.sealed import add_up, open_sum, seal, shapes_of

SITES = ("cardiology", "oncology", "orthopaedics", "paediatrics", "psychiatry")
LIMIT = 1e-6
_TYPICAL = 0.01
"""Standard deviation of the updates' values."""


def main() -> int:
    """Measure, print a table, and say whether what must hold did."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3, help="rounds that are added up")
    told_aside(parser)
    options = parser.parse_args()
    told = machine()
    figures = _measured(options.rounds)
    print(f"{figures['values'][0]:,.0f} values, {len(SITES)} sites; {told}\n")  # noqa: T201
    rows = [(name, spread(found, _digits(name))) for name, found in figures.items()]
    print(table(("", "min / median / max"), rows), end="")  # noqa: T201
    keep(options, {"figures": figures})
    return int(max(figures["apart, 1e-9"]) >= LIMIT * 1e9)


def _digits(name: str) -> int:
    return 2 if "seconds" in name or "MB" in name else 0


def _measured(rounds: int) -> dict[str, list[float]]:
    like = dict(open_adapter(ADAPTER / "adapter_model.safetensors"))
    key = new_key()
    figures: dict[str, list[float]] = {"values": [float(num_parameters(like))]}
    blind: AdapterWeights | None = None
    seen: AdapterWeights | None = None
    for number in range(rounds):
        one, other = _round(like, key, number, figures, absent=())
        blind, seen = (
            (one, other) if blind is None or seen is None else _both(blind, seen, one, other)
        )
        figures.setdefault("apart, 1e-9", []).append(_apart(one, other))
    figures["apart after all rounds, 1e-9"] = [_apart(blind or {}, seen or {})]
    one, other = _round(like, key, rounds, figures, absent=SITES[-1:])
    figures["apart without a site, 1e-9"] = [_apart(one, other)]
    return figures


def _both(
    blind: AdapterWeights, seen: AdapterWeights, one: AdapterWeights, other: AdapterWeights
) -> tuple[AdapterWeights, AdapterWeights]:
    return add(blind, one), add(seen, other)


def _apart(one: AdapterWeights, other: AdapterWeights) -> float:
    return 1e9 * max(float(np.abs(one[name] - other[name]).max()) for name in one)


def _round(
    like: AdapterWeights,
    key: Key,
    number: int,
    figures: dict[str, list[float]],
    *,
    absent: tuple[str, ...],
) -> tuple[AdapterWeights, AdapterWeights]:
    """Return the sum of a round as it is opened, and in the open."""
    rng = np.random.default_rng(number)
    sites = [site for site in SITES if site not in absent]
    deltas = {site: _delta(like, rng) for site in sites}
    shares = dict(zip(sites, map(float, rng.dirichlet(np.ones(len(sites)) * 5)), strict=True))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = {site: folder / site for site in sites}
        for site, path in files.items():
            _note(
                figures,
                "encrypt, seconds a site",
                seconds_of(
                    lambda site=site, path=path: seal(  # type: ignore[misc]
                        path, deltas[site], key, site=site, members=SITES
                    )
                ),
            )
            _note(figures, "up, MB a site", path.stat().st_size / 1e6)
        total, shapes = folder / "sum", shapes_of(like)
        _note(
            figures,
            "add up, seconds",
            seconds_of(lambda: add_up(total, files, shares, shapes=shapes)),
        )
        _note(figures, "down, MB a site", total.stat().st_size / 1e6)
        opened: list[AdapterWeights] = []
        _note(
            figures,
            "open, seconds a site",
            seconds_of(lambda: opened.append(open_sum(total, key, shapes=shapes))),
        )
    return opened[0], _in_the_open(deltas, shares)


def _note(figures: dict[str, list[float]], name: str, value: float) -> None:
    figures.setdefault(name, []).append(value)


def _delta(like: AdapterWeights, rng: np.random.Generator) -> AdapterWeights:
    return {n: rng.normal(0, _TYPICAL, like[n].shape).astype(np.float32) for n in like}


def _in_the_open(
    deltas: Mapping[str, AdapterWeights], shares: Mapping[str, float]
) -> AdapterWeights:
    updates = [
        SiteUpdate(SiteReport(site, 1, 1, None, None), deltas[site], "", "") for site in deltas
    ]
    return weighted_sum(updates, shares)


if __name__ == "__main__":
    sys.exit(main())
