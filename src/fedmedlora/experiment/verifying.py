"""Whether a run is what was signed and sealed: everything checked again, offline, by anybody.

What is believed is a site's name (its key), and the heads that sites kept. Everything else follows:
the heads name blocks, the blocks hold digests and registrations, the digests are of records and
manifests that are signed, and those name the run's documents and adapters.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fedmedlora.adapters.files import require_digest
from fedmedlora.audit.chains.opening import EMBEDDED, FILE, open_chain
from fedmedlora.audit.chains.replay import chain_faults
from fedmedlora.audit.did import key_of
from fedmedlora.audit.documents import digest, signer_of, verified
from fedmedlora.audit.enrolment import Enrolment, verified_enrolment
from fedmedlora.audit.heads import Head, HeadFile, brought_heads, verified_head
from fedmedlora.audit.ledger import Ledger
from fedmedlora.audit.manifests import UPDATE, require_of
from fedmedlora.audit.notary import run_name
from fedmedlora.audit.records import RECORD, document_digest
from fedmedlora.errors import Fault, InputError
from fedmedlora.experiment.arms import Arm
from fedmedlora.experiment.plan import arms_of
from fedmedlora.experiment.recomputing import again
from fedmedlora.experiment.run_ledger import told_of
from fedmedlora.experiment.schema import Experiment
from fedmedlora.experiment.seals import RUN
from fedmedlora.experiment.store import RunStore
from fedmedlora.experiment.sweeping import ADAPTERS
from fedmedlora.experiment.verdict import Verdict, guarded
from fedmedlora.federation.notary import Claim

Document = dict[str, Any]

_NEAR = 1e-12
"""Shares that were recomputed are the very same numbers on the same machine; on others, nearly."""


def verify(folder: Path, *, heads: Sequence[Path] = ()) -> Verdict:
    """Return what is wrong with a run, and how much was checked.

    Args:
        heads: Files of heads that sites kept, beside those that lie in the run's folder.

    Raises:
        InputError: The folder holds no run, or one in which nothing is signed, or a file no head.
        LedgerError: The ledger cannot be reached.
    """
    verdict, brought = Verdict(), [brought_heads(path) for path in heads]
    with RunStore.open(folder) as store:
        verdict.faults += store.seals.journal_faults()
        if verdict.faults:
            # What does not follow from the journal cannot be read any further with profit.
            return verdict
        told = told_of(store)
        if told is None:
            advice = 'set [audit] ledger = "embedded" in its experiment, and run it anew'
            found, expected = "a run in which nothing is signed", "one with a ledger"
            raise InputError([Fault(str(folder), found, expected, advice)])
        with guarded(verdict, f"{folder}/experiment.toml"):
            experiment = store.experiment()
        if not verdict.faults and experiment.audit.ledger == EMBEDDED:
            verdict.faults += chain_faults(folder / FILE)
        if verdict.faults:
            return verdict
        with open_chain(experiment.audit.ledger, folder) as chain:
            ledger = Ledger(chain, bytes.fromhex(told["contract"]))
            check = _Check(verdict, store, experiment, ledger, told)
            here = map(HeadFile, sorted((folder / "heads").glob("*.jsonl")))
            check.everything([*here, *brought])
    return verdict


@dataclass(slots=True)
class _Check:
    verdict: Verdict
    store: RunStore
    experiment: Experiment
    ledger: Ledger
    told: Document
    enrolled: dict[str, dict[str, Enrolment]] = field(default_factory=dict)
    sealed: set[Head] = field(default_factory=set)

    def everything(self, head_files: Sequence[HeadFile]) -> None:
        """Check what was told of the ledger, who is enrolled, every round, and every head."""
        operator = self.told["operator"]
        if not self.ledger.is_ours():
            self._fault("ledger", "found another contract, expected that of this program")
            return
        if self.ledger.operator_key() != key_of(operator):
            self._fault("ledger", f"found another operator, expected {operator}")
        self.verdict.keys["the coordinator"] = operator
        for site, history in self.told["enrolled"].items():
            for said in history:
                with guarded(self.verdict, f"enrolment of {site}"):
                    self._enrolment(site, said)
            self._succession(site)
        with guarded(self.verdict, "seals"):
            self.sealed = {verified_head(one, operator) for one in self.store.seals.heads()}
        arms = arms_of(self.experiment, list(self.store.meta("notes") or {}))
        for arm in arms:
            if arm.is_together:
                self._arm(arm)
        self._adapters()
        self._run(is_complete={arm.name for arm in arms} <= set(self.store.arms()))
        for file in head_files:
            with guarded(self.verdict, str(file.path)):
                for head in file.heads(operator):
                    self._shown(head, where=str(file.path))

    def _enrolment(self, site: str, said: Document) -> None:
        consent = bytes.fromhex(said["consent"])
        enrolment = verified_enrolment(said["did"], said["document"], consent, self.ledger.domain)
        registered = self.ledger.site(enrolment.address)
        if registered is None or registered.enrolment != enrolment.sha256:
            found = "another enrolment" if registered else "nothing"
            self._fault(f"enrolment of {site}", f"found {found} on the ledger, expected this one")
        self.enrolled.setdefault(site, {})[enrolment.did] = enrolment
        self.verdict.keys[site] = enrolment.did
        self.verdict.count("enrolments")

    def _succession(self, site: str) -> None:
        """Check that a site's keys took the place of each other, with the consent of each."""
        keys = [*self.enrolled.get(site, {}).values()]
        heirs = {self.ledger.heir(one.address) for one in keys}
        if len(heirs) > 1:
            self._fault(f"enrolment of {site}", "found keys to which those before never consented")
        for _ in keys[1:]:
            self.verdict.count("rotations")
        for last in filter(None, map(self.ledger.site, heirs)):
            if last.until is not None:
                self.verdict.remarks.append(f"{site}: revoked with block {last.until}")

    def _arm(self, arm: Arm) -> None:
        documents, seals = self.store.rounds(arm.name), self.store.seals.of(arm.name)
        for index in range(len(documents)):
            where = f"arm {arm.name}, round {index + 1}"
            if index + 1 not in seals:
                self.verdict.remarks.append(f"{where}: not sealed yet")
                continue
            with guarded(self.verdict, where):
                self._round(arm, index, documents, seals[index + 1], where)
        self._last(arm.name, len(seals), f"arm {arm.name}")

    def _last(self, name: str, num_sealed: int, where: str) -> None:
        """Check that the ledger has sealed no more than the run has records of."""
        run = bytes.fromhex(run_name(self.told["nonce"], name))
        if self.ledger.sealed(run, num_sealed + 1) is not None:
            found = f"found {num_sealed} records, expected more, as the ledger has sealed"
            self._fault(where, f"{found}; go on with a run that was killed, or put your copy back")

    def _round(
        self, arm: Arm, index: int, documents: Sequence[Document], seal: Document, where: str
    ) -> None:
        document, run = documents[index], run_name(self.told["nonce"], arm.name)
        witnesses = self.store.seals.witnesses(arm.name).get(index + 1, {})
        head = self._seal(seal, run, index + 1, document, witnesses, where)
        said = verified(seal["record"], self.told["operator"], kind=RECORD).predicate
        journal = self.store.seals.journal_head("rounds", arm.name, index + 1)
        if said["journal"] != journal:
            self._fault(where, "found another journal than was sealed")
        if index and document["before"] != documents[index - 1]["adapter"]:
            self._fault(where, "found another start than the round before came to")
        for site in sorted({*document["reports"], *document["shares"]} - {*document["manifests"]}):
            self._fault(f"{where}, update of {site}", "found nothing signed, expected a manifest")
        for site, signed in document["manifests"].items():
            update = f"{where}, update of {site}"
            with guarded(self.verdict, update):
                self._update(site, signed, run, document, head, update)
        self._recomputed(arm, index, documents, where)
        self.verdict.count("rounds")

    def _seal(
        self,
        seal: Document,
        run: str,
        round_index: int,
        document: Document,
        witnesses: Mapping[str, str],
        where: str,
    ) -> Head:
        record, operator = seal["record"], self.told["operator"]
        said = verified(record, operator, kind=RECORD).predicate
        if self.ledger.sealed(bytes.fromhex(run), round_index) != digest(record):
            self._fault(where, "found another record than the ledger has sealed")
        if said["document"] != document_digest(document):
            self._fault(where, "found another document than was signed")
        head = verified_head(seal["head"], operator)
        if (head.run, head.round_index, head.record) != (run, round_index, digest(record).hex()):
            self._fault(where, "found a head of another round")
        self._shown(head, where=where)
        for site, text in witnesses.items():
            if verified_head(text, self._signer(site, text).did) != head:
                self._fault(where, f"found that {site} has countersigned another head")
            self.verdict.count("countersigned heads")
        return head

    def _update(
        self, site: str, signed: Document, run: str, document: Document, head: Head, where: str
    ) -> None:
        manifest = signed["manifest"]
        enrolment = self._signer(site, manifest)
        said = verified(manifest, enrolment.did, kind=UPDATE)
        report = document["reports"].get(site)
        sent = said.predicate
        claim = Claim(
            site,
            run,
            document["round"],
            report["num_tokens"] if report else sent["num_tokens"],
            sent["base_model"],
            document["before"],
            (document.get("updates") or {}).get(site, next(iter(said.subject.values()))),
            sent["bytes"],
            manifest,
            signed["consent"],
        )
        require_of(claim, said, enrolment.did)
        if (document.get("privacy") or {}).get(site) != sent["privacy"]:
            self._fault(where, "found another privacy than the site has signed")
        if sent["num_tokens"] > enrolment.most_tokens:
            found = f"found {sent['num_tokens']} label tokens, expected {enrolment.most_tokens}"
            self._fault(where, f"{found} at most, as enrolled")
        committed = self.ledger.commitment(bytes.fromhex(run), document["round"], enrolment.address)
        if committed != digest(manifest):
            self._fault(where, "found another manifest than the ledger has recorded")
        registered = self.ledger.site(enrolment.address, block=head.block)
        if registered is None:
            self._fault(where, f"found nobody of that name at block {head.block}")
        self.verdict.count("updates")

    def _signer(self, site: str, document: str) -> Enrolment:
        """Return which of a site's keys, one after the other, are named as having signed."""
        keys = self.enrolled[site]
        return keys.get(signer_of(document), [*keys.values()][-1])

    def _recomputed(self, arm: Arm, index: int, documents: Sequence[Document], where: str) -> None:
        document = documents[index]
        found = again(arm, index, documents, self.experiment, self.store)
        # It must be there, and be what its name says.
        self.store.adapters.get(document["adapter"])
        if found.shares is not None:
            if not _near(found.shares, document["shares"]):
                self._fault(where, "found other shares than the reports give")
            self.verdict.count("shares recomputed")
        if found.adapter is not None:
            if found.adapter != document["adapter"]:
                self._fault(where, "found another global adapter than the updates give")
            self.verdict.count("aggregates recomputed")

    def _adapters(self) -> None:
        for path in sorted((self.store.folder / ADAPTERS).glob("*.safetensors")):
            with guarded(self.verdict, "adapters"):
                require_digest(path, path.stem)
                self.verdict.count("adapters read")

    def _run(self, *, is_complete: bool) -> None:
        run, seals = run_name(self.told["nonce"], RUN), self.store.seals.of(RUN)
        for index, seal in seals.items():
            where = f"run, seal {index}"
            with guarded(self.verdict, where):
                said = verified(seal["record"], self.told["operator"], kind=RECORD).predicate
                witnesses = self.store.seals.witnesses(RUN).get(index, {})
                self._seal(seal, run, index, seal["closed"], witnesses, where)
                if not self.store.seals.has_head(said["journal"]):
                    self._fault(where, "found a journal that does not hold what was sealed")
        self._last(RUN, len(seals), "run")
        if self.store.seals.is_last(RUN, len(seals)):
            return
        told = "run: found rows that were written after the last seal"
        if is_complete:
            self.verdict.faults.append(f"{told}, expected none once it is complete")
        else:
            self.verdict.remarks.append(f"{told}; they are sealed when it goes on")

    def _shown(self, head: Head, *, where: str) -> None:
        block = self.ledger.chain.block(head.block)
        self.verdict.count("heads")
        if head.contract != self.ledger.contract.hex():
            self._fault(where, "found a head of another ledger")
        elif block is None:
            self._fault(where, f"found no block {head.block} on the ledger, which was shown before")
        elif block.hash.hex() != head.hash:
            self._fault(where, f"found another block {head.block} on the ledger than was shown")
        elif head not in self.sealed:
            self._fault(where, f"found a seal of block {head.block} that the run no longer has")

    def _fault(self, where: str, told: str) -> None:
        self.verdict.faults.append(f"{where}: {told}")


def _near(a: Mapping[str, float], b: Mapping[str, float]) -> bool:
    return a.keys() == b.keys() and all(abs(a[site] - b[site]) <= _NEAR for site in a)
