"""The coordinator's end: questions go out to sites, answers come back as files on disk."""

import logging
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue

from nvflare.apis.signal import Signal
from nvflare.fuel.f3.cellnet.cell import Cell
from nvflare.fuel.f3.message import Message as CellMessage

from fedmedlora.engines.nvflare import wire
from fedmedlora.engines.nvflare.asking import Asked, Deadline, Presence, asked, describe, failure
from fedmedlora.engines.nvflare.files import Courier, FetchError, piece_bytes
from fedmedlora.engines.nvflare.runs import Run
from fedmedlora.engines.remote.messages import Failure, Grace, Message
from fedmedlora.errors import EngineError, StoreError

logger = logging.getLogger(__name__)

_WAIT_FOR_REPLY_S = 5.0
_TICK_S = 0.1
_LOOK_S = 0.5
_NUM_SENDERS = 16
# So many answers are on their way to the disk at once; a slow line holds one of them.
_NUM_FETCHERS = 16
_LONGEST_REASON = 2000


class NvflareTransport:
    """Reaches the sites that take part in one NVFLARE job."""

    def __init__(
        self,
        cell: Cell,
        *,
        run: Run,
        participants: frozenset[str],
        stop: Signal,
        silence_s: float,
    ) -> None:
        """Listen to the sites of a job.

        Args:
            cell: NVFLARE's, of the server's process for this job.
            run: Where the files of answers lie, and whether the job is to end.
            participants: The sites that the job was given to.
            stop: NVFLARE's, that the job is to end at once.
            silence_s: After so long without a sign a site counts as gone.
        """
        self.participants = participants
        self._cell, self._run, self._stop = cell, run, stop
        self._job = run.job
        self._courier = Courier(cell)
        self._piece_bytes = piece_bytes(len(participants))
        self._presence = Presence(participants, silence_s=silence_s)
        self._asked: dict[str, Asked] = {}
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._disk: StoreError | None = None
        self._senders = ThreadPoolExecutor(_NUM_SENDERS, thread_name_prefix="asks")
        self._fetchers = ThreadPoolExecutor(_NUM_FETCHERS, thread_name_prefix="fetches")
        for topic, heard in ((wire.HELLO, self._on_hello), (wire.ANSWER, self._on_answer)):
            cell.register_request_cb(channel=wire.CHANNEL, topic=topic, cb=heard)
        threading.Thread(target=self._watch, daemon=True).start()

    def close(self) -> None:
        """Ask nothing more, and wait for no one."""
        self._closed.set()
        self._senders.shutdown(wait=False, cancel_futures=True)
        self._fetchers.shutdown(wait=False, cancel_futures=True)

    def is_to_end(self) -> bool:
        """Return whether this job is to end at the next boundary between rounds."""
        return self._run.is_to_end()

    def sites(self) -> frozenset[str]:
        """Return the sites that can be asked at present: in this job, ready, and lately heard."""
        return self._presence.ready()

    def wait_for(self, sites: Collection[str], *, wait_s: float) -> None:
        """Wait until no site of these is at work on a question whose time was over.

        Raises:
            EngineError: The job is to end at once.
        """
        end = time.monotonic() + wait_s
        while self._presence.late().intersection(sites) and time.monotonic() < end:
            self._require_job()
            time.sleep(_TICK_S)

    def ask(
        self,
        questions: Mapping[str, Message],
        *,
        wait_s: float,
        most_bytes: int,
        grace: Grace | None = None,
    ) -> Iterator[tuple[str, Message | Failure]]:
        """Yield each asked site once with what came of it, as it comes.

        Raises:
            EngineError: The job is to end at once.
            StoreError: An answer cannot be stored on this side.
            UnsayableError: A question is too long, or its body not JSON.
        """
        arrived: SimpleQueue[tuple[str, Message | Failure]] = SimpleQueue()
        deadline = Deadline(wait_s, grace)
        with (
            self._courier.offering(
                path for each in questions.values() for path in each.files.values()
            ) as offered,
            self._asking(questions, arrived, most_bytes=most_bytes) as waiting,
        ):
            for each in waiting.values():
                question, piece = questions[each.site], self._piece_bytes
                said = describe(each, question, offered, piece_bytes=piece, wait_s=wait_s)
                self._senders.submit(self._send, each, wire.text_of(said), deadline)
            for site in questions.keys() - waiting.keys():
                yield site, self._presence.absence(site)
            while waiting:
                site, answer = self._next(arrived, waiting, deadline)
                del waiting[site]
                deadline.heard(answer)
                yield site, answer

    @contextmanager
    def _asking(
        self,
        questions: Mapping[str, Message],
        arrived: "SimpleQueue[tuple[str, Message | Failure]]",
        *,
        most_bytes: int,
    ) -> Iterator[dict[str, Asked]]:
        """Yield, by site, what is asked of those that can be; afterwards no answer is taken."""
        tokens, ready = self._presence.tokens(), self._presence.ready()
        mine = {
            site: asked(site, tokens[site], most_bytes=most_bytes, stop=self._stop, arrived=arrived)
            for site in questions
            if site in tokens and site in ready
        }
        with self._lock:
            self._asked.update({each.id: each for each in mine.values()})
        try:
            yield dict(mine)
        finally:
            with self._lock:
                for each in mine.values():
                    self._asked.pop(each.id, None)
                    each.stop.trigger("over")
            _discard(arrived)

    def _next(
        self,
        arrived: "SimpleQueue[tuple[str, Message | Failure]]",
        waiting: Mapping[str, Asked],
        deadline: Deadline,
    ) -> tuple[str, Message | Failure]:
        while True:
            try:
                came = arrived.get(timeout=_TICK_S)
            except Empty:
                came = None
            # Nothing of what was answered since can be kept, and no site is to blame.
            if self._disk is not None:
                raise self._disk
            if came is not None:
                return came
            self._require_job()
            over = deadline.left_s() <= 0
            for site, each in waiting.items():
                if over:
                    if not each.taken:
                        self._presence.let_pass(site, each.token)
                    self._settle(each, deadline.failure(site))
                elif not self._presence.is_there(site, each.token):
                    sign = self._presence.last_sign(site)
                    self._settle(each, failure(site, sign, "an answer", lost=True))

    def _require_job(self) -> None:
        if self._stop.triggered:
            raise EngineError("coordinator: found that the job was stopped, expected it to go on")

    def _send(self, each: Asked, text: str, deadline: Deadline) -> None:
        """Ask until the site acknowledges; whether it is still there is watched elsewhere."""
        target = wire.end_of(each.site, self._job)
        while not each.stop.triggered and deadline.left_s() > 0:
            heard = wire.send(self._cell, target, wire.QUESTION, text, wait_s=_WAIT_FOR_REPLY_S)
            if heard is not None:
                return
            time.sleep(_TICK_S)

    def _watch(self) -> None:
        """Note for whoever looks from outside which sites take part."""
        noted: frozenset[str] | None = None
        while not self._closed.wait(_LOOK_S):
            if (sites := self._presence.taking_part()) != noted:
                self._run.note_sites(sites)
                noted = sites

    def _on_hello(self, message: CellMessage) -> CellMessage:
        """Note that a site is there."""
        site = self._site_of(message)
        try:
            said = wire.unpacked(message)
        except (TypeError, ValueError):
            said = {}
        if site is None or not self._presence.heard(site, said):
            logger.warning("dropped a sign of life from %s", wire.sender(message))
        return wire.reply(wire.TAKEN)

    def _on_answer(self, message: CellMessage) -> CellMessage:
        """Take an answer that is waited for; whatever else comes is dropped."""
        site = self._site_of(message)
        try:
            said = wire.unpacked(message)
        except (TypeError, ValueError):
            logger.warning("dropped what %s sent: no message of ours", wire.sender(message))
            return wire.reply(wire.IS_OVER)
        with self._lock:
            each = self._asked.get(str(said.get("id")))
            if each is None or each.site != site:
                logger.warning("dropped an answer from %s that nobody waits for", site)
                return wire.reply(wire.IS_OVER)
            first, each.taken = not each.taken, True
        if first:
            self._fetchers.submit(self._take, each, said)
        return wire.reply(wire.TAKEN)

    def _take(self, each: Asked, said: Mapping[str, object]) -> None:
        """Settle a question with its answer, then let the site go on."""
        try:
            came = self._fetched(each, said)
        except FetchError as error:
            came = Failure(f"{each.site}: {error}")
        except OSError as error:
            came = failure(each.site, f"no room for its answer ({error.strerror})", "some")
            self._disk = StoreError(
                f"{self._run.spool}: found no room for the answer of {each.site} "
                f"({error.strerror}), expected some; free the disk, then start again: what was "
                "recorded is kept"
            )
        except (TypeError, ValueError, KeyError):
            came = failure(each.site, "an answer that is no message of ours", "one of this version")
        self._settle(each, came)
        wire.tell(self._cell, wire.end_of(each.site, self._job), wire.OVER, {"id": each.id})

    def _fetched(self, each: Asked, said: Mapping[str, object]) -> Message | Failure:
        if said.get("error") is not None:
            return Failure(str(said["error"])[:_LONGEST_REASON])
        body, subject = said["body"], str(said["subject"])
        if not isinstance(body, dict):
            raise TypeError("body")
        offered = wire.offered_files(said["files"])
        size = sum(each.size for each in offered)
        if size > each.most_bytes:
            found, most = f"an answer of {size} bytes", f"at most {each.most_bytes}"
            return failure(each.site, found, most, code="too_large")
        files: dict[str, Path] = {}
        try:
            for number, one in enumerate(offered):
                path = self._run.spool / f"{each.id}-{number}"
                source = wire.end_of(each.site, self._job)
                self._courier.fetch(
                    source, one, path, piece_bytes=self._piece_bytes, stop=each.stop
                )
                files[one.name] = path
        except BaseException:
            for path in files.values():
                path.unlink(missing_ok=True)
            raise
        return Message(subject, body, files)

    def _settle(self, each: Asked, came: Message | Failure) -> None:
        """Hand over what came of a question, unless something did before."""
        with self._lock:
            first = self._asked.pop(each.id, None) is not None
            if first:
                each.arrived.put((each.site, came))
        each.stop.trigger("settled")
        if not first and isinstance(came, Message):
            for path in came.files.values():
                path.unlink(missing_ok=True)

    def _site_of(self, message: CellMessage) -> str | None:
        place, _, job = wire.sender(message).rpartition(".")
        return place if job == self._job and place in self.participants else None


def _discard(arrived: "SimpleQueue[tuple[str, Message | Failure]]") -> None:
    while not arrived.empty():
        _, came = arrived.get()
        if isinstance(came, Message):
            for path in came.files.values():
                path.unlink(missing_ok=True)
