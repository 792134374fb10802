"""Contestants, each a process of its own, that take turns.

A contestant is asked questions, one at a time:

    ready    loads, makes one pass to warm up, and tells facts about itself
    loss     the mean loss on its examples, in nats per label token
    pass     the seconds of one pass over its examples

Passes take turns, back and forth, so that what else the machine does falls on all alike; a ratio is
of passes of one turn.
"""

import json
import multiprocessing
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

Ask = Callable[[str], Any]
"""A question to a contestant, and its answer."""

Learner = tuple[Callable[[], None], Callable[[], float]]
"""One pass over the examples, and the mean loss on them in nats."""


@contextmanager
def of_ours(
    open_: Callable[..., tuple[Learner, Mapping[str, Any]]], *args: object
) -> Iterator[Ask]:
    """Run a contestant of ours.

    Args:
        open_: Called in the new process; returns a learner and what there is to tell about it.
        args: Handed to it.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    worker = context.Process(target=_serve, args=(open_, args, there), daemon=True)
    worker.start()
    there.close()

    def ask(question: str) -> Any:  # noqa: ANN401 -- depends on the question
        here.send(question)
        return here.recv()

    yield ask
    here.send("stop")
    worker.join()


@contextmanager
def of_another(command: Sequence[str]) -> Iterator[Ask]:
    """Run a contestant in an environment of its own: a line in, a line of JSON out."""
    with subprocess.Popen(  # noqa: S603 -- a command of ours
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as running:
        asked, told = running.stdin, running.stdout
        if asked is None or told is None:
            raise TypeError("a program without pipes")

        def ask(question: str) -> Any:  # noqa: ANN401 -- depends on the question
            asked.write(question + "\n")
            if line := told.readline():
                return json.loads(line)
            raise SystemExit(f"{command[-1]}: found an end, expected an answer; see above")

        yield ask
        asked.write("stop\n")


def take_turns(passes: Mapping[str, Callable[[], float]], turns: int) -> dict[str, list[float]]:
    """Return the seconds of each contestant's passes.

    Args:
        passes: Makes a pass and returns its seconds.
        turns: Passes of each.
    """
    seconds: dict[str, list[float]] = {name: [] for name in passes}
    for turn in range(turns):
        for name in [*passes][:: -1 if turn % 2 else 1]:
            seconds[name].append(passes[name]())
    return seconds


def seconds_of(work: Callable[[], object]) -> float:
    """Return how long some work takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _serve(open_: Callable[..., Any], args: Sequence[object], pipe: Connection) -> None:
    # What foreign code prints is talk.
    sys.stdout = sys.stderr
    learner: Learner | None = None
    while (question := pipe.recv()) != "stop":
        if learner is None:
            learner, facts = open_(*args)
        learn, loss = learner
        answer = loss() if question == "loss" else seconds_of(learn)
        pipe.send(facts if question == "ready" else answer)
