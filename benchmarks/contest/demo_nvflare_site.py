"""The site of demo_nvflare.py: NVFLARE's client API as its examples have it, the base opened once.

python demo_nvflare_site.py FOLDER ROUNDS CLIENT
"""

import sys
from pathlib import Path

import nvflare.client as flare
from torch import from_numpy

from contest.demo_site import open_site


def main() -> None:
    """Train each round that comes."""
    folder, num_rounds = Path(sys.argv[1]), int(sys.argv[2])
    flare.init()
    site = open_site(folder, flare.get_site_name(), sys.argv[3])
    while flare.is_running():
        received = flare.receive()
        # torch refuses a dot in the name of a parameter.
        start = {name.replace("/", "."): value.numpy() for name, value in received.params.items()}
        adapter, num_tokens = site.train(start, received.current_round + 1, num_rounds)
        params = {name.replace(".", "/"): from_numpy(adapter[name]) for name in adapter}
        flare.send(flare.FLModel(params=params, meta={"NUM_STEPS_CURRENT_ROUND": num_tokens}))


if __name__ == "__main__":
    main()
