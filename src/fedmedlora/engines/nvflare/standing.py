"""How a federation stands, as seen from a kit: who is connected, and how far the run is."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fedmedlora.durable_files import write_whole
from fedmedlora.engines.nvflare.owner import owner_of
from fedmedlora.engines.nvflare.processes import is_running
from fedmedlora.engines.nvflare.session import open_session
from fedmedlora.engines.remote.coordinating import Progress, progress
from fedmedlora.errors import EngineError
from fedmedlora.experiment.store import RunStore

_RUN = "run.json"
_WAIT_S = 5.0


@dataclass(frozen=True, slots=True)
class SiteStanding:
    """How a site stands.

    Attributes:
        last_heard_s: Seconds since the coordinator heard of it; None where it is not connected.
        bytes_up: Of its updates so far.
        bytes_down: Of what was sent to it in the rounds so far.
        handed_in: Whether it has, in a round that is under way.
    """

    last_heard_s: float | None = None
    bytes_up: int = 0
    bytes_down: int = 0
    handed_in: bool = False


@dataclass(frozen=True, slots=True)
class FederationStanding:
    """How a federation stands.

    Attributes:
        runs: Whether a command runs from the kit, or what one that was killed left behind.
        run: Its folder; None before the first, and at a site.
        progress: How far it is.
        report: Where it lies, once the run is done.
        sites: By name; at a site's kit none.
    """

    kit: str
    runs: bool
    run: str | None = None
    progress: Progress | None = None
    report: str | None = None
    sites: Mapping[str, SiteStanding] = field(default_factory=dict)


def note_run(kit: Path, run: Path) -> None:
    """Note in the coordinator's kit which run it leads."""
    write_whole(kit / _RUN, json.dumps({"run": str(run.resolve())}).encode())


def standing_of(kit: Path, *, now: float) -> FederationStanding:
    """Return how a federation stands.

    Args:
        now: Seconds since the epoch.
    """
    # A command that was killed leaves its processes behind, which go on.
    runs = owner_of(kit) is not None or is_running(kit)
    if not (kit / _RUN).exists():
        return FederationStanding(str(kit), runs)
    run = Path(json.loads((kit / _RUN).read_text(encoding="utf-8"))["run"])
    heard: dict[str, float] = {}
    with suppress(EngineError):
        if runs:
            with open_session(kit, wait_s=_WAIT_S) as server:
                heard = server.connected()
    with RunStore.open(run) as store:
        rounds = [store.rounds(arm) for arm in store.begun_arms()]
        names = store.experiment().sites_elsewhere()
        at = progress(store.experiment(), store)
        # Once a round is closed its updates are forgotten.
        under_way = [store.site_update(key) or {} for key in store.site_update_keys()]
    handed_in = {update.get("site") for update in under_way}
    sites = {
        name: SiteStanding(
            max(0.0, now - heard[name]) if name in heard else None,
            _total(rounds, "bytes_up", name),
            _total(rounds, "bytes_down", name),
            name in handed_in,
        )
        for name in names
    }
    report = run / "report.html"
    told = str(report) if at.is_complete and report.exists() else None
    return FederationStanding(str(kit), runs, str(run), at, told, sites)


def lines_of(standing: FederationStanding) -> Iterator[str]:
    """Yield how a federation stands as lines for a person."""
    yield f"{standing.kit}: {'running' if standing.runs else 'not running'}"
    if standing.run is not None and (at := standing.progress) is not None:
        yield f"{standing.run}: {_words(at)}"
    if standing.report is not None:
        yield f"report: {standing.report}"
    for name, site in standing.sites.items():
        heard = site.last_heard_s
        seen = "not connected" if heard is None else f"heard {heard:.0f} s ago"
        at_hand = ", has handed in" if site.handed_in else ""
        yield f"{name}: {seen}, {site.bytes_up} bytes up, {site.bytes_down} down{at_hand}"


def _words(at: Progress) -> str:
    if at.is_complete:
        return f"done, {at.num_done} arms"
    last = f"{at.arm}, round {at.round} of {at.rounds}" if at.arm else "no round yet"
    return f"{last}; {at.num_done} of {at.num_arms} arms done"


def _total(arms: Iterable[Sequence[Mapping[str, Any]]], way: str, site: str) -> int:
    return sum(one[way].get(site, 0) for rounds in arms for one in rounds)
