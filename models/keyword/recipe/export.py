# SPDX-License-Identifier: MIT
"""Write the trained network as ONNX (opset 13): samples in, probabilities out."""

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from net import BANDS, HOP, PAD, POWER_FLOOR, QUIET, SAMPLES, bf16

OPSET = 13


def folded(block):
    """Weight and bias of a convolution with its batch normalisation folded in.

    The weight is rounded to bfloat16 numbers: a chip that casts matrix operands to bf16 then
    computes with the same weights as one that doesn't.
    """
    conv, norm = block[0], block[1]
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    weight = conv.weight * scale[:, None, None, None]
    return bf16(weight).detach().numpy(), (norm.bias - norm.running_mean * scale).detach().numpy()


class Writer:
    """Collects nodes and initialisers in order."""

    def __init__(self):
        self.nodes, self.tensors = [], []

    def tensor(self, name, value, dtype=np.float32):
        self.tensors.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def node(self, op, inputs, output, **attributes):
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def conv(self, x, block, name, relu=True):
        weight, bias = folded(block)
        c = block[0]
        pads = [c.padding[0], c.padding[1]] * 2
        inputs = [x, self.tensor(name + ".weight", weight), self.tensor(name + ".bias", bias)]
        y = self.node("Conv", inputs, name, kernel_shape=list(c.kernel_size), strides=list(c.stride),
                      pads=pads, group=c.groups)
        return self.node("Relu", [y], name + ".relu") if relu else y

    def residual(self, x, first, second, name):
        y = self.conv(x, first, name + ".first")
        y = self.conv(y, second, name + ".second", relu=False)
        y = self.node("Add", [x, y], name + ".add")
        return self.node("Relu", [y], name + ".relu")


def export(front, body, labels, path):
    """Write `path`: waveform [1, 16000] -> scores [1, labels], softmaxed."""
    w = Writer()
    mean = w.node("ReduceMean", ["waveform"], "mean", axes=[1], keepdims=1)
    x = w.node("Sub", ["waveform", mean], "centred")
    square = w.node("Mul", [x, x], "square")
    power = w.node("ReduceMean", [square], "power", axes=[1], keepdims=1)
    power = w.node("Add", [power, w.tensor("quiet", [QUIET])], "power.floored")
    rms = w.node("Sqrt", [power], "rms")
    x = w.node("Div", [x, rms], "level")
    x = w.node("Reshape", [x, w.tensor("samples.shape", [1, 1, 1, SAMPLES], np.int64)], "samples")
    y = w.node("Conv", [x, w.tensor("bands.weight", front.bank.numpy())], "bands",
               kernel_shape=list(front.bank.shape[2:]), strides=[1, HOP], pads=[0, PAD, 0, PAD])
    frames = (SAMPLES + 2 * PAD - front.bank.shape[3]) // HOP + 1
    y = w.node("Mul", [y, y], "bands.square")
    y = w.node("Reshape", [y, w.tensor("pairs.shape", [1, 2, BANDS, frames], np.int64)], "pairs")
    y = w.node("ReduceMean", [y], "bands.power", axes=[1], keepdims=1)
    y = w.node("AveragePool", [y], "bands.smooth", kernel_shape=[1, 4], strides=[1, 2])
    y = w.node("Add", [y, w.tensor("power.floor", [POWER_FLOOR])], "bands.floored")
    y = w.node("Log", [y], "bands.log")
    y = w.node("Add", [y, w.tensor("log.shift", [8.0])], "bands.shifted")
    y = w.node("Mul", [y, w.tensor("log.scale", [0.4])], "features")

    y = w.conv(y, body.stem, "stem")
    y = w.conv(y, body.down, "down")
    y = w.residual(y, body.res_a, body.res_b, "res")
    y = w.conv(y, body.fold, "fold")
    y = w.residual(y, body.depth1, body.point1, "time1")
    y = w.residual(y, body.depth2, body.point2, "time2")
    y = w.node("GlobalAveragePool", [y], "pool")
    y = w.node("Flatten", [y], "flat", axis=1)
    head = body.head
    y = w.node("Gemm", [y, w.tensor("head.weight", bf16(head.weight).detach().numpy()),
                        w.tensor("head.bias", head.bias.detach().numpy())], "logits", transB=1)
    w.node("Softmax", [y], "scores", axis=1)

    graph = helper.make_graph(
        w.nodes, "keyword",
        [helper.make_tensor_value_info("waveform", TensorProto.FLOAT, [1, SAMPLES])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, len(labels)])],
        initializer=w.tensors)
    model = helper.make_model(graph, producer_name="models/keyword/recipe",
                              opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = 7
    entry = model.metadata_props.add()
    entry.key, entry.value = "labels", "\n".join(labels)
    model = onnx.shape_inference.infer_shapes(model, strict_mode=True)
    del model.graph.value_info[:]
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
