"""From a description of an endpoint to an engine that asks it about the notes of some sites."""

from collections.abc import Mapping

from fedmedlora.adapters.shelves import MemoryShelf
from fedmedlora.engines.endpoint.backbone import EndpointBackbone
from fedmedlora.engines.local import LocalEngine
from fedmedlora.errors import InputError
from fedmedlora.evaluation.cohorts import Cohort
from fedmedlora.experiment.schema import Experiment
from fedmedlora.experiment.sending import endpoint_key, is_private, sending_faults
from fedmedlora.tasks.extraction import Extraction
from fedmedlora.tasks.prompting import PromptExample, Prompting, WholeWords


def open_endpoint(
    experiment: Experiment,
    cohorts: Mapping[str, Cohort],
    types: tuple[str, ...],
    *,
    environ: Mapping[str, str],
) -> LocalEngine[PromptExample]:
    """Return an engine that asks an experiment's endpoint; nothing is sent yet.

    Args:
        types: All that will be asked for.
        environ: The environment's variables, one of which may hold the key.

    Raises:
        InputError: Notes would be sent away without leave, or the key is missing.
    """
    sites = cohorts.values()
    private = [site.name for site in sites if is_private(site.role, public=site.public)]
    if faults := sending_faults(experiment, private):
        raise InputError(faults)
    key = endpoint_key(experiment.endpoint, environ)
    backbone = EndpointBackbone(experiment.endpoint, key=key, seed=experiment.seed)
    words = WholeWords()
    task = Extraction(Prompting(types), words, experiment.endpoint.window_words)
    return LocalEngine(backbone, task, cohorts, tokenizer=words, vocabulary=(), shelf=MemoryShelf())
