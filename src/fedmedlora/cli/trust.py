"""Trust: identity create, rotate, revoke; audit verify, leakage."""

import argparse
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fedmedlora.audit.identity import (
    Identity,
    new_identity,
    open_identities,
    open_identity,
    rotate_identity,
    write_identity,
)
from fedmedlora.audit.passphrases import passphrase
from fedmedlora.cli.answers import answer
from fedmedlora.cli.reading import write_report
from fedmedlora.engines.rehearsal import seal_again
from fedmedlora.errors import Fault, IdentityError, InputError
from fedmedlora.experiment.results import write_results
from fedmedlora.experiment.run_ledger import revoke_site
from fedmedlora.experiment.store import RunStore
from fedmedlora.experiment.verifying import verify as verify_run

_FAULTY = 1


def create(options: argparse.Namespace) -> int:
    """Make the keys of a site or of whoever coordinates."""
    identity = new_identity()
    secret = passphrase(os.environ, descriptor=options.passphrase_fd)
    write_identity(options.file, identity, secret)
    _tell(options, options.file, identity)
    return 0


def rotate(options: argparse.Namespace) -> int:
    """Put new keys in the place of those in a file; runs take them over as they go on."""
    file: Path = options.file
    identity = rotate_identity(file, _secret(file, options.passphrase_fd))
    _tell(options, file, identity)
    return 0


def revoke(options: argparse.Namespace) -> int:
    """Let a site's keys be good for nothing from now on."""
    folder: Path = options.run_folder
    file: Path = options.identity or folder / "identities" / "operator.json"
    if options.identity is None and not file.is_file():
        found, expected = "nothing", "an identity, as the run is not of this machine alone"
        advice = "name local/identity.json in the coordinator's kit"
        raise InputError([Fault("--identity", found, expected, advice)])
    identities = open_identities(file, _secret(file, options.passphrase_fd))
    block = revoke_site(folder, options.site, identities)
    told = {"site": options.site, "block": block}
    answer(options, told, [f"{options.site}: revoked with block {block}"])
    return 0


def _secret(file: Path, descriptor: int | None) -> bytes:
    """Return the passphrase of an identity; those of a run on one machine have none."""
    try:
        open_identity(file, b"")
    except IdentityError:
        if not file.is_file():
            raise
        return passphrase(os.environ, descriptor=descriptor)
    return b""


def _tell(options: argparse.Namespace, file: Path, identity: Identity) -> None:
    told = {"file": str(file), "did": identity.did, "address": f"0x{identity.address.hex()}"}
    answer(options, told, [f"{key}: {value}" for key, value in told.items()])


def verify(options: argparse.Namespace) -> int:
    """Check a run against what was signed and sealed; exit 1 where something is wrong."""
    folder: Path = options.run_folder
    verdict = verify_run(folder, heads=options.heads or ())
    checked = ", ".join(f"{number} {what}" for what, number in verdict.counts.items())
    keys = [f"{name} signs as {did}" for name, did in verdict.keys.items()]
    lines = [*keys, *verdict.faults, *verdict.remarks, f"checked: {checked or 'nothing'}"]
    if not verdict.faults:
        lines.append(f"{folder}: all of it as it was signed and sealed")
    answer(options, asdict(verdict), lines)
    return _FAULTY if verdict.faults else 0


def leakage(options: argparse.Namespace) -> int:
    """Tell what known attacks get out of a run's updates; the run and its report keep it."""
    # A model is opened for this alone; the other commands of this module do not wait for torch.
    from fedmedlora.engines.leaking import Effort  # noqa: PLC0415
    from fedmedlora.engines.leaking import leakage as leakage_of  # noqa: PLC0415

    folder: Path = options.run_folder
    with RunStore.open(folder, writable=True) as store:
        found = leakage_of(store, site=options.site, effort=Effort())
        store.put_meta("leakage", {**(store.meta("leakage") or {}), **found["sites"]})
        seal_again(store)
        write_results(store)
    write_report([folder], folder / "report.html")
    told = [(site, attack) for site, attacks in found["sites"].items() for attack in attacks]
    answer(options, found, [line for each in told for line in _leakage_lines(*each)])
    return 0


def _leakage_lines(site: str, found: Mapping[str, Any]) -> Iterator[str]:
    noise = "with noise" if found["noise"] else "without noise"
    yield f"{site}: attacked is {found['attacked']} ({found['arm']}, {noise})"
    counted = f"{found['members']} notes trained on, {found['others']} others"
    if found["membership"] is None:
        yield f"  membership: not measured ({counted}; some of both are needed)"
    else:
        loss = found["membership"]["loss"]
        yield f"  membership: AUC {_figure(loss['auc'])}, 0.5 is a guess ({counted})"
        yield f"  membership: TPR at 1 % FPR {_figure(loss['tpr'])}"
    if (exposed := found["exposure"]) is None:
        yield "  exposure: not measured; it takes extraction and notes with numbers of six digits"
    else:
        yield (
            f"  exposure of {exposed['secrets']} numbers: {exposed['attacked']:.2f} of "
            f"{exposed['most']:.2f} bits, before training {exposed['start']:.2f}"
        )
    if (tokens := found["tokens"]) is None:
        yield "  tokens: not measured; what reads the embeddings was not changed"
    else:
        yield (
            f"  tokens: recall {tokens['recall']:.3f} of the {tokens['in_use']} in use, from noise "
            f"{tokens['noise']:.3f}, from public text {tokens['public']:.3f}"
        )


def _figure(told: Mapping[str, Any]) -> str:
    low, high = told["ci95"]
    return f"{told['value']:.3f} [{low:.3f}, {high:.3f}]"
