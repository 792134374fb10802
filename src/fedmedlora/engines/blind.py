"""What sites do in a round in which the server sees the sum alone, where their shelf is at hand."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fedmedlora.adapters.low_rank import widen
from fedmedlora.adapters.shelves import Shelf
from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.errors import EngineError, ModelError
from fedmedlora.federation.blind import Stayed, local_model
from fedmedlora.privacy.ckks import Key
from fedmedlora.privacy.sealed import open_sum, seal, shapes_of

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BlindHere:
    """Sites of which this process holds the shelf and the key.

    Attributes:
        shelf: Where their updates stay.
        key: None where nobody was given one.
        loss: From an adapter to its loss on the copy of the server's notes.
    """

    shelf: Shelf
    key: Key | None
    loss: Callable[[AdapterWeights], float]

    def losses(self, stayed: Sequence[Stayed], bundle: AdapterWeights) -> Mapping[str, float]:
        """Return the loss of each site's own adapter."""
        return {
            one.site: self.loss(local_model(bundle, self.shelf.get(one.sha256), one.rank))
            for one in stayed
        }

    def sealed(
        self,
        stayed: Sequence[Stayed],
        bundle: AdapterWeights,
        folder: Path,
    ) -> Iterator[tuple[str, Path | str]]:
        """Yield each site with the file of its encrypted update, or why there is none."""
        members = [one.site for one in stayed]
        for number, one in enumerate(stayed):
            # Not by digest: two sites may come to the same update.
            path = folder / f"{number}.sealed"
            try:
                self.seal(one, bundle, path, members=members)
            except ModelError as error:
                yield one.site, f"update of {one.site}: {error}"
            else:
                yield one.site, path

    def seal(
        self, one: Stayed, bundle: AdapterWeights, path: Path, *, members: Sequence[str]
    ) -> None:
        """Write one site's encrypted update.

        Raises:
            ModelError: It is not here any more, or not finite.
            EngineError: There is no key.
        """
        tensors = self._as_wide(one, bundle)
        for name in sorted(tensors):
            if not np.isfinite(tensors[name]).all():
                raise ModelError(
                    f"adapter parameter {name!r}: found values NaN or infinite, expected finite "
                    "values; lower the learning rate of the site"
                )
        seal(path, tensors, self._key(), site=one.site, members=members)

    def opened(
        self, total: Path, stayed: Sequence[Stayed], bundle: AdapterWeights
    ) -> Iterator[tuple[str, str | None]]:
        """Yield each site with the digest of what it finds in an encrypted sum."""
        for one in stayed:
            shapes = shapes_of(self._as_wide(one, bundle))
            try:
                found = open_sum(total, self._key(), shapes=shapes)
            except ModelError as error:
                logger.warning("%s does not open the sum: %s", one.site, error)
                yield one.site, None
            else:
                yield one.site, self.shelf.put(found)

    def told(self, site: str, sha256: str) -> AdapterWeights | None:
        """Return what a site found in a sum."""
        del site
        # Not the open file, which would not travel between processes.
        return dict(self.shelf.get(sha256))

    def shown(self, one: Stayed) -> AdapterWeights | None:
        """Return an update that stayed at its site."""
        return dict(self.shelf.get(one.sha256))

    def _as_wide(self, one: Stayed, bundle: AdapterWeights) -> AdapterWeights:
        delta = self.shelf.get(one.sha256)
        if not delta.keys() <= bundle.keys():
            raise ModelError(
                f"sha256 {one.sha256}: found what a site keeps for itself, expected an update"
            )
        return widen(delta, bundle)

    def _key(self) -> Key:
        if self.key is None:
            raise EngineError(
                "blind key: found none, expected the one that all sites share; put the file of "
                "that name beside the site's policy"
            )
        return self.key


@dataclass(frozen=True, slots=True)
class BlindElsewhere:
    """Sites of other processes of this machine, which share shelf and key; any can be asked.

    Attributes:
        ask: From a method's name and its arguments to what one of them answers, in a list where it
            comes one by one.
    """

    ask: Callable[..., object]

    def losses(self, stayed: Sequence[Stayed], bundle: AdapterWeights) -> Mapping[str, float]:
        """Return the loss of each site's own adapter."""
        return self.ask("losses", list(stayed), dict(bundle))  # type: ignore[return-value]

    def sealed(
        self, stayed: Sequence[Stayed], bundle: AdapterWeights, folder: Path
    ) -> Iterator[tuple[str, Path | str]]:
        """Yield each site with the file of its encrypted update, or why there is none."""
        yield from self.ask("sealed", list(stayed), dict(bundle), folder)  # type: ignore[misc]

    def opened(
        self, total: Path, stayed: Sequence[Stayed], bundle: AdapterWeights
    ) -> Iterator[tuple[str, str | None]]:
        """Yield each site with the digest of what it finds in an encrypted sum."""
        yield from self.ask("opened", total, list(stayed), dict(bundle))  # type: ignore[misc]

    def told(self, site: str, sha256: str) -> AdapterWeights | None:
        """Return what a site found in a sum."""
        return self.ask("told", site, sha256)  # type: ignore[return-value]

    def shown(self, one: Stayed) -> AdapterWeights | None:
        """Return an update that stayed at its site."""
        return self.ask("shown", one)  # type: ignore[return-value]
