# SPDX-License-Identifier: MIT
"""Networks of PyTorch as folders of ONNX's backend tests.

A script registers networks with @model, and ends in main():

    SCRIPT --list
    SCRIPT FOLDER [NAME]...

Each network gets model.onnx by torch.onnx.export(), with random weights, and
test_data_set_0 with random inputs and what PyTorch itself computes of them.
"""

import inspect
import pathlib
import sys
import warnings

import onnx
import torch
from onnx import numpy_helper

MODELS = {}

# Later ones have another exporter, which needs what is not packaged, and write attention
# from set 14 on.
HOW = {"dynamo": False} if "dynamo" in inspect.signature(torch.onnx.export).parameters else {}
LEAST = 14 if HOW else 1


class Call(torch.nn.Module):
    """A function of a module, as a module."""

    def __init__(self, module, function):
        super().__init__()
        self.module, self.function = module, function

    def forward(self, *args):
        return self.function(self.module, *args)


def model(opset):
    """Register a function that returns a module, its inputs and, if any, its open axes."""

    def register(make):
        MODELS[make.__name__] = (opset, make)
        return make

    return register


def tensors(value):
    """The tensors of a result, in order."""
    if torch.is_tensor(value):
        return [value]
    return [t for part in value for t in tensors(part)]


def save(path, tensor, name):
    path.write_bytes(numpy_helper.from_array(tensor.numpy(), name).SerializeToString())


def export(folder, opset, net, args, axes=None):
    net.eval()
    data = folder / "test_data_set_0"
    data.mkdir(parents=True)
    names = [f"in{i}" for i in range(len(args))]
    path = folder / "model.onnx"

    # Some networks change their inputs.
    def copy():
        return tuple(a.clone() for a in args)

    torch.onnx.export(
        net,
        copy(),
        str(path),
        opset_version=max(opset, LEAST),
        input_names=names,
        dynamic_axes=axes,
        **HOW,
    )
    graph = onnx.load(str(path)).graph
    with torch.no_grad():
        results = tensors(net(*copy()))
    # An input that nothing depends on is not in the graph; before opset 9 weights follow them.
    given = [value.name for value in graph.input if value.name in names]
    for i, name in enumerate(given):
        save(data / f"input_{i}.pb", args[names.index(name)], name)
    for i, (value, result) in enumerate(zip(graph.output, results, strict=True)):
        save(data / f"output_{i}.pb", result, value.name)


def main():
    if sys.argv[1:] == ["--list"]:
        print("\n".join(MODELS))
        return
    warnings.filterwarnings("ignore")
    target, wanted = pathlib.Path(sys.argv[1]), sys.argv[2:]
    for name in wanted or MODELS:
        torch.manual_seed(1)
        opset, make = MODELS[name]
        export(target / name, opset, *make())
