"""Whoever coordinates: the server runs, and job after job goes on with the run until it is done.

NVFLARE takes no site into a job that runs. So a site that comes, or comes back, ends the job at the
next boundary between rounds, and the next job has it.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from fedmedlora.engines.nvflare.ends import ROLES
from fedmedlora.engines.nvflare.processes import end, start_server
from fedmedlora.engines.nvflare.runs import Run
from fedmedlora.engines.nvflare.session import Server, Standing, open_session
from fedmedlora.engines.nvflare.site import identity_in
from fedmedlora.engines.remote.coordinating import (
    is_complete,
    own_settings,
    progress,
    taking_part,
)
from fedmedlora.errors import EngineError
from fedmedlora.experiment.schema import Experiment
from fedmedlora.experiment.store import RunStore

logger = logging.getLogger(__name__)

_LOOK_S = 0.5
_START_S = 60.0
_SESSION_S = 5.0
_SERVER_S = 10.0
_SILENCE_S = 15.0
"""A site says every five seconds that it is there."""


@dataclass(frozen=True, slots=True)
class LedRun:
    """A run that is to be done, and who takes part.

    Attributes:
        run: Its folder.
    """

    experiment: Experiment
    run: Path

    def sites(self) -> frozenset[str]:
        """Return the sites that are to take part; the server's own notes are none."""
        with RunStore.open(self.run) as store:
            return frozenset(taking_part(self.experiment, store))

    def trained(self) -> frozenset[str]:
        """Return the sites that train from the start, of which there must be a quorum."""
        return frozenset(site.name or "" for site in self.experiment.sites_of("train"))

    def awaited(self) -> frozenset[str]:
        """Return the sites that are waited for where they are not there."""
        return self.sites() & self.known() if self.experiment.engine.late_joiners else self.sites()

    def is_done(self) -> bool:
        """Return whether nothing is missing of the run."""
        with RunStore.open(self.run) as store:
            return is_complete(self.experiment, store)

    def known(self) -> frozenset[str]:
        """Return the sites that have taken part at some time."""
        with RunStore.open(self.run) as store:
            return frozenset(store.meta("facts") or {})

    def told(self) -> list[tuple[int, str]]:
        """Return what a person wants to know of the run so far: lines with their logging level.

        Which sites' machines do otherwise than the experiment says, who was absent from a closed
        round and why, and the last round that is closed.
        """
        with RunStore.open(self.run) as store:
            own, at = own_settings(store), progress(self.experiment, store)
            rounds = [(arm, one) for arm in store.begun_arms() for one in store.rounds(arm)]
        lines = []
        for site, settings in own.items():
            said = ", ".join(f"{key} = {value}" for key, value in settings.items())
            lines.append((logging.INFO, f"{site}: its machine has {said}"))
        for arm, one in rounds:
            without = f"{arm}: round {one['round']} goes without"
            lines += [
                (logging.WARNING, f"{without} {absence['site']}: {absence['reason']}")
                for absence in one["absences"]
            ]
        if at.arm:
            lines.append((logging.INFO, f"{at.arm}: round {at.round} of {at.rounds} is closed"))
        return lines


@contextmanager
def running_server(kit: Path, *, now: datetime) -> Iterator[Server]:
    """Give the administrator's session of a server that runs as long as this lasts.

    Raises:
        InputError: The kit cannot be started; see `start_server`.
        EngineError: The server does not come up.
    """
    with ExitStack() as stack:
        process = start_server(kit, now=now)
        stack.callback(end, process)
        deadline = time.monotonic() + _START_S
        while True:
            try:
                server = stack.enter_context(open_session(kit, wait_s=_SESSION_S))
                break
            except EngineError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(_LOOK_S)
        yield server


