"""What whoever coordinates asks of the running server: who is there, and to run a job."""

import io
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from nvflare.fuel.flare_api.api_spec import (
    AuthenticationError,
    AuthorizationError,
    InternalError,
    InvalidJobDefinition,
    JobNotFound,
    NoReply,
    SessionClosed,
)
from nvflare.fuel.flare_api.flare_api import Session, new_secure_session

from fedmedlora.engines.nvflare.jobs import write_job
from fedmedlora.engines.nvflare.kits import ADMIN, ADMIN_NAME, Roles
from fedmedlora.engines.nvflare.runs import Run
from fedmedlora.errors import EngineError

_TROUBLES = (
    AuthenticationError,
    AuthorizationError,
    InternalError,
    InvalidJobDefinition,
    JobNotFound,
    NoReply,
    OSError,
    RuntimeError,
    SessionClosed,
)
_ENDED = "FINISHED"
_DETAIL = "job_deploy_detail"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a job stands.

    Attributes:
        state: `waiting` until its processes are started.
        reason: Why it failed; "" otherwise.
        mendable: Whether another job could do better, with other sites in it.
    """

    state: Literal["waiting", "running", "ended", "failed"]
    reason: str = ""
    mendable: bool = True


@dataclass(frozen=True, slots=True)
class Server:
    """A running server, as its administrator sees it.

    Attributes:
        kit: The coordinator's.
    """

    kit: Path
    session: Session

    def connected(self) -> dict[str, float]:
        """Return when each connected site was last heard, in seconds since the epoch.

        A site that is connected need not be part of the job that runs: see `left_out`.

        Raises:
            EngineError: The server cannot be reached.
        """
        clients = _told(self.session.get_connected_client_list)
        return {each.name: float(each.last_connect_time) for each in clients}

    def submit(self, roles: Roles, settings: Mapping[str, Any], *, sites: Sequence[str]) -> str:
        """Return the id of a new job for those of the sites that are connected when it starts.

        Args:
            settings: Plain values, for the coordinator's role.

        Raises:
            EngineError: The server cannot be reached, or does not take it.
        """
        with tempfile.TemporaryDirectory() as folder:
            job = write_job(Path(folder) / "job", roles, settings, sites=sites)
            return str(_told(lambda: self.session.submit_job(str(job))))

    def standing(self, job: str) -> Standing:
        """Return how a job stands; one that a server before this one had has failed.

        Raises:
            EngineError: The server cannot be reached.
        """
        run = Run(self.kit, job)
        if (reason := run.abandoned()) is not None:
            return Standing("failed", reason)
        told = _told(lambda: self.session.get_job_meta(job))
        status = str(told["status"])
        if not status.startswith(_ENDED):
            return Standing("running" if status == "RUNNING" else "waiting")
        # NVFLARE calls a job abnormal where a site had died in it; ours says how it went.
        found = self._found(status, told.get(_DETAIL) or [])
        return self.ended(job) or Standing("failed", found)

    def ended(self, job: str) -> Standing | None:
        """Return how a job ended as it says itself, None where it does not."""
        try:
            reason, mendable = Run(self.kit, job).reason()
        except FileNotFoundError:
            return None
        return Standing("ended") if reason is None else Standing("failed", reason, mendable)

    def _found(self, status: str, details: Sequence[str]) -> str:
        refused = "; ".join(str(each) for each in details if not str(each).endswith(": OK"))
        found = f"found that NVFLARE ended the job as {status}" + (refused and f" ({refused})")
        return f"coordinator: {found}, expected it to run; see {self.kit / 'log.txt'}"

    def left_out(self, job: str) -> frozenset[str]:
        """Return the connected sites that have no part in a running job, or no longer.

        NVFLARE takes no site into a job that runs; the next one takes them.

        Raises:
            EngineError: The server cannot be reached.
        """
        sites = Run(self.kit, job).sites()
        return frozenset() if sites is None else frozenset(self.connected()) - sites

    def stop(self, job: str) -> None:
        """Stop a job at once; what sites work on is lost.

        Raises:
            EngineError: The server cannot be reached, or the job does not run.
        """
        _told(lambda: self.session.abort_job(job))

    def exclude(self, site: str) -> None:
        """Let a site in no more, whatever its certificate says, until it is readmitted.

        Raises:
            EngineError: The server cannot be reached.
        """
        _told(lambda: self.session.disable_client(site))

    def readmit(self, site: str) -> None:
        """Let a site in again.

        Raises:
            EngineError: The server cannot be reached.
        """
        _told(lambda: self.session.enable_client(site))


@contextmanager
def open_session(kit: Path, *, wait_s: float) -> Iterator[Server]:
    """Speak to the server as its administrator.

    Args:
        kit: The coordinator's.

    Raises:
        EngineError: It cannot be reached.
    """
    try:
        # It greets on stdout, which is kept for results.
        with redirect_stdout(io.StringIO()):
            session = new_secure_session(ADMIN_NAME, str(kit.resolve() / ADMIN), timeout=wait_s)
    except _TROUBLES as error:
        raise EngineError(f"{kit}: found no running server, expected one; start it") from error
    try:
        yield Server(kit.resolve(), session)
    finally:
        # An open one keeps Python from ending.
        session.close()


def _told(question: Callable[[], Any]) -> Any:  # noqa: ANN401 -- whatever NVFLARE says
    try:
        return question()
    except _TROUBLES as error:
        raise EngineError(
            f"coordinator: found that the server does not answer ({type(error).__name__}), "
            "expected it to run; start it again"
        ) from error
