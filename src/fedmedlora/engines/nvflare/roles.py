"""The two ends as NVFLARE wants them: a controller at the server, an executor at each site.

A job names these classes; what they do is theirs and the kit's to say, never the job's.
"""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nvflare.apis.event_type import EventType
from nvflare.apis.executor import Executor
from nvflare.apis.fl_constant import ReturnCode
from nvflare.apis.fl_context import FLContext
from nvflare.apis.impl.controller import Controller
from nvflare.apis.shareable import Shareable, make_reply
from nvflare.apis.signal import Signal

from fedmedlora.engines.nvflare.activity import tell_activity
from fedmedlora.engines.nvflare.answering import Answering, Opening
from fedmedlora.engines.nvflare.runs import Run
from fedmedlora.engines.nvflare.transport import NvflareTransport
from fedmedlora.errors import EngineError, FedMedLoRAError, QuorumError

logger = logging.getLogger(__name__)

Coordinating = Callable[[NvflareTransport, Mapping[str, Any]], None]


class CoordinatorRole(Controller):
    """Leads one job; a class with no arguments but the job's settings is made of it."""

    def __init__(
        self, coordinate: Coordinating, settings: Mapping[str, Any], *, silence_s: float = 20.0
    ) -> None:
        """Keep what is to be done.

        Args:
            coordinate: Leads the sites from the first round to the last.
            settings: Plain values from the job.
            silence_s: After so long without a sign a site counts as gone.
        """
        super().__init__()
        self._coordinate, self._settings = coordinate, settings
        self._silence_s = silence_s

    def start_controller(self, fl_ctx: FLContext) -> None:
        """Do nothing; NVFLARE wants it."""

    def stop_controller(self, fl_ctx: FLContext) -> None:
        """Do nothing; NVFLARE wants it."""

    def process_result_of_unknown_task(self, *_: object, **__: object) -> None:
        """Do nothing; there are no tasks."""

    def control_flow(self, abort_signal: Signal, fl_ctx: FLContext) -> None:
        """Lead the job, and note how it ended for whoever started it."""
        engine = fl_ctx.get_engine()
        job = fl_ctx.get_job_id()
        run = Run(Path(fl_ctx.get_workspace().get_root_dir()), job)
        participants = frozenset(client.name for client in engine.get_clients())
        run.note_sites(participants)
        transport = NvflareTransport(
            engine.get_cell(),
            run=run,
            participants=participants,
            stop=abort_signal,
            silence_s=self._silence_s,
        )
        try:
            self._coordinate(transport, self._settings)
        except FedMedLoRAError as error:
            run.end(str(error), mendable=isinstance(error, QuorumError | EngineError))
            self.system_panic("the run failed; its reason lies in the coordinator's kit", fl_ctx)
        except OSError as error:
            place = error.filename or "a file"
            reason = (
                f"coordinator: found {error.strerror!r} on reading or writing {place}, expected "
                "room and permission; look at its disks, then start again"
            )
            run.end(reason, mendable=False)
            raise
        except Exception as error:
            reason = f"coordinator: found a {type(error).__name__}, expected none; see its log"
            run.end(reason, mendable=False)
            raise
        else:
            run.end(None)
        finally:
            transport.close()


class SiteRole(Executor):
    """Answers for one site in one job; a class without arguments is made of it."""

    def __init__(self, opening: Opening, *, pulse_s: float = 2.0) -> None:
        """Keep how the service is opened.

        Args:
            opening: Makes the service from the kit.
            pulse_s: So often the coordinator hears that this site is there.
        """
        super().__init__()
        self._opening, self._pulse_s = opening, pulse_s
        self._answering: Answering | None = None

    def handle_event(self, event_type: str, fl_ctx: FLContext) -> None:
        """Begin and end with the job."""
        if event_type == EventType.START_RUN:
            kit = Path(fl_ctx.get_workspace().get_root_dir())
            tell_activity(kit)
            self._answering = Answering(
                fl_ctx.get_engine().get_cell(),
                site=fl_ctx.get_identity_name(),
                job=fl_ctx.get_job_id(),
                kit=kit,
                opening=self._opening,
                pulse_s=self._pulse_s,
            )
        elif event_type == EventType.END_RUN and self._answering is not None:
            self._answering.close()
            logger.info("was asked its last in this job; waits for the next, if there is one")

    def execute(
        self, task_name: str, shareable: Shareable, fl_ctx: FLContext, abort_signal: Signal
    ) -> Shareable:
        """Refuse; nothing is asked for by tasks."""
        del task_name, shareable, fl_ctx, abort_signal
        return make_reply(ReturnCode.TASK_UNKNOWN)
