"""Who is there to be asked, and one question to one site."""

import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue

from nvflare.apis.signal import Signal

from fedmedlora.engines.nvflare.wire import Offered, as_facts
from fedmedlora.engines.remote.messages import Failure, Grace, Message
from fedmedlora.reason_codes import ReasonCode


@dataclass(slots=True)
class Asked:
    """A question that waits for its answer.

    Attributes:
        id: Known to the site and to us only.
        token: The site's own, of the process that was asked.
        stop: Ends the fetching of its files.
        arrived: Where what comes of it is put.
        taken: An answer came, and is being fetched.
    """

    site: str
    id: str
    token: str
    most_bytes: int
    stop: Signal
    arrived: "SimpleQueue[tuple[str, Message | Failure]]"
    taken: bool = False


def asked(
    site: str,
    token: str,
    *,
    most_bytes: int,
    stop: Signal,
    arrived: "SimpleQueue[tuple[str, Message | Failure]]",
) -> Asked:
    """Return a new question."""
    return Asked(site, secrets.token_hex(16), token, most_bytes, Signal(parent=stop), arrived)


def describe(
    each: Asked,
    question: Message,
    offered: Mapping[Path, tuple[str, int, str]],
    *,
    piece_bytes: int,
    wait_s: float,
) -> dict[str, object]:
    """Return what is said to a site.

    Args:
        piece_bytes: How long the pieces are in which it shall fetch the files.
        wait_s: So long its answer is waited for.
    """
    files = {name: Offered(name, *offered[path]) for name, path in question.files.items()}
    return {
        "id": each.id,
        "token": each.token,
        "subject": question.subject,
        "body": dict(question.body),
        "files": as_facts(files),
        "piece_bytes": piece_bytes,
        "wait_s": wait_s,
    }


def failure(
    site: str, found: str, expected: str, *, lost: bool = False, code: ReasonCode = "absent"
) -> Failure:
    """Return what stands for an answer, in the form of all our messages."""
    return Failure(f"{site}: found {found}, expected {expected}", lost=lost, code=code)


@dataclass(slots=True)
class Deadline:
    """When answers are waited for no more."""

    wait_s: float
    grace: Grace | None
    num_answered: int = 0
    _at: float = 0.0
    _words: str = ""

    def __post_init__(self) -> None:
        """Begin to count."""
        self._at = time.monotonic() + self.wait_s
        self._words = f"no answer within {self.wait_s:g} s"

    def heard(self, came: Message | Failure) -> None:
        """Note what came of a question; once there is enough, stragglers have their grace."""
        if self.grace is None or isinstance(came, Failure):
            return
        self.num_answered += 1
        end = time.monotonic() + self.grace.seconds
        if self.num_answered == self.grace.enough and end < self._at:
            self._at = end
            self._words = f"no answer within {self.grace.seconds:g} s of the quorum's"

    def left_s(self) -> float:
        """Return the seconds that are left; 0 or less where it is over."""
        return self._at - time.monotonic()

    def failure(self, site: str) -> Failure:
        """Return what stands for the answer of a site that let it pass."""
        return failure(site, self._words, "one")


@dataclass(slots=True)
class _Sign:
    token: str
    ready: bool
    at: float


@dataclass(slots=True)
class Presence:
    """When each site of a job was last heard.

    Attributes:
        sites: Those that the job was given to.
        silence_s: After so long without a sign a site counts as gone.
        start_s: So long a site has for its first sign.
        began: When the job did, by the monotonic clock.
    """

    sites: frozenset[str]
    silence_s: float
    start_s: float = 60.0
    began: float = field(default_factory=time.monotonic)
    _signs: dict[str, _Sign] = field(default_factory=dict)
    _late: dict[str, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def heard(self, site: str, said: Mapping[str, object]) -> bool:
        """Note a sign; return whether it is one."""
        token, ready = said.get("token"), said.get("ready")
        if not isinstance(token, str) or not isinstance(ready, bool) or site not in self.sites:
            return False
        with self._lock:
            self._signs[site] = _Sign(token, ready, time.monotonic())
            if said.get("is_at_work") is not True:
                self._late.pop(site, None)
        return True

    def let_pass(self, site: str, token: str) -> None:
        """Note that a site is still at work on what is waited for no more."""
        with self._lock:
            self._late[site] = token

    def late(self) -> frozenset[str]:
        """Return the sites that are at work on what is waited for no more."""
        tokens = self.tokens()
        with self._lock:
            return frozenset(site for site in self._late if self._late[site] == tokens.get(site))

    def taking_part(self) -> frozenset[str]:
        """Return the sites that are not gone, ready or not."""
        now = time.monotonic()
        with self._lock:
            heard = {site: sign.at + self.silence_s for site, sign in self._signs.items()}
        first = self.began + max(self.start_s, self.silence_s)
        return frozenset(site for site in self.sites if heard.get(site, first) >= now)

    def ready(self) -> frozenset[str]:
        """Return the sites that can be asked."""
        return frozenset(self.tokens()) - self.late()

    def tokens(self) -> dict[str, str]:
        """Return, by site that can be asked, what it wants to be shown."""
        oldest = time.monotonic() - self.silence_s
        with self._lock:
            return {
                site: sign.token
                for site, sign in self._signs.items()
                if sign.ready and sign.at >= oldest
            }

    def is_there(self, site: str, token: str) -> bool:
        """Return whether the process that was asked is still heard."""
        return self.tokens().get(site) == token

    def absence(self, site: str) -> Failure:
        """Return what stands for the answer of a site that cannot be asked."""
        if site in self.late():
            return failure(site, "it still at work on an earlier question", "it to be ready")
        return failure(site, "not in reach", "in this job and ready", lost=True)

    def last_sign(self, site: str) -> str:
        """Return what is known of a site that is gone, for a message."""
        with self._lock:
            sign = self._signs.get(site)
        if sign is None:
            return "no sign of it"
        if time.monotonic() - sign.at < self.silence_s:
            return "that it started anew and lost the question"
        return f"no sign of it for {self.silence_s:g} s"
