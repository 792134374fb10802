"""The bytes of a round, up and down, by site."""

from collections.abc import Sequence

from fedmedlora.experiment.open_round import OpenRound
from fedmedlora.experiment.spool import Spooled
from fedmedlora.experiment.summing import Summing
from fedmedlora.federation.updates import SiteUpdate


def traffic(
    opened: OpenRound,
    num_bytes_down: int,
    spooled: Sequence[Spooled],
    fit: Sequence[SiteUpdate],
    summing: Summing,
) -> dict[str, dict[str, int]]:
    """Return the bytes of a round up and down by site; none where a participant trains alone.

    Args:
        num_bytes_down: Of what the server sends to each site.
        fit: The updates whose adapters were scored.
        summing: What made their sum; in a blind round more travels for that.
    """
    arm = opened.arm
    if arm.kind != "federated" and len(arm.participants) == 1:
        return {"bytes_up": {}, "bytes_down": {}}
    up = {one.row["site"]: one.row["bytes"] + summing.up.get(one.row["site"], 0) for one in spooled}
    down = {one.name: num_bytes_down + summing.down.get(one.name, 0) for one in arm.participants}
    scored_by_peers = opened.experiment.aggregation.validation == "peers"
    if scored_by_peers and "validation_loss" in arm.strategy.needs:
        # The server has every adapter already: what goes to be scored travels down alone.
        scored = [update.report.site for update in fit]
        for site in scored:
            down[site] += sum(up[other] for other in scored if other != site)
    return {"bytes_up": up, "bytes_down": down}
