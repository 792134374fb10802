"""From what `serve` was told to a page that answers.

Model code is imported where an adapter is opened: whoever only watches a federation waits for none.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import uvicorn

from fedmedlora import bundled
from fedmedlora.clinical.labels import ENTITY_TYPES, MODIFIER_TYPES, RELATION_TYPES
from fedmedlora.clinical.notes import Labels, Note
from fedmedlora.errors import InputError
from fedmedlora.experiment.database import has_run
from fedmedlora.formats.texts import Text
from fedmedlora.serving.app import Served, application
from fedmedlora.serving.guard import App, Guard
from fedmedlora.serving.notebook import Notebook
from fedmedlora.serving.readers import Reader

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_PASTED = "pasted"


def open_page(
    places: Sequence[Path], *, arm: str | None, notes: Path | None, save: Path | None
) -> Served:
    """Return what a page is about, with all its adapters loaded.

    Args:
        places: Runs and adapter folders; a run without a finished arm is watched and reads nothing.
        arm: Of the runs; None takes the federated one.
        notes: A folder of texts or a site folder to choose notes from.
        save: The site folder for corrected notes.

    Raises:
        InputError: A folder is not what it should be.
        ModelError: The base model of an adapter is not on this machine.
    """
    run = next((place for place in places if has_run(place)), None)
    readers = {one.name: one for one in _readers(places, arm)}
    labels = _to_mark([one.labels for one in readers.values()])
    notebook = Notebook(notes, save, labels)
    notebook.check()
    return Served(readers, notebook, notebook.site().labels, run)


def guarded(served: Served, *, port: int, token: str | None) -> App:
    """Return a page's application behind its guard.

    Args:
        port: Where it listens; a browser says it with the host.
        token: What each request must bring; None lets in who reaches it as this machine.
    """
    # Whoever brings the token may call the machine what they like.
    hosts = None if token else frozenset(f"{host}:{port}" for host in LOOPBACK)
    return Guard(application(served), hosts, token)


def listen(app: App, *, host: str, port: int) -> None:
    """Answer requests until the process is stopped."""
    # Its log would tell the names of notes.
    uvicorn.run(
        app,
        host=host.strip("[]"),
        port=port,
        log_level="warning",
        access_log=False,
        server_header=False,
    )


def _readers(places: Sequence[Path], arm: str | None) -> Iterator[Reader]:
    for place in places:
        try:
            yield _reader(place, arm)
        except InputError:
            # A run that has no finished arm yet is there to be watched.
            if arm is not None or not has_run(place):
                raise


def _reader(place: Path, arm: str | None) -> Reader:
    from fedmedlora.engines.extracting import reader  # noqa: PLC0415 -- see above
    from fedmedlora.engines.sources import open_source  # noqa: PLC0415 -- see above

    source = open_source(place, arm=arm)
    read_all = reader(source)
    is_ours = place == bundled.ADAPTER

    def read(text: str) -> Note:
        (found,) = read_all([Text(_PASTED, text)])
        return found

    return Reader(
        "bundled" if is_ours else str(place),
        source.origin,
        Labels(
            tuple(type_ for type_ in ENTITY_TYPES if type_ in source.types),
            tuple(type_ for type_ in RELATION_TYPES if type_ in source.types),
        ),
        bundled.CAUTION if is_ours else "",
        read,
    )


def _to_mark(known: Sequence[Labels]) -> Labels:
    """Return what a person may mark: what any reader looks for; all there is without one."""
    if not known:
        return Labels(ENTITY_TYPES, RELATION_TYPES)
    relations = {type_ for labels in known for type_ in labels.relations}
    entities = {type_ for labels in known for type_ in labels.entities}
    entities |= relations & set(MODIFIER_TYPES)
    return Labels(
        tuple(type_ for type_ in ENTITY_TYPES if type_ in entities),
        tuple(type_ for type_ in RELATION_TYPES if type_ in relations),
    )
