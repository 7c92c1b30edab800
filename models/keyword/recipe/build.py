#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Make the keyword model from nothing: speak, train, export, test data, measure, fill in the card.

    nice -n 19 /usr/bin/python3 models/keyword/recipe/build.py

writes model.onnx, labels.txt, test_data_set_*, results.json and the measured part of
MODEL_CARD.md into models/keyword. The same seed gives the same files on the same kind of
processor and the same package versions. MODEL_CARD.md lists the Debian packages.
"""

import argparse
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
os.environ.setdefault("OMP_NUM_THREADS", "1")       # one thread: the sums keep their order
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from onnx import numpy_helper  # noqa: E402  (after the thread settings)

import card  # noqa: E402
import evaluate  # noqa: E402
import evaluator  # noqa: E402
import synth  # noqa: E402
import vocabulary as vocab  # noqa: E402


def test_data(model, bank, seed, out):
    """Four cases in the layout of ONNX's backend tests; the expected output is the evaluator's."""
    conditions = evaluate.Conditions(bank, seed + 1)
    clips = {(w, v.split("+")[1]): c for w, v, c in zip(bank.words, bank.voices, bank.clips)}

    def clip(word):
        return next(c for (w, _), c in clips.items() if w == word)

    inputs = [conditions.clean(clip("yes")), conditions.noisy(clip("stop"), 10),
              conditions.noisy(clip("garden"), 20),
              evaluate.level(conditions.noise("rain"), conditions.rng)]
    for i, x in enumerate(inputs):
        folder = os.path.join(out, f"test_data_set_{i}")
        os.makedirs(folder, exist_ok=True)
        y = model.run(x)
        print(f"test_data_set_{i}: {vocab.LABELS[int(y.argmax())]} {y.max():.3f}", file=sys.stderr)
        for name, array, tensor in (("input_0.pb", x, "waveform"), ("output_0.pb", y, "scores")):
            with open(os.path.join(folder, name), "wb") as f:
                f.write(numpy_helper.from_array(array[None], tensor).SerializeToString())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--out", default=os.path.dirname(HERE),
                        help="where the results go (models/keyword)")
    parser.add_argument("--work", default=os.path.join(HERE, "..", "..", "..", "build", "keyword"),
                        help="where the spoken clips are kept for the next time (build/keyword)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=6500, help="training steps of 64 clips each")
    parser.add_argument("--measure-only", action="store_true",
                        help="keep model.onnx, measure it again")
    args = parser.parse_args()

    os.makedirs(args.work, exist_ok=True)
    train_path = os.path.join(args.work, f"train-{args.seed}.npz")
    test_path = os.path.join(args.work, f"test-{args.seed}.npz")
    model_path = os.path.join(args.out, "model.onnx")
    if not os.path.exists(test_path):
        synth.test_bank(test_path, args.seed)
    if not args.measure_only:
        if not os.path.exists(train_path):
            synth.training_bank(train_path, args.work, args.seed)
        import export
        import train
        front, body = train.train(synth.Bank.load(train_path), args.seed, args.steps)
        export.export(front, body, vocab.LABELS, model_path)
        with open(os.path.join(args.out, "labels.txt"), "w") as f:
            f.write("\n".join(vocab.LABELS) + "\n")
    model = evaluator.Evaluator(model_path)
    bank = synth.Bank.load(test_path)
    test_data(model, bank, args.seed, args.out)
    print("measuring", file=sys.stderr)
    result = evaluate.measure(model, bank, args.seed)
    with open(os.path.join(args.out, "results.json"), "w") as f:
        json.dump(result, f, indent=1)
        f.write("\n")
    card.update(os.path.join(args.out, "MODEL_CARD.md"), result)
    for name, entry in result["conditions"].items():
        plain, cast = entry["fp32"], entry["bf16"]
        print(f"{name}: {plain['right']:.1f} % right, {cast['right']:.1f} % in bf16, "
              f"{plain['false_accept']:.1f} % of other words taken for a keyword")


if __name__ == "__main__":
    main()