def lead(led: LedRun, server: Server) -> None:
    """Open one job after the other until the run is done.

    Raises:
        EngineError: A job failed, and no site came since that could help.
    """
    given_up: frozenset[str] = frozenset()
    sites = led.sites()
    for site in led.experiment.sites_elsewhere():
        # Who left this run for good may be part of the next.
        (server.readmit if site in sites else server.exclude)(site)
    while not led.is_done():
        sites = _gathered(led, server, given_up)
        given_up = led.sites() - sites
        logger.info("a job for %s begins", ", ".join(sorted(sites)))
        identity = identity_in(server.kit)
        settings = {
            "run": str(led.run.resolve()),
            "engine": asdict(led.experiment.engine),
            "identity": str(identity.resolve()) if identity else None,
        }
        job = server.submit(ROLES, settings, sites=sorted(sites))
        standing = _watched(server, job, led, submitted=sites)
        if standing.state == "failed":
            _wait_for_others(server, sites, led, standing)


def _gathered(led: LedRun, server: Server, given_up: frozenset[str]) -> frozenset[str]:
    """Return the connected sites once those are there that are waited for, and a quorum.

    For a site that never took part it waits as long as it takes, unless such may join late; for
    one that is gone as long as the experiment says, once a quorum is there, and for one that was
    given up before not at all.
    """
    began, said, sites = time.monotonic(), "", led.sites()
    while True:
        here = _present(server) & sites
        missing = led.awaited() - led.known() - here
        is_quorum = len(here & led.trained()) >= led.experiment.quorum
        if not is_quorum:
            # After the coordinator itself was cut off they come one by one.
            began = time.monotonic()
        if time.monotonic() - began < led.experiment.engine.return_s:
            missing |= led.awaited() - here - given_up
        if not missing and is_quorum:
            return here
        awaited = ", ".join(sorted(missing or sites - here))
        if awaited != said:
            logger.info("waiting for %s", awaited)
            said = awaited
        time.sleep(_LOOK_S)


def _present(server: Server) -> frozenset[str]:
    # The server goes on to call a site connected for a while after it was killed.
    now = time.time()
    return frozenset(site for site, at in server.connected().items() if now - at < _SILENCE_S)


def _watched(server: Server, job: str, led: LedRun, *, submitted: frozenset[str]) -> Standing:
    """Return how a job ended; ask it to end where a site waits that it does not have.

    Args:
        submitted: The sites that the job was given to. One of them that is connected all the time
            and yet has no part in it would have none in the next either.
    """
    run, asked, away = Run(server.kit, job), False, set[str]()
    said = set(led.told())
    while True:
        standing, here, waiting = _looked(server, job)
        away |= submitted - here
        waiting = (waiting & led.sites()) - (submitted - away)
        for each in led.told():
            if each not in said:
                level, line = each
                logger.log(level, "%s", line)
                said.add(each)
        if standing.state not in ("waiting", "running"):
            return standing
        if waiting and not asked:
            logger.info("%s waits to be let in after this round", ", ".join(sorted(waiting)))
            run.ask_to_end()
            asked = True
        time.sleep(_LOOK_S)


def _looked(server: Server, job: str) -> tuple[Standing, frozenset[str], frozenset[str]]:
    """Return how a job stands, which sites are connected, and which of them have no part in it.

    Raises:
        EngineError: The server does not answer for a while, and the job does not say why.
    """
    deadline = time.monotonic() + _SERVER_S
    while True:
        try:
            return server.standing(job), frozenset(server.connected()), server.left_out(job)
        except EngineError:
            # On a full disk the server fails too, but the job alone knows by what.
            if (ended := server.ended(job)) is not None:
                return ended, frozenset(), frozenset()
            if time.monotonic() > deadline:
                raise
        time.sleep(_LOOK_S)


def _wait_for_others(server: Server, had: frozenset[str], led: LedRun, standing: Standing) -> None:
    """Wait until other sites are connected than a failed job had.

    Raises:
        EngineError: None can help, or none came in the time that one may take to return.
    """
    others = led.sites() - had
    if not standing.mendable or not others:
        raise EngineError(standing.reason)
    logger.warning("%s", standing.reason)
    deadline = time.monotonic() + led.experiment.engine.return_s
    while not _present(server) & others:
        if time.monotonic() > deadline:
            raise EngineError(standing.reason)
        time.sleep(_LOOK_S)
