"""A site's end: one question after the other, answered by a service as long as the job lives."""

import logging
import secrets
import shutil
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from nvflare.apis.signal import Signal
from nvflare.fuel.f3.cellnet.cell import Cell
from nvflare.fuel.f3.message import Message as CellMessage

from fedmedlora.engines.nvflare import wire
from fedmedlora.engines.nvflare.files import Courier, FetchError
from fedmedlora.engines.remote.messages import Message, Service
from fedmedlora.errors import EngineError, FedMedLoRAError

logger = logging.getLogger(__name__)

Opening = Callable[[Path], Service]

_SERVER = "server"
_WAIT_FOR_REPLY_S = 5.0
# The coordinator says at once when it has an answer; this is for when that gets lost.
_AGAIN_S = 2.0
_LONGEST_REASON = 2000


class Answering:
    """Answers for a site in one NVFLARE job."""

    def __init__(
        self,
        cell: Cell,
        *,
        site: str,
        job: str,
        kit: Path,
        opening: Opening,
        pulse_s: float,
    ) -> None:
        """Listen to the coordinator, and say that this site is there.

        Args:
            cell: NVFLARE's, of this site's process for the job.
            kit: The site's; files lie in a folder of it while they are needed.
            opening: Makes the service from the kit; may take long.
            pulse_s: So often the coordinator hears from here.
        """
        self._cell, self._site, self._pulse_s = cell, site, pulse_s
        self._courier = Courier(cell)
        self._server = wire.end_of(_SERVER, job)
        self._folder = kit / "spool" / job
        self._token = secrets.token_hex(16)
        self._stop = Signal()
        self._ready = threading.Event()
        self._is_at_work = False
        self._questions: SimpleQueue[tuple[dict[str, Any], float] | None] = SimpleQueue()
        self._known: set[str] = set()
        self._delivered: dict[str, threading.Event] = {}
        for topic, heard in ((wire.QUESTION, self._on_question), (wire.OVER, self._on_over)):
            cell.register_request_cb(channel=wire.CHANNEL, topic=topic, cb=heard)
        for work in (lambda: self._work(kit, opening), self._pulse):
            threading.Thread(target=work, daemon=True).start()

    def close(self) -> None:
        """Take no more questions; a service in the middle of one ends with the process."""
        self._stop.trigger("closed")
        self._questions.put(None)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _pulse(self) -> None:
        while not self._stop.triggered:
            said = {
                "token": self._token,
                "ready": self._ready.is_set(),
                "is_at_work": self._is_at_work,
            }
            wire.tell(self._cell, self._server, wire.HELLO, said)
            # The first moment of being ready is told at once.
            if self._ready.is_set():
                time.sleep(self._pulse_s)
            else:
                self._ready.wait(self._pulse_s)

    def _on_question(self, message: CellMessage) -> CellMessage:
        """Take a question of the coordinator, once."""
        try:
            said = wire.unpacked(message)
        except (TypeError, ValueError):
            said = {}
        shown = str(said.get("token"))
        if wire.sender(message) != self._server or not secrets.compare_digest(shown, self._token):
            logger.warning("dropped a question from %s", wire.sender(message))
            return wire.reply(wire.IS_OVER)
        if said["id"] not in self._known:
            self._known.add(said["id"])
            self._questions.put((said, time.monotonic() + float(said["wait_s"])))
        return wire.reply(wire.TAKEN)

    def _on_over(self, message: CellMessage) -> CellMessage:
        """Let go of an answer that the coordinator has, or does not want."""
        try:
            delivered = self._delivered.get(str(wire.unpacked(message).get("id")))
        except (TypeError, ValueError):
            delivered = None
        if delivered is not None:
            delivered.set()
        return wire.reply(wire.TAKEN)

    def _work(self, kit: Path, opening: Opening) -> None:
        service = _opened(opening, kit)
        self._ready.set()
        while (asked := self._questions.get()) is not None:
            said, deadline = asked
            if time.monotonic() >= deadline:
                logger.warning("left out a question on %r: its time was over", said["subject"])
                continue
            shutil.rmtree(self._folder, ignore_errors=True)
            self._is_at_work = True
            try:
                self._answer(service, said)
            except Exception as error:  # noqa: BLE001 -- the next question is answered all the same
                _log_without_words(error)
            self._is_at_work = False

    def _answer(self, service: Service | str, said: Mapping[str, Any]) -> None:
        """Answer a question, if only with why there is no answer."""
        try:
            answer = self._answered(service, said)
            with self._courier.offering(answer.files.values()) as offered:
                self._deliver(said["id"], wire.text_of(_content(said["id"], answer, offered)))
        except (FedMedLoRAError, FetchError) as error:
            reason = str(error)
        except wire.UnsayableError as error:
            reason = f"found an answer that cannot be sent: {error}"
        except OSError as error:
            reason = (
                f"found {error.strerror!r} on reading or writing a file, expected room and "
                "permission; look at the disk of the site's kit"
            )
        except Exception as error:  # noqa: BLE001 -- its words may be of a note
            _log_without_words(error)
            reason = f"found a {type(error).__name__}, expected an answer; see the site's log"
        else:
            return
        logger.warning("%s", reason)
        failed = {"id": said["id"], "error": f"{self._site}: {reason}"[:_LONGEST_REASON]}
        self._deliver(said["id"], wire.text_of(failed))

    def _answered(self, service: Service | str, said: Mapping[str, Any]) -> Message:
        if isinstance(service, str):
            raise EngineError(service)
        return service.answer(self._fetched(said), _empty(self._folder / "out"))

    def _fetched(self, said: Mapping[str, Any]) -> Message:
        folder = _empty(self._folder / "in")
        files: dict[str, Path] = {}
        for number, one in enumerate(wire.offered_files(said["files"])):
            files[one.name] = folder / str(number)
            self._courier.fetch(
                self._server,
                one,
                files[one.name],
                piece_bytes=said["piece_bytes"],
                stop=self._stop,
            )
        return Message(said["subject"], said["body"], files)

    def _deliver(self, of: str, text: str) -> None:
        """Send an answer until the coordinator has it, or does not want it."""
        delivered = self._delivered[of] = threading.Event()
        try:
            while not (self._stop.triggered or delivered.is_set()):
                heard = wire.send(
                    self._cell, self._server, wire.ANSWER, text, wait_s=_WAIT_FOR_REPLY_S
                )
                if heard == wire.IS_OVER:
                    return
                delivered.wait(_AGAIN_S)
        finally:
            del self._delivered[of]


def _content(
    of: str, answer: Message, offered: Mapping[Path, tuple[str, int, str]]
) -> dict[str, Any]:
    """Return what is said of an answer."""
    files = {name: wire.Offered(name, *offered[path]) for name, path in answer.files.items()}
    return {
        "id": of,
        "subject": answer.subject,
        "body": dict(answer.body),
        "files": wire.as_facts(files),
        "error": None,
    }


def _opened(opening: Opening, kit: Path) -> Service | str:
    """Return the service, or why there is none."""
    try:
        return opening(kit)
    except FedMedLoRAError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 -- the coordinator must hear of it
        _log_without_words(error)
        return f"found a {type(error).__name__} at the start, expected none; see the site's log"


def _log_without_words(error: Exception) -> None:
    """Log where something unforeseen happened, but not its words, which may be of a note."""
    places = "".join(traceback.format_tb(error.__traceback__))
    logger.error("%s\n%s", type(error).__name__, places)


def _empty(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
