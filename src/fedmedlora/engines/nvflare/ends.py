"""The two ends of a run as a job names them: whoever coordinates, and each site."""

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from fedmedlora.engines.nvflare.kits import Roles
from fedmedlora.engines.nvflare.roles import CoordinatorRole, SiteRole
from fedmedlora.engines.nvflare.site import open_service
from fedmedlora.engines.nvflare.transport import NvflareTransport
from fedmedlora.engines.remote.coordinating import coordinate
from fedmedlora.experiment.places import EngineChoice
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
        coordinate(experiment, store.experiment_text(), store, transport)
