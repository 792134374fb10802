"""An engine whose sites are elsewhere: it asks them, and works with what they answer.

A site that cannot answer is no error here but an outcome without an update, a loss that is nan, or
a tally that is missing; what becomes of the round is the run's affair.
"""

import logging
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from fedmedlora.adapters.files import adapter_digest, write_adapter
from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.engines.remote.answers import (
    Member,
    drawn_notes,
    holds,
    loss,
    read,
    tallied,
    trained,
)
from fedmedlora.engines.remote.blind import BlindAsked
from fedmedlora.engines.remote.members import asked
from fedmedlora.engines.remote.messages import (
    Failure,
    Grace,
    Message,
    SessionOverError,
    Transport,
)
from fedmedlora.engines.remote.plain_values import plan_to_json, scope_to_json
from fedmedlora.errors import EngineError
from fedmedlora.federation.backbone import LocalPlan
from fedmedlora.federation.broadcast import News
from fedmedlora.federation.engine import NOTHING_KEPT, SERVER, Engine, Outcome, Participant, Scope
from fedmedlora.federation.turns import Turn
from fedmedlora.tasks.counts import NoteCounts
from fedmedlora.tasks.tally import Tally

logger = logging.getLogger(__name__)

_ROOM = 4
"""How much larger than the adapter what a site hands in may be; other answers have no files."""
_NUM_REMEMBERED = 64
"""Bundles of which it is known who was asked about them, so that news go to those alone."""


