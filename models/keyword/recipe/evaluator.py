# SPDX-License-Identifier: MIT
"""Run the ONNX file with numpy alone: an evaluator that shares nothing with the training framework.

`bf16=True` casts both operands of every Conv and Gemm to bfloat16 (round to nearest, ties to
even) and accumulates in fp32, as `neuron-compile --auto-cast bf16` has the chip do.
"""

import numpy as np
import onnx
from onnx import numpy_helper


def to_bf16(x):
    """Round fp32 to the nearest bfloat16 number, ties to even."""
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32).astype(np.uint64)
    bits = (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000
    return bits.astype(np.uint32).view(np.float32)


def windows(x, kernel, strides, pads):
    """A view of x [N, C, H, W] as [N, C, H', W', kh, kw]."""
    top, left, bottom, right = pads
    if any(pads):
        x = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    view = np.lib.stride_tricks.sliding_window_view(x, kernel, axis=(2, 3))
    return view[:, :, ::strides[0], ::strides[1]]


def conv(inputs, a):
    x, weight = inputs[0], inputs[1]
    view = windows(x, weight.shape[2:], a["strides"], a["pads"])
    group = a.get("group", 1)
    n, c, h, w = view.shape[:4]
    out = weight.shape[0]
    view = view.reshape(n, group, c // group, h, w, -1).transpose(1, 0, 3, 4, 2, 5)
    columns = np.ascontiguousarray(view).reshape(group, n * h * w, -1)
    y = columns @ weight.reshape(group, out // group, -1).transpose(0, 2, 1)
    y = y.reshape(group, n, h, w, out // group).transpose(1, 0, 4, 2, 3).reshape(n, out, h, w)
    return y + inputs[2][None, :, None, None] if len(inputs) > 2 else y


def gemm(inputs, a):
    x, w = inputs[0], inputs[1]
    w = w.T if a.get("transB", 0) else w
    return x @ w + inputs[2]


def softmax(inputs, a):
    e = np.exp(inputs[0] - inputs[0].max(axis=a["axis"], keepdims=True))
    return e / e.sum(axis=a["axis"], keepdims=True)


OPERATORS = {
    "Conv": conv,
    "Gemm": gemm,
    "Softmax": softmax,
    "Add": lambda i, a: i[0] + i[1],
    "Sub": lambda i, a: i[0] - i[1],
    "Mul": lambda i, a: i[0] * i[1],
    "Div": lambda i, a: i[0] / i[1],
    "Sqrt": lambda i, a: np.sqrt(i[0]),
    "Log": lambda i, a: np.log(i[0]),
    "Relu": lambda i, a: np.maximum(i[0], 0),
    "Reshape": lambda i, a: i[0].reshape(i[1]),
    "Flatten": lambda i, a: i[0].reshape(i[0].shape[0], -1),
    "ReduceMean": lambda i, a: i[0].mean(axis=tuple(a["axes"]), keepdims=True, dtype=np.float32),
    "AveragePool": lambda i, a: windows(i[0], a["kernel_shape"], a["strides"],
                                        [0] * 4).mean(axis=(4, 5)),
    "GlobalAveragePool": lambda i, a: i[0].mean(axis=(2, 3), keepdims=True),
}


class Evaluator:
    """One loaded model; not for use by several threads at once."""

    def __init__(self, path):
        self.graph = onnx.load(path).graph
        self.weights = {t.name: numpy_helper.to_array(t) for t in self.graph.initializer}
        self.nodes = [(n.op_type, list(n.input), n.output[0],
                       {a.name: onnx.helper.get_attribute_value(a) for a in n.attribute})
                      for n in self.graph.node]
        unknown = {op for op, _, _, _ in self.nodes} - set(OPERATORS)
        if unknown:
            raise ValueError("operators not known here: " + ", ".join(sorted(unknown)))

    def run(self, waveform, bf16=False, keep=None):
        """Scores [labels] of one second of samples [16000]; `keep` collects all tensors by name."""
        values = dict(self.weights)
        values["waveform"] = np.asarray(waveform, np.float32).reshape(1, -1)
        for op, inputs, output, attributes in self.nodes:
            args = [values[name] for name in inputs]
            if bf16 and op in ("Conv", "Gemm"):
                args[:2] = [to_bf16(args[0]), to_bf16(args[1])]
            values[output] = OPERATORS[op](args, attributes)
            assert values[output].dtype == np.float32, (op, output)
        if keep is not None:
            keep.update(values)
        return values["scores"][0]
