"""The questions of a round in which the server sees the sum alone, to sites that are elsewhere."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from fedmedlora.adapters.weights import AdapterWeights, num_parameters
from fedmedlora.adapters.wire import open_update
from fedmedlora.engines.remote.answers import loss, read, told_digest
from fedmedlora.engines.remote.messages import Failure, Message
from fedmedlora.federation.blind import Stayed

_BYTES_A_VALUE = 72
"""Of an encrypted update; with a key of ours it is 57.4."""
_ROOM = 1 << 20


@dataclass(frozen=True, slots=True)
class BlindAsked:
    """Sites that are asked by messages.

    Attributes:
        held: From sites and a bundle to its digest once they hold it, and why some do not.
        ask: From questions to what comes of each, with `most_bytes` of an answer's files.
        most_bytes: Of a file of tensors that are not encrypted.
    """

    held: Callable[[Sequence[str], AdapterWeights], tuple[str, Mapping[str, Failure]]]
    ask: Callable[..., Iterator[tuple[str, Message | Failure]]]
    most_bytes: int

    def losses(self, stayed: Sequence[Stayed], bundle: AdapterWeights) -> Mapping[str, float]:
        """Return the loss of each site's own adapter, of those that answer."""
        losses = {}
        for site, reply in self._asked("own_loss", stayed, bundle):
            told = read(site, reply, loss)
            if not isinstance(told, Failure):
                losses[site] = told
        return losses

    def sealed(
        self, stayed: Sequence[Stayed], bundle: AdapterWeights, folder: Path
    ) -> Iterator[tuple[str, Path | str]]:
        """Yield each site with the file of its encrypted update, or why there is none."""
        body = {"members": [one.site for one in stayed]}
        most = _BYTES_A_VALUE * num_parameters(bundle) + _ROOM
        numbers = count()

        def taken(reply: Message) -> Path:
            # By number, for a site's name might be none of a file.
            return reply.files["sealed"].rename(folder / f"{next(numbers)}.sealed")

        for site, reply in self._asked("seal", stayed, bundle, body=body, most_bytes=most):
            told = read(site, reply, taken)
            yield site, told.reason if isinstance(told, Failure) else told

    def opened(
        self, total: Path, stayed: Sequence[Stayed], bundle: AdapterWeights
    ) -> Iterator[tuple[str, str | None]]:
        """Yield each site with the digest of what it finds in an encrypted sum."""
        for site, reply in self._asked("unseal", stayed, bundle, files={"sum": total}):
            told = read(site, reply, told_digest)
            yield site, None if isinstance(told, Failure) else told

    def told(self, site: str, sha256: str) -> AdapterWeights | None:
        """Return what a site found in a sum."""
        return self._tensors(site, Message("tell", {"sha256": sha256}))

    def shown(self, one: Stayed) -> AdapterWeights | None:
        """Return an update that stayed at its site."""
        return self._tensors(one.site, Message("show", {"stays": one.sha256}))

    def _asked(
        self,
        subject: str,
        stayed: Sequence[Stayed],
        bundle: AdapterWeights,
        *,
        body: Mapping[str, Any] | None = None,
        files: Mapping[str, Path] | None = None,
        most_bytes: int = 0,
    ) -> Iterator[tuple[str, Message | Failure]]:
        sha256, lacking = self.held([one.site for one in stayed], bundle)
        yield from lacking.items()
        told = {"bundle": sha256, **(body or {})}
        questions = {
            one.site: Message(subject, {**told, "stays": one.sha256, "rank": one.rank}, files or {})
            for one in stayed
            if one.site not in lacking
        }
        yield from self.ask(questions, most_bytes=most_bytes)

    def _tensors(self, site: str, question: Message) -> AdapterWeights | None:
        def taken(reply: Message) -> AdapterWeights:
            tensors = open_update(reply.files["tensors"], most_values=self.most_bytes // 4)
            # The file is gone once it is read.
            return {name: tensors[name] for name in tensors}

        for _, reply in self.ask({site: question}, most_bytes=self.most_bytes):
            told = read(site, reply, taken)
            return None if isinstance(told, Failure) else told
        return None
