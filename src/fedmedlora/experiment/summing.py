"""How the updates of a round become their sum: read here, or encrypted at the sites.

    open     updates                                  -> shares -> sum
    blind    digests -> losses -> encrypted updates   -> shares -> encrypted sum -> digests -> sum

Shares are of those whose encrypted update has come, so a site that is gone until then is as absent
as one that never trained. One that is gone later is in the sum and not needed to open it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random, SystemRandom
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import numpy as np

from fedmedlora.adapters.files import adapter_digest
from fedmedlora.adapters.kinds import plain
from fedmedlora.adapters.weights import AdapterWeights, names_fault, num_parameters, shape_fault
from fedmedlora.errors import AggregationError, ModelError
from fedmedlora.experiment.audits import audit_fault
from fedmedlora.experiment.open_round import OpenRound
from fedmedlora.federation.blind import Stayed
from fedmedlora.federation.strategy import Round, in_the_open
from fedmedlora.federation.updates import Absence, SiteUpdate
from fedmedlora.privacy.sealed import add_up, shapes_of

_SILENT = "found no answer, expected its encrypted update"


class Summing(Protocol):
    """What makes the sum of a round's updates."""

    @property
    def up(self) -> Mapping[str, int]:
        """Return the bytes that came for the sum alone, by site."""
        ...

    @property
    def down(self) -> Mapping[str, int]:
        """Return the bytes that went for the sum alone, by site."""
        ...

    @property
    def told(self) -> Mapping[str, Any]:
        """Return what the record of the round says of it."""
        ...

    def gather(
        self, updates: Sequence[SiteUpdate], received: AdapterWeights
    ) -> tuple[tuple[SiteUpdate, ...], list[Absence]]:
        """Return the updates that can be in the sum, and why others cannot.

        Args:
            received: What the sites were sent.
        """
        ...

    def total(self, round_: Round) -> AdapterWeights:
        """Return the sum of the changes, each times its share.

        Raises:
            AggregationError: It cannot be formed.
        """
        ...


@contextmanager
def summing_of(opened: OpenRound) -> Iterator[Summing]:
    """Give what makes the sum of a round; files that it needs are gone on leaving."""
    if not opened.is_blind:
        yield OpenSum()
        return
    with TemporaryDirectory() as folder:
        yield BlindSum(opened, Path(folder), rng=SystemRandom())


@dataclass(frozen=True, slots=True)
class OpenSum:
    """A sum of updates that are read here."""

    up: Mapping[str, int] = field(default_factory=dict)
    down: Mapping[str, int] = field(default_factory=dict)
    told: Mapping[str, Any] = field(default_factory=dict)

    def gather(
        self, updates: Sequence[SiteUpdate], received: AdapterWeights
    ) -> tuple[tuple[SiteUpdate, ...], list[Absence]]:
        """Return all updates."""
        del received
        return tuple(updates), []

    def total(self, round_: Round) -> AdapterWeights:
        """Return the sum of the changes, each times its share."""
        return in_the_open(round_)


@dataclass(frozen=True, slots=True)
class BlindSum:
    """A sum of updates that nobody here can read.

    Attributes:
        folder: Where encrypted files lie until the round is closed.
        rng: Draws who shows an update.
        files: The encrypted updates, by site.
    """

    opened: OpenRound
    folder: Path
    rng: Random
    files: dict[str, Path] = field(default_factory=dict)
    up: dict[str, int] = field(default_factory=dict)
    down: dict[str, int] = field(default_factory=dict)
    told: dict[str, Any] = field(default_factory=dict)

    def gather(
        self, updates: Sequence[SiteUpdate], received: AdapterWeights
    ) -> tuple[tuple[SiteUpdate, ...], list[Absence]]:
        """Return the updates that came encrypted, and why others did not or do not count."""
        asked = self._stayed(update.report.site for update in updates)
        reasons = {one.site: f"update of {one.site}: {_SILENT}" for one in asked}
        sites = self.opened.engine.blind()
        for site, found in sites.sealed(asked, received, self.folder) if asked else ():
            if isinstance(found, str):
                reasons[site] = found
                continue
            self.files[site] = found
            self.up[site] = found.stat().st_size
            del reasons[site]
        came = tuple(update for update in updates if update.report.site in self.files)
        fit, caught = self._audited(came, received)
        return fit, [*(Absence(site, reason) for site, reason in reasons.items()), *caught]

    def total(self, round_: Round) -> AdapterWeights:
        """Return the sum as the sites say that it opens."""
        like = self._expected(round_.received)
        path, files = self.folder / "sum", {site: self.files[site] for site in round_.shares}
        try:
            add_up(path, files, round_.shares, shapes=shapes_of(like))
        except ModelError as error:
            raise AggregationError(str(error)) from error
        sha256, sites = self._agreed(path, round_)
        self.down.update(dict.fromkeys(files, path.stat().st_size))
        for site in sites:
            tensors = self.opened.engine.blind().told(site, sha256)
            if tensors is not None and adapter_digest(tensors) == sha256:
                self.up[site] += 4 * num_parameters(tensors)
                _require_like(tensors, like)
                self.told["sum"] = {"sha256": sha256, "opened_by": sites, "told_by": site}
                return tensors
        raise AggregationError(
            f"sum: found no site of {', '.join(sites)} that tells it, expected one; resume"
        )

    def _audited(
        self, updates: tuple[SiteUpdate, ...], received: AdapterWeights
    ) -> tuple[tuple[SiteUpdate, ...], list[Absence]]:
        if not updates or self.rng.random() >= self.opened.experiment.aggregation.audit_rate:
            return updates, []
        drawn = self.rng.choice(updates)
        (one,) = self._stayed([drawn.report.site])
        fault = audit_fault(self.opened, one, drawn.report, received, self._expected(received))
        self.told["audit"] = {"site": one.site, "sha256": one.sha256, "fault": fault}
        if fault is None:
            return updates, []
        return tuple(u for u in updates if u is not drawn), [
            Absence(one.site, fault, "failed_audit")
        ]

    def _stayed(self, sites: Iterable[str]) -> list[Stayed]:
        stayed = self.opened.stayed()
        return [stayed[site] for site in sites]

    def _expected(self, received: AdapterWeights) -> AdapterWeights:
        local = self.opened.arm.strategy.local
        return local.expected(plain(received), self.opened.round_index)

    def _agreed(self, path: Path, round_: Round) -> tuple[str, list[str]]:
        asked = self._stayed(round_.shares)
        told = self.opened.engine.blind().opened(path, asked, round_.received)
        found = {site: sha256 for site, sha256 in told if sha256 is not None}
        if len(set(found.values())) != 1:
            listed = ", ".join(f"{site} {found[site][:16]}" for site in sorted(found)) or "nothing"
            raise AggregationError(
                f"sum: found {listed}, expected the same at all sites that open it; look whether "
                "they have the same key and version of this program, then resume"
            )
        return next(iter(found.values())), sorted(found)


def _require_like(tensors: AdapterWeights, like: AdapterWeights) -> None:
    fault = names_fault(tensors, like)
    if fault is None:
        shapes = (shape_fault(name, tensors[name].shape, like[name].shape) for name in sorted(like))
        fault = next((one for one in shapes if one), None)
    if fault is not None:
        raise AggregationError(f"sum: {fault}")
    if not all(np.isfinite(tensors[name]).all() for name in like):
        raise AggregationError(
            "sum: found values NaN or infinite, expected finite values; an update was spoilt after "
            "its site looked at it, and only the sites can say which"
        )
