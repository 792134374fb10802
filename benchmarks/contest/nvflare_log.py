"""When rounds began and ended, as the log of NVFLARE's FedAvg says."""

import re
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}")
_TURN = re.compile(r"Round \d+ started\.|Finished FedAvg\.")


def round_seconds(log: str) -> list[float]:
    """Return the seconds of each round, from its start to the next one's; the last to the end."""
    return [(after - before).total_seconds() for before, after in pairwise(_turns(log))]


def _turns(log: str) -> Iterator[datetime]:
    moment = None
    for line in log.splitlines():
        if found := _MOMENT.search(line):
            moment = found[0]
        # What is said may stand some lines below its moment.
        if moment and _TURN.search(line):
            yield datetime.strptime(moment, "%Y-%m-%d %H:%M:%S,%f")  # noqa: DTZ007 -- of one clock
