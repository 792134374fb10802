"""The apps of no_op_flower.py, as Flower's PyTorch quickstart has them, but for training.

Flower copies this file into folders of its own and runs it there.
"""

import json
import time
from pathlib import Path

# What a site that trains holds, too.
import torch  # noqa: F401
import transformers  # noqa: F401
from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg
from safetensors.torch import load_file

client_app = ClientApp()
server_app = ServerApp()


@client_app.train()
def train(message: Message, _: Context) -> Message:
    """Return all weights plus one."""
    received = message.content["arrays"].to_torch_state_dict()
    raised = ArrayRecord({name: tensor + 1 for name, tensor in received.items()})
    content = RecordDict({"arrays": raised, "metrics": MetricRecord({"num-examples": 1})})
    return Message(content=content, reply_to=message)


@server_app.main()
def main(grid: Grid, context: Context) -> None:
    """Run the rounds; write when each ended and what the weights came to."""
    config, ended = context.run_config, []

    def note(_: int, __: ArrayRecord) -> None:
        ended.append(time.time())

    sites = int(config["sites"])
    strategy = FedAvg(fraction_evaluate=0.0, min_train_nodes=sites, min_available_nodes=sites)
    start = ArrayRecord(load_file(str(config["adapter"])))
    result = strategy.start(grid, start, num_rounds=int(config["rounds"]), evaluate_fn=note)
    final = result.arrays.to_torch_state_dict().values()
    values = {value for tensor in final for value in tensor.flatten().tolist()}
    figures = json.dumps({"ended": ended, "weights": sorted(values)})
    Path(str(config["out"])).write_text(figures, encoding="utf-8")
