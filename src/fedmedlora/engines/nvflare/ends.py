"""The two ends of a run as a job names them: whoever coordinates, and each site."""

import os
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

from fedmedlora.engines.nvflare.kits import Roles
from fedmedlora.engines.nvflare.roles import CoordinatorRole, SiteRole
from fedmedlora.engines.nvflare.site import open_service
from fedmedlora.engines.nvflare.transport import NvflareTransport
from fedmedlora.engines.remote.audited import NOT_AUDITED, Auditing
from fedmedlora.engines.remote.coordinating import coordinate
from fedmedlora.errors import EngineError
from fedmedlora.experiment.places import EngineChoice
from fedmedlora.experiment.schema import Experiment
from fedmedlora.experiment.store import RunStore


class Coordinator(CoordinatorRole):
    """Goes on with the run whose folder the job's settings name."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        """Keep where the run lies."""
        super().__init__(_lead, settings)


class Site(SiteRole):
    """Answers with this site's notes, as its kit says where they lie."""

    def __init__(self) -> None:
        """Keep how the service is opened."""
        super().__init__(open_service)


ROLES = Roles(f"{__name__}.{Coordinator.__name__}", f"{__name__}.{Site.__name__}")


_START_S = 120.0
"""A site's process for the job loads the libraries first."""
_LOOK_S = 0.1


def _lead(transport: NvflareTransport, settings: Mapping[str, Any]) -> None:
    deadline = time.monotonic() + _START_S
    while transport.sites() != transport.participants and time.monotonic() < deadline:
        time.sleep(_LOOK_S)
    with RunStore.open(Path(settings["run"]), writable=True) as store:
        experiment = replace(store.experiment(), engine=EngineChoice(**settings["engine"]))
        audit = _auditing(experiment, store, settings["identity"])
        coordinate(experiment, store.experiment_text(), store, transport, audit)


def _auditing(
    experiment: Experiment, store: RunStore, identity: str | None
) -> AbstractContextManager[Auditing]:
    if not experiment.audit.is_on:
        return NOT_AUDITED
    if identity is None:
        raise EngineError(
            "coordinator: found no identity in its kit, expected one, as rounds are to be sealed; "
            "start it again with local/identity.json in the kit"
        )
    # Only who has a ledger needs its packages.
    from fedmedlora.audit.identity import open_identities  # noqa: PLC0415
    from fedmedlora.audit.passphrases import passphrase  # noqa: PLC0415
    from fedmedlora.engines.remote.attesting import auditing  # noqa: PLC0415

    return auditing(experiment, store, open_identities(Path(identity), passphrase(os.environ)))
