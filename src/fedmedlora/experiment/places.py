"""Where an experiment runs, and with whose notes: its sections `[engine]` and `[[sites]]`."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from fedmedlora.ranges import Rule, above, at_least, at_most
from fedmedlora.sites import SiteRole, is_site_name

_Count = Annotated[int, at_least(1)]
NAME = Rule("of at most 63 characters a-z, 0-9, '_' and '-', a letter or digit first", is_site_name)
_SHA256 = Rule(
    "of 64 characters 0-9 and a-f", lambda text: re.fullmatch("[0-9a-f]{64}", text) is not None
)
_HOST = Rule(
    "a name or an address, without port", lambda host: re.fullmatch(r"[\w.:-]+", host) is not None
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineChoice:
    """Where the rounds run.

    Attributes:
        name: "local" has the notes of every site on this machine, "nvflare" goes from hospital to
            hospital: sites are known by name, and their folders to themselves.
        workers: Processes of this machine that share the work, each with a base model of its own
            and `training.num_threads` threads; how many there are changes no byte of the result.
        host: Under which name or address the sites reach the coordinator.
        port: The one that must be open there; sites call out, and need none.
        listen: Address of the coordinator's machine on which it listens; None is that of `host`,
            "0.0.0.0" every one, as behind a router or in a container.
        answer_s: Seconds a site has for what it is asked; then the round goes on without it.
        grace_s: Seconds that a round waits for the others once a quorum has handed in, whether or
            not all of it can be used; None waits for all, for as long as they have.
        return_s: Seconds that a round waits for a site that is gone to come back.
        late_joiners: Whether a run begins once a quorum is there, and takes who comes later into
            its next round; otherwise it begins when each site has been there once.
    """

    name: Literal["local", "nvflare"] = "local"
    workers: _Count = 1
    host: Annotated[str, _HOST] = "localhost"
    port: Annotated[int, at_least(1), at_most(65535)] = 8002
    listen: Annotated[str, _HOST] | None = None
    answer_s: Annotated[float, above(0)] = 3600.0
    grace_s: Annotated[float, at_least(0)] | None = None
    return_s: Annotated[float, at_least(0)] = 600.0
    late_joiners: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteEntry:
    """One site: its folder, its part, and limits on what it trains on (None: no limit).

    Attributes:
        path: Its folder, absolute; a relative one in the file starts where the file lies. Between
            hospitals only that of the server's notes.
        name: What it is called, as in its site.json; needed between hospitals.
        role: "train" takes part in the federation, "external" is only scored, "new_site" comes when
            the federation is done, "server" holds the notes that sites' adapters are scored on.
        sha256: What the digest of its notes must be, as `fedmedlora check` tells it for the
            server's; None takes the notes as they are.
        max_notes: So many training notes at most.
        max_sentences: So many sentences of them at most, in whole notes; the first is always taken.
        max_heads: For so many findings at most training asks what belongs to them.
        lora_rank: Of this site's adapter, at most the model's; None is the model's.
        lora_alpha: Of this site's adapter; None is the model's.
    """

    path: Path | None = None
    name: Annotated[str, NAME] | None = None
    role: SiteRole = "train"
    sha256: Annotated[str, _SHA256] | None = None
    max_notes: _Count | None = None
    max_sentences: _Count | None = None
    max_heads: _Count | None = None
    lora_rank: _Count | None = None
    lora_alpha: _Count | None = None
