"""One place for each name: a second site that calls itself the same is turned away.

NVFLARE lets the later one in and then has both take the connection from each other for ever.
"""

import hashlib
import logging
import socket
import time
from pathlib import Path

from nvflare.apis.event_type import EventType
from nvflare.apis.fl_component import FLComponent
from nvflare.apis.fl_context import FLContext
from nvflare.apis.fl_exception import NotAuthenticated

logger = logging.getLogger(__name__)

_PLACE = "fedmedlora_place"
# Three times as long as a site takes between two signs; then its name is free.
SILENCE_S = 15.0


class SayPlace(FLComponent):
    """Says, at a site, from where it calls: a digest of the machine's name and the kit's folder."""

    def handle_event(self, event_type: str, fl_ctx: FLContext) -> None:
        """Say it before the site registers."""
        if event_type == EventType.BEFORE_CLIENT_REGISTER:
            words = f"{socket.gethostname()}:{Path.cwd()}"
            place = hashlib.sha256(words.encode()).hexdigest()
            fl_ctx.set_prop(_PLACE, place, private=False, sticky=True)


class OnePlaceEach(FLComponent):
    """Turns away, at the server, who calls by the name of a site that is there already."""

    def __init__(self) -> None:
        """Begin with no site known."""
        super().__init__()
        self._places: dict[str, object] = {}

    def handle_event(self, event_type: str, fl_ctx: FLContext) -> None:
        """Look at whoever registers.

        Raises:
            NotAuthenticated: A site of this name was heard lately from elsewhere.
        """
        if event_type != EventType.CLIENT_REGISTER_RECEIVED:
            return
        caller = fl_ctx.get_peer_context()
        name, place = caller.get_identity_name(), caller.get_prop(_PLACE)
        present = fl_ctx.get_engine().get_client_from_name(name)
        heard_s = time.time() - present.last_connect_time if present and present.token else None
        elsewhere = name in self._places and self._places[name] != place
        if elsewhere and heard_s is not None and heard_s < SILENCE_S:
            logger.warning(
                "%s: found a second site of this name, expected one; it is turned away until the "
                "first has been silent for %g s",
                name,
                SILENCE_S,
            )
            raise NotAuthenticated("a second site of this name")
        self._places[name] = place
