"""The run store: everything a run has done so far, safe against a kill at any moment.

    RUN/run.sqlite                     the rows; a row is the truth
    RUN/adapters/<sha256>.safetensors  adapters, named by what they hold
    RUN/experiment.toml                the experiment as it was given
    RUN/environment.json               versions and machine

An adapter is written before the row that names it, and its row goes before the file does. So a kill
leaves at most adapters that no row names; they are swept up when the run is opened for writing. All
but site updates, which can be made again, outlast a power cut too. Every put is one transaction.
Documents are plain JSON; an undefined number is null, never NaN.
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from fedmedlora.adapters.files import StoredAdapter, write_content
from fedmedlora.adapters.shelves import FolderShelf
from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.adapters.wire import open_update
from fedmedlora.durable_files import remove_parts, write_whole
from fedmedlora.errors import Fault, InputError, StoreError
from fedmedlora.experiment.config import Experiment, change_faults, parse_experiment
from fedmedlora.experiment.database import Database, has_run, to_json
from fedmedlora.experiment.disk import lock_folder, store_errors
from fedmedlora.experiment.seals import Seals
from fedmedlora.experiment.sweeping import ADAPTERS, ELSEWHERE, NAMING_KEYS, sweep

Document = dict[str, Any]

_EXPERIMENT = "experiment.toml"
_ENVIRONMENT = "environment.json"
_ORIGIN = "origin"


class RunStore:
    """One run's folder; a context manager, to be closed after use."""

    def __init__(self, folder: Path, database: Database, *, resources: ExitStack) -> None:
        self.folder = folder
        self._database = database
        self._resources = resources

    @classmethod
    def create(cls, folder: Path, *, experiment_path: Path, environment: Mapping[str, Any]) -> Self:
        """Return the store of a new run, open for writing.

        Raises:
            InputError: The folder holds a run already, or another experiment.
            StoreError: Another process is at work there, or the disk refuses.
        """
        with store_errors(folder), ExitStack() as resources:
            folder.mkdir(parents=True, exist_ok=True)
            resources.enter_context(lock_folder(folder))
            text = experiment_path.read_bytes()
            _require_new(folder, text)
            (folder / ADAPTERS).mkdir(exist_ok=True)
            write_whole(folder / _EXPERIMENT, text)
            write_whole(folder / _ENVIRONMENT, to_json(environment).encode())
            database = Database(folder, mode="rwc")
            resources.callback(database.close)
            base = str(experiment_path.parent.resolve())
            database.begin(key=_ORIGIN, document={"folder": base, "sha256": _sha256(text)})
            return cls(folder, database, resources=resources.pop_all())

    @classmethod
    def open(cls, folder: Path, *, writable: bool = False) -> Self:
        """Return the store of a run that has begun.

        Raises:
            InputError: The folder holds no run.
            StoreError: Another process is at work there, it cannot be read, or another version
                of this program wrote it.
        """
        if not has_run(folder):
            advice = "name the folder of a run; `run` without --resume begins one"
            raise InputError([Fault(str(folder), "no run", "the folder of a run", advice)])
        with store_errors(folder), ExitStack() as resources:
            if writable:
                resources.enter_context(lock_folder(folder))
                remove_parts(folder, folder / ADAPTERS)
            database = Database(folder, mode="rw" if writable else "ro")
            resources.callback(database.close)
            database.require_version()
            if writable:
                sweep(folder, database)
            return cls(folder, database, resources=resources.pop_all())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the database and let other processes in."""
        with store_errors(self.folder):
            self._resources.close()

    def experiment(self) -> Experiment:
        """Return the experiment of this run, as it was given when the run began.

        Raises:
            StoreError: The copy in the folder was altered.
        """
        name, folder = str(self.folder / _EXPERIMENT), Path(self.meta(_ORIGIN)["folder"])
        return parse_experiment(self.experiment_text(), name=name, folder=folder)

    def experiment_text(self) -> str:
        """Return the experiment as it was written.

        Raises:
            StoreError: The copy in the folder was altered.
        """
        path = self.folder / _EXPERIMENT
        with store_errors(self.folder):
            text = path.read_bytes()
        if _sha256(text) != self.meta(_ORIGIN)["sha256"]:
            raise StoreError(
                f"{path}: found an altered copy, expected the experiment as the run began; put "
                "the text back"
            )
        return text.decode()

    def require_same(self, experiment: Experiment) -> None:
        """Raise unless an experiment is the one this run began with.

        Raises:
            InputError: Values differ; the faults name every key.
        """
        faults = change_faults(self.experiment(), experiment, where=f"{self.folder}")
        if faults:
            raise InputError(faults)

    def environment(self) -> Document:
        """Return versions and machine, as they were when the run began."""
        with store_errors(self.folder):
            text = (self.folder / _ENVIRONMENT).read_text(encoding="utf-8")
        environment: Document = json.loads(text)
        return environment

    @property
    def adapters(self) -> FolderShelf:
        """Return where adapters lie, and what sites of this machine keep to themselves."""
        return FolderShelf(self.folder / ADAPTERS)

    def put_update(self, payload: bytes) -> StoredAdapter:
        """Return where the bytes of an update now lie; after a power cut they can be made again."""
        return write_content(self.folder / ADAPTERS, payload, flushed=False)

    def update(self, sha256: str, *, most_values: int, most_tensors: int) -> AdapterWeights:
        """Return the tensors of an update, see `open_update`."""
        path = self._adapter_path(sha256)
        return open_update(path, most_values=most_values, most_tensors=most_tensors, sha256=sha256)

    def site_update(self, key: str) -> Document | None:
        """Return what training at a site came to, None where it has not been done."""
        sql = "SELECT document FROM site_updates WHERE key = ?"
        found: Document | None = self._database.document(sql, key)
        return found

    def put_site_update(self, key: str, document: Document) -> None:
        """Record what training at a site came to.

        Raises:
            ValueError: It is recorded already, or the adapter it names is not.
        """
        self._require_adapters(document)
        self._database.put("site_updates", key, document=document)

    def site_update_keys(self) -> list[str]:
        """Return the keys of all trainings that are recorded."""
        rows = self._database.rows("SELECT key FROM site_updates ORDER BY key")
        return [key for (key,) in rows]

    def forget_site_updates(self, keys: Collection[str]) -> None:
        """Take away trainings that nobody will ask for again, with the adapters they alone name."""
        among = "FROM site_updates WHERE key IN (SELECT value FROM json_each(?))"
        rows = self._database.rows(f"SELECT document {among}", to_json([*keys]))
        documents = [json.loads(document) for (document,) in rows]
        forgotten = {one[key] for one in documents for key in NAMING_KEYS if one.get(key)}
        self._database.remove("site_updates", keys)
        # Others stay: one that is on the disk and not in a row yet may be another arm's.
        sweep(self.folder, self._database, only=forgotten)

    def sweep(self) -> None:
        """Take away every adapter that no row names; no arm may be under way."""
        sweep(self.folder, self._database)

    def rounds(self, arm: str) -> list[Document]:
        """Return the rounds of an arm in order."""
        rows = self._database.rows(
            "SELECT document FROM rounds WHERE arm = ? ORDER BY round_index", arm
        )
        return [json.loads(document) for (document,) in rows]

    def put_round(self, arm: str, round_index: int, document: Document) -> None:
        """Record a round of an arm; rounds count from 1.

        Raises:
            ValueError: The round before is missing, this one is recorded already, or the adapter
                it names is not.
        """
        self._require_adapters(document)
        ((closed,),) = self._database.rows("SELECT COUNT(*) FROM rounds WHERE arm = ?", arm)
        following = closed + 1
        if round_index != following:
            raise ValueError(f"arm {arm!r}: found round {round_index}, expected {following}")
        self._database.put("rounds", arm, round_index, document=document)

    def final(self, arm: str, site: str) -> Document | None:
        """Return an arm's final scores at a site, None where they are not made."""
        sql = "SELECT document FROM finals WHERE arm = ? AND site = ?"
        found: Document | None = self._database.document(sql, arm, site)
        return found

    def finals(self, arm: str) -> dict[str, Document]:
        """Return an arm's final scores by site, in site-name order."""
        rows = self._database.rows(
            "SELECT site, document FROM finals WHERE arm = ? ORDER BY site", arm
        )
        return {site: json.loads(document) for site, document in rows}

    def put_final(self, arm: str, site: str, document: Document) -> None:
        """Record an arm's final scores at a site; test is read once, so there is no second put."""
        self._database.put("finals", arm, site, document=document)

    def arm(self, name: str) -> Document | None:
        """Return what a finished arm came to, None where it is not finished."""
        sql = "SELECT document FROM arms WHERE name = ?"
        found: Document | None = self._database.document(sql, name)
        return found

    def arms(self) -> list[str]:
        """Return the finished arms, by position."""
        return [name for (name,) in self._database.rows("SELECT name FROM arms ORDER BY position")]

    def begun_arms(self) -> list[str]:
        """Return the arms that have closed a round, the one that closed the last round last."""
        sql = "SELECT arm FROM rounds GROUP BY arm ORDER BY MAX(rowid)"
        return [name for (name,) in self._database.rows(sql)]

    def put_arm(self, name: str, document: Document, *, position: int) -> None:
        """Record that an arm is finished.

        Args:
            position: Its place among all arms of the experiment, from 0.
        """
        self._require_adapters(document)
        self._database.put("arms", position, name, document=document)

    def meta(self, key: str) -> Any:  # noqa: ANN401 -- any JSON value
        """Return what is recorded about the whole run under a key, None where nothing is."""
        return self._database.document("SELECT document FROM meta WHERE key = ?", key)

    def put_meta(self, key: str, document: object) -> None:
        """Record something about the whole run in the place of what stood there, if it differs."""
        if to_json(self.meta(key)) != to_json(document):
            self._database.put("meta", key, document=document, replace=True)

    def drawn(self) -> dict[str, list[Document]]:
        """Return the notes to be drawn in the report, by arm."""
        rows = self._database.rows("SELECT arm, document FROM drawn ORDER BY arm")
        return {arm: json.loads(document) for arm, document in rows}

    def put_drawn(self, arm: str, documents: Sequence[Document]) -> None:
        """Record the notes of an arm to be drawn, in the place of what stood there."""
        self._database.put("drawn", arm, document=list(documents), replace=True)

    @property
    def seals(self) -> Seals:
        """Return the sealed records of the rounds, and the journal of all rows."""
        return Seals(self._database)

    def _adapter_path(self, sha256: str) -> Path:
        return self.folder / ADAPTERS / f"{sha256}.safetensors"

    def _require_adapters(self, document: Document) -> None:
        for key in set(NAMING_KEYS) - set(ELSEWHERE):
            sha256 = document.get(key)
            if sha256 is not None and not self._adapter_path(sha256).is_file():
                raise ValueError(f"{key} {sha256}: found no file, expected its adapter put before")


def _require_new(folder: Path, text: bytes) -> None:
    if has_run(folder):
        advice = "go on with it by --resume, or name another --out"
        raise InputError([Fault(str(folder), "a run that has begun", "a new folder", advice)])
    copy = folder / _EXPERIMENT
    if copy.exists() and copy.read_bytes() != text:
        advice = "name another --out; this file would be lost"
        raise InputError([Fault(str(copy), "another experiment", "a new folder", advice)])


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
