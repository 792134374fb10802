"""The command line: each command is a few lines that call the library.

Results go to stdout, talk to stderr. Exit 0: done; 1: a verification failed; 2: wrong input;
3: the run could not go on; 130: interrupted; 141: nobody reads on.
"""

import argparse
import logging
import os
import sys
from collections.abc import Sequence

from fedmedlora.cli.parser import parse
from fedmedlora.errors import FedMedLoRAError, InputError

# As a shell reports a program that a signal ended: 128 and SIGINT, 128 and SIGPIPE.
INTERRUPTED = 130
UNREAD = 141
_EXTRAS = {
    "fhir": "fhir",
    "nvflare": "nvflare",
    "pyarrow": "tables",
    **dict.fromkeys(("fastapi", "pydantic", "starlette", "uvicorn"), "serve"),
    **dict.fromkeys(("coincurve", "cryptography", "securesystemslib", "web3"), "audit"),
    **dict.fromkeys(("eth", "eth_abi", "eth_account", "eth_keys", "eth_utils", "rlp"), "audit"),
}
"""What only some commands need, by the name of the package and of the extra."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = parse(arguments)
    # Read when torch is first imported. Threads that wait long in a busy loop hold up one another
    # where anything else uses the cores (a step was seen to take twenty times as long); threads
    # that sleep at once make a step twice as long where nothing does.
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")
    # Without it CUDA's matrix products are not the same twice, and torch refuses them.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.getLogger("fedmedlora").setLevel(logging.INFO)
    # Peft imports it where it is installed, used or not, and on a CPU it advises a package.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    try:
        code = _code(options)
        # Whether anyone still reads is known now, and not when Python ends.
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        _let_go()
        return UNREAD
    return code


def _code(options: argparse.Namespace) -> int:
    try:
        code: int = options.run(options)
    except FedMedLoRAError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except ModuleNotFoundError as error:
        if (package := (error.name or "").partition(".")[0]) not in _EXTRAS:
            raise
        advice = f"pip install 'fedmedlora[{_EXTRAS[package]}]'"
        sys.stderr.write(f"fedmedlora: found no {package}, expected it here; {advice}\n")
        return InputError.exit_code
    except BrokenPipeError:
        raise
    except OSError as error:
        sys.stderr.write(f"{_told(error)}\n")
        return FedMedLoRAError.exit_code
    except KeyboardInterrupt:
        sys.stderr.write(
            "stopped; what was done is kept: go on with the same command, `run` with --resume\n"
        )
        return INTERRUPTED
    return code


def _let_go() -> None:
    # Python writes out what is left when it ends; the reader, as `head`, has all it wanted.
    for stream in (sys.stdout, sys.stderr):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _told(error: OSError) -> str:
    place = error.filename or "disk"
    return (
        f"{place}: found {error.strerror or type(error).__name__!r}, expected room and permission; "
        "free the disk or name another place"
    )
