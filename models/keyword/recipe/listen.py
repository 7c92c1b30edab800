#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What the model hears in WAV files, with the numpy evaluator: listen.py [--bf16] FILE..."""

import argparse
import os

import evaluator
from augment import centre
from synth import read_wav

FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bf16", action="store_true", help="cast matrix operands to bf16")
    parser.add_argument("--model", default=os.path.join(FOLDER, "model.onnx"))
    parser.add_argument("files", nargs="+", metavar="FILE")
    args = parser.parse_args()
    with open(os.path.join(FOLDER, "labels.txt")) as f:
        labels = f.read().split()
    model = evaluator.Evaluator(args.model)
    for path in args.files:
        with open(path, "rb") as f:
            scores = model.run(centre(read_wav(f.read())), bf16=args.bf16)
        order = scores.argsort()[::-1][:3]
        print(path + ": " + ", ".join(f"{labels[i]} {scores[i]:.3f}" for i in order))


if __name__ == "__main__":
    main()