class RemoteEngine:
    """An engine whose sites are reached by a transport."""

    def __init__(
        self,
        transport: Transport,
        members: Mapping[str, Member],
        own: Engine,
        *,
        here: Collection[str],
        answer_s: float,
        grace: Grace | None = None,
    ) -> None:
        """Make an engine over sites whose base models are loaded.

        Args:
            members: The sites, those that cannot be reached at present too.
            here: Those of them that this session began with.
            own: The coordinator's, on the same base; it holds the server's notes, if there are any.
            answer_s: How long a site has for what it is asked.
            grace: For those that still train when others have handed in.
        """
        self.base = own.base
        self.num_base_bytes = own.num_base_bytes
        self.dtype = own.dtype
        self.num_workers = 1
        self.turn = Turn()
        self._transport, self._members, self._own = transport, members, own
        self._here, self._answer_s, self._grace = frozenset(here), answer_s, grace
        self._holders: dict[str, set[str]] = {}
        self._folder = TemporaryDirectory()
        self._most_bytes = _ROOM * 4 * sum(w.size for w in own.initial().values()) + 2**20

    def close(self) -> None:
        """Let go of what this side holds; the sites end with their job."""
        self._folder.cleanup()

    def peak_memory_bytes(self) -> int | None:
        """Return the most memory that the coordinator's process has held."""
        return self._own.peak_memory_bytes()

    def initial(self) -> AdapterWeights:
        """Return the adapter every arm starts from."""
        return self._own.initial()

    def train(
        self,
        participants: Sequence[Participant],
        start: AdapterWeights,
        plans: Mapping[str, LocalPlan],
    ) -> Iterator[Outcome]:
        """Yield each participant's outcome as it arrives.

        Raises:
            SessionOverError: Somebody waits for this session to end.
        """
        if self._transport.is_to_end():
            raise SessionOverError("coordinator: found a site that waits to be let in")
        by_name = {one.name: one for one in participants}
        grace = self._grace_of(len(plans) - len(by_name))
        if grace and len(self._transport.sites() & by_name.keys()) < grace.enough:
            # Without those that are late this round could not have its quorum.
            self._transport.wait_for(by_name, wait_s=self._answer_s)
        bundle, lacking = self._held(list(by_name), start)
        for site, failure in lacking.items():
            yield Outcome(by_name[site], None, failure.reason, 0.0, failure.code)
        questions = {
            site: Message("train", {"bundle": bundle, "plan": plan_to_json(plans[site])})
            for site in by_name
            if site not in lacking
        }
        for site, reply in self._ask(
            questions,
            most_bytes=self._most_bytes,
            grace=grace,
        ):
            told = read(site, reply, trained)
            if isinstance(told, Failure):
                yield Outcome(by_name[site], None, told.reason, 0.0, told.code)
            else:
                yield Outcome(by_name[site], told[0], "", told[1])

    def losses(self, questions: Sequence[tuple[AdapterWeights, str]]) -> list[float]:
        """Return each adapter's loss on a place's dev notes, nan where the site did not answer."""
        adapters = {id(adapter): adapter for adapter, _ in questions}
        told: dict[tuple[int, str], float] = {}
        # One adapter goes to all who score it at once, and none is held longer than it must be.
        for key, adapter in adapters.items():
            places = [place for other, place in questions if other is adapter]
            if SERVER in places:
                told[key, SERVER] = self._own.losses([(adapter, SERVER)])[0]
            sites = [place for place in places if place != SERVER]
            told |= {(key, site): one for site, one in self._losses(adapter, sites)}
        return [told.get((id(adapter), place), math.nan) for adapter, place in questions]

    def token_counts(self, site: str) -> NDArray[np.int64]:
        """Return how often a site's training notes use each token of the public vocabulary."""
        return self._member(site).token_counts

    def label_tokens(self, site: str) -> int:
        """Return how many label tokens a site says that its training notes have in one pass."""
        return self._member(site).label_tokens

    def deliver(self, news: News, *, before: str, after: str) -> None:
        """Send the sites what a round changed."""
        files = self._written({"changed": news.payload, "whole": news.whole})
        body = {"bundle": after, "before": before, "by_change": news.by_change}
        sites = self._holders.get(before, set()) & self._transport.sites()
        self._hold(sorted(sites), after, Message("hold", body, files))
        for path in files.values():
            path.unlink()

    def evaluate(
        self,
        bundle: AdapterWeights,
        sites: Sequence[str],
        scope: Scope,
        *,
        memories: Mapping[str, str] = NOTHING_KEPT,
    ) -> Iterator[tuple[str, Tally]]:
        """Yield each site that answers with the tally of its notes in the scope."""
        if scope.split == "final":
            # No arm ends before all are scored; a round's score can do without a straggler's.
            self._transport.wait_for(sites, wait_s=self._answer_s)
        sha256, lacking = self._held(sites, bundle)
        told = {"bundle": sha256, "scope": scope_to_json(scope)}
        questions = {
            site: Message("evaluate", {**told, "memory": memories.get(site)})
            for site in sites
            if site not in lacking
        }
        for site, reply in self._ask(questions):
            tally = read(site, reply, tallied)
            if not isinstance(tally, Failure):
                yield site, tally

    def blind(self) -> BlindAsked:
        """Return the sites as they are asked in rounds whose updates stay where they are."""
        return BlindAsked(self._held, self._ask, self._most_bytes)

    def spent(self) -> Mapping[str, int]:
        """Return nothing: sites read by themselves."""
        return {}

    def shown(self, site: str, number: int) -> Mapping[str, int]:
        """Return nothing: no model is shown notes between hospitals."""
        del site, number
        return {}

    def ceiling(self, site: str, split: str, *, limit: int) -> NoteCounts:
        """Return what a perfect model would reach, as the site said when it took part."""
        del split, limit
        return self._member(site).ceiling

    def predictions(
        self, bundle: AdapterWeights, site: str, split: str, *, limit: int
    ) -> list[dict[str, object]]:
        """Return what the report draws; nothing where the site is not public or not there."""
        sha256, lacking = self._held([site], bundle)
        body = {"bundle": sha256, "split": split, "limit": limit}
        questions = {} if lacking else {site: Message("predictions", body)}
        drawn: list[dict[str, object]] = []
        for _, reply in self._ask(questions):
            told = read(site, reply, drawn_notes)
            drawn = [] if isinstance(told, Failure) else told
        return drawn

    def _grace_of(self, num_in: int) -> Grace | None:
        """Return the grace where so many have handed in before, as in a session that was cut."""
        if self._grace is None:
            return None
        return replace(self._grace, enough=max(1, self._grace.enough - num_in))

    def _losses(self, adapter: AdapterWeights, sites: Sequence[str]) -> Iterator[tuple[str, float]]:
        sha256, lacking = self._held(sites, adapter)
        question = Message("loss", {"bundle": sha256})
        for site, reply in self._ask({site: question for site in sites if site not in lacking}):
            told = read(site, reply, loss)
            if not isinstance(told, Failure):
                yield site, told

    def _member(self, site: str) -> Member:
        if site not in self._members:
            raise EngineError(
                f"site {site}: found that it has never taken part, expected it once at least; "
                "start it, and the run goes on"
            )
        return self._members[site]

    def _held(self, sites: Sequence[str], bundle: AdapterWeights) -> tuple[str, dict[str, Failure]]:
        """Return a bundle's digest once the sites hold it, and why some do not."""
        sha256 = adapter_digest(bundle)
        # What a site held before it may have let go of since.
        held, failures = self._hold(sites, sha256, Message("hold", {"bundle": sha256}))
        lacking = [site for site in sites if site not in held and site not in failures]
        if lacking:
            stored = write_adapter(Path(self._folder.name), bundle, flushed=False)
            whole = Message("hold", {"bundle": sha256}, {"bundle": stored.path})
            failures |= self._hold(lacking, sha256, whole)[1]
            stored.path.unlink()
        return sha256, failures

    def _hold(
        self, sites: Sequence[str], sha256: str, question: Message
    ) -> tuple[set[str], dict[str, Failure]]:
        """Ask some sites whether they hold a bundle, with what makes it up; return who does."""
        questions = dict.fromkeys(sites, question)
        answers, failures = asked(self._transport, questions, holds, wait_s=self._answer_s)
        held = {site for site in answers if answers[site]}
        self._holders.setdefault(sha256, set()).update(held)
        while len(self._holders) > _NUM_REMEMBERED:
            del self._holders[next(iter(self._holders))]
        self._require_here(failures)
        return held, failures

    def _ask(
        self,
        questions: Mapping[str, Message],
        *,
        most_bytes: int = 0,
        grace: Grace | None = None,
    ) -> Iterator[tuple[str, Message | Failure]]:
        lost = {}
        for site, reply in self._transport.ask(
            questions, wait_s=self._answer_s, most_bytes=most_bytes, grace=grace
        ):
            if isinstance(reply, Failure):
                logger.warning("%s", reply.reason)
                if reply.lost:
                    lost[site] = reply
                    continue
            yield site, reply
        # Once the others have answered, for what they did is kept.
        self._require_here(lost)

    def _require_here(self, failures: Mapping[str, Failure]) -> None:
        for site, failure in failures.items():
            if failure.lost and site in self._here:
                raise SessionOverError(failure.reason)

    def _written(self, contents: Mapping[str, bytes]) -> dict[str, Path]:
        files = {}
        for name, content in contents.items():
            if content:
                files[name] = Path(self._folder.name) / name
                files[name].write_bytes(content)
        return files
