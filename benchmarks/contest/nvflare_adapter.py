"""An adapter as a torch module: what NVFLARE's recipes for PyTorch start from."""

import torch
from safetensors.torch import load_file


class Adapter(torch.nn.Module):
    """The tensors of a file; a dot in a name, which torch refuses, is a slash."""

    def __init__(self, file: str) -> None:
        super().__init__()
        # NVFLARE reads the argument back from here.
        self.file = file
        for name, tensor in load_file(file).items():
            self.register_parameter(name.replace(".", "/"), torch.nn.Parameter(tensor))
