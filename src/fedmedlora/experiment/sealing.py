"""What is closed of a run, sealed: each round of arms in which sites hand in, and the run itself.

A round is sealed after its row is written, and what a kill left unsealed is sealed when the run
goes on; so a seal never names a round that is not there.
"""

from collections.abc import Sequence
from typing import Any

from fedmedlora.experiment.arms import Arm
from fedmedlora.experiment.seals import RUN
from fedmedlora.experiment.store import RunStore
from fedmedlora.federation.notary import Closed, Notary

Document = dict[str, Any]


def run_of(arm: Arm, notary: Notary) -> str:
    """Return by what signed documents name an arm; whoever is alone hands in to nobody."""
    return notary.run_of(arm.name) if arm.is_together else ""


def seal_rounds(arm: Arm, documents: Sequence[Document], store: RunStore, notary: Notary) -> None:
    """Seal those closed rounds of an arm that are not sealed yet.

    Raises:
        LedgerError: The ledger cannot be written or reached.
    """
    run = run_of(arm, notary)
    if not run:
        return
    sealed = store.seals.of(arm.name)
    for index, document in enumerate(documents, start=1):
        if index not in sealed:
            head = store.seals.journal_head("rounds", arm.name, index)
            _seal(Closed(run, arm.name, index, document, head), store, notary)


def seal_run(store: RunStore, notary: Notary) -> None:
    """Seal everything the run has written, unless that is done.

    Raises:
        LedgerError: The ledger cannot be written or reached.
    """
    run, sealed = notary.run_of(RUN), len(store.seals.of(RUN))
    if run and not store.seals.is_last(RUN, sealed):
        document = {"arms": store.arms()}
        closed = Closed(run, RUN, sealed + 1, document, store.seals.head())
        _seal(closed, store, notary, beside={"closed": document})


def _seal(
    closed: Closed, store: RunStore, notary: Notary, *, beside: Document | None = None
) -> None:
    heads = store.seals.heads()
    seal = notary.seal(closed, before=heads[-1] if heads else "")
    # Nothing is shown to a site that the run could forget.
    store.seals.put(closed.arm, closed.round_index, {**seal, **(beside or {})})
    witnesses = notary.witnessed(store.seals.heads())
    store.seals.put_witnesses(closed.arm, closed.round_index, witnesses)
