"""The client of demo_flower.py, as FlowerTune has it: the base is opened for each message."""

from pathlib import Path

from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from torch import from_numpy

from contest.demo_folder import site_names
from contest.demo_site import open_site

client_app = ClientApp()


@client_app.train()
def train(message: Message, context: Context) -> Message:
    """Train one round at a site."""
    config = message.content["config"]
    folder = Path(config["folder"])
    name = site_names(folder)[context.node_config["partition-id"]]
    site = open_site(folder, name, config["client"])
    start = {name: array.numpy() for name, array in message.content["arrays"].items()}
    adapter, num_tokens = site.train(start, config["server-round"], config["rounds"])
    trained = ArrayRecord({name: from_numpy(adapter[name]) for name in adapter})
    metrics = MetricRecord({"num-examples": num_tokens})
    return Message(content=RecordDict({"arrays": trained, "metrics": metrics}), reply_to=message)
