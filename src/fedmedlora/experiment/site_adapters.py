"""Which adapter a site reads with: the global one, or that with the site's own tensors in it."""

from collections.abc import Iterator, Mapping, Sequence

from fedmedlora.adapters.kinds import of_kind
from fedmedlora.adapters.low_rank import widen
from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.experiment.store import RunStore
from fedmedlora.federation.local_rule import LocalRule
from fedmedlora.federation.patches import model
from fedmedlora.federation.site_round import OWN


def reading_adapters(
    rule: LocalRule,
    bundle: AdapterWeights,
    memories: Mapping[str, str],
    store: RunStore,
    sites: Sequence[str],
) -> Iterator[tuple[AdapterWeights, list[str]]]:
    """Yield each adapter with the sites that read with it; no site that lacks tensors of its own.

    Args:
        bundle: The global adapter and what accompanies it.
        memories: Site to the sha256 of what it kept, of those that kept something.
    """
    adapter = model(bundle)
    if not rule.owns(adapter):
        yield adapter, list(sites)
        return
    for site in sites:
        if site in memories:
            own = of_kind(store.adapter(memories[site]), OWN)
            yield {**adapter, **widen(own, adapter)}, [site]
