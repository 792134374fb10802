"""The site of no_op_nvflare.py: NVFLARE's client API as its examples have it, but for training."""

import nvflare.client as flare

# What a site that trains holds, too.
import torch  # noqa: F401
import transformers  # noqa: F401


def main() -> None:
    """Return all weights plus one, in each round."""
    flare.init()
    while flare.is_running():
        received = flare.receive()
        params = {name: value + 1 for name, value in received.params.items()}
        flare.send(flare.FLModel(params=params, meta={"NUM_STEPS_CURRENT_ROUND": 1}))


if __name__ == "__main__":
    main()
