# SPDX-License-Identifier: MIT
"""Measure the exported ONNX file on voices, words and noises that it was not trained on."""

import subprocess
import tempfile

import numpy as np
from scipy.signal import fftconvolve

import noise
import vocabulary as vocab
import voices
from augment import centre
from synth import RATE, read_wav, trim

UNKNOWN = vocab.LABELS.index(vocab.UNKNOWN)
SILENCE = vocab.LABELS.index(vocab.SILENCE)
THRESHOLD = 0.7  # the score from which the card's "accepted" figures count a keyword as heard
FLITE_VOICES = ["kal", "kal16", "awb", "rms", "slt"]
SNRS = [20, 10, 5, 0]


def level(x, rng):
    """Peak between -30 and 0 dB of full scale, rounded to 16 bits as in a WAV file."""
    x = x * (10 ** (-rng.uniform(0, 30) / 20) / (np.abs(x).max() + 1e-9))
    return (np.round(x * 32767) / 32768).astype(np.float32)


def anywhere(clip, rng):
    """The word at a random place of the second; its loudest second if it is longer."""
    x = clip.astype(np.float32) / 32768
    if len(x) >= RATE:
        return centre(x)
    out = np.zeros(RATE, np.float32)
    at = rng.integers(0, RATE - len(x) + 1)
    out[at:at + len(x)] = x
    return out


class Conditions:
    """The recording conditions of the test; its noise kinds and rooms are not those of training."""

    def __init__(self, bank, seed):
        self.rng = np.random.default_rng([seed, 5])
        clips = [c for c, l in zip(bank.clips, bank.labels) if l == UNKNOWN]
        self.noises = noise.held_out_noises(self.rng, clips)
        self.rooms = [noise.room(self.rng, 0.1, 0.5) for _ in range(60)]

    def noise(self, kind=None):
        kinds = list(self.noises)
        pool = self.noises[kind or kinds[self.rng.integers(0, len(kinds))]]
        x = pool[self.rng.integers(0, len(pool))]
        at = self.rng.integers(0, len(x) - RATE)
        return x[at:at + RATE]

    def clean(self, clip):
        return level(centre(clip.astype(np.float32) / 32768), self.rng)

    def moved(self, clip):
        return level(anywhere(clip, self.rng), self.rng)

    def noisy(self, clip, snr, kind=None):
        """Speech in a room half of the time, noise at `snr` dB below the speech while it lasts."""
        x = anywhere(clip, self.rng)
        if self.rng.random() < 0.5:
            x = fftconvolve(x, self.rooms[self.rng.integers(0, len(self.rooms))])[:RATE]
        power = np.sum(x ** 2) / min(len(clip), RATE)
        return level(x + self.noise(kind) * np.sqrt(power) * 10 ** (-snr / 20), self.rng)


def rates(labels, scores):
    """Figures of one condition: keywords right, missed, taken for another; others accepted."""
    labels, best = np.array(labels), scores.argmax(1)
    word = labels < UNKNOWN
    sure = (best < UNKNOWN) & (scores.max(1) >= THRESHOLD)
    out = {}
    if word.any():
        out["keywords"] = int(word.sum())
        out["right"] = 100 * float((best == labels)[word].mean())
        out["right_sure"] = 100 * float(((best == labels) & sure)[word].mean())
        out["other_keyword"] = 100 * float(((best != labels) & (best < UNKNOWN))[word].mean())
    if (~word).any():
        out["others"] = int((~word).sum())
        out["false_accept"] = 100 * float((best < UNKNOWN)[~word].mean())
        out["false_accept_sure"] = 100 * float(sure[~word].mean())
    return out


def score(model, inputs, bf16):
    return np.stack([model.run(x, bf16=bf16) for x in inputs])


def flite_clips():
    """The keywords and unseen words from another engine, Festival Lite; None if it isn't there."""
    clips = []
    try:
        with tempfile.NamedTemporaryFile(suffix=".wav") as out:
            for voice in FLITE_VOICES:
                for text in vocab.KEYWORDS + vocab.HELD_OUT_WORDS:
                    for stretch in (0.9, 1.0, 1.2):
                        subprocess.run(["flite", "-voice", voice, "--setf",
                                        f"duration_stretch={stretch}", "-t", text,
                                        "-o", out.name], check=True)
                        with open(out.name, "rb") as f:
                            x = trim(read_wav(f.read()))
                        label = vocab.LABELS.index(text) if text in vocab.KEYWORDS else UNKNOWN
                        clips.append((x * (30000 / np.abs(x).max()), label, text, voice))
    except FileNotFoundError:
        return None
    return clips


def measure(model, bank, seed):
    """All figures as one dictionary; `model` is an evaluator.Evaluator."""
    conditions = Conditions(bank, seed)
    labels = np.array(bank.labels)
    new_accent = np.array([v.split("+")[0] in voices.HELD_OUT_ACCENTS for v in bank.voices])
    sets = {"clean, centred": [conditions.clean(c) for c in bank.clips],
            "clean, anywhere": [conditions.moved(c) for c in bank.clips]}
    kinds = list(conditions.noises)
    for snr in SNRS:
        sets[f"noise at {snr} dB"] = [conditions.noisy(c, snr, kinds[i % len(kinds)])
                                      for i, c in enumerate(bank.clips)]
    result = {"threshold": THRESHOLD, "conditions": {}}
    for name, inputs in sets.items():
        plain, cast = score(model, inputs, False), score(model, inputs, True)
        entry = {"fp32": rates(labels, plain), "bf16": rates(labels, cast),
                 "new accent": rates(labels[new_accent], plain[new_accent]),
                 "trained accent": rates(labels[~new_accent], plain[~new_accent]),
                 "largest fp32-bf16 difference": float(np.abs(plain - cast).max()),
                 "same answer": 100 * float((plain.argmax(1) == cast.argmax(1)).mean())}
        if name in ("clean, centred", "noise at 10 dB"):
            best = plain.argmax(1)
            entry["per word"] = {w: 100 * float((best == i)[labels == i].mean())
                                 for i, w in enumerate(vocab.KEYWORDS)}
            pairs = {}
            for truth, heard, text in zip(labels, best, bank.words):
                if truth != heard:
                    key = f"{text} -> {vocab.LABELS[heard]}"
                    pairs[key] = pairs.get(key, 0) + 1
            entry["confusions"] = dict(sorted(pairs.items(), key=lambda p: -p[1])[:12])
            worst = {}
            for truth, heard, voice in zip(labels, best, bank.voices):
                if truth < UNKNOWN:
                    v = voice.split("+")[1]
                    good, total = worst.get(v, (0, 0))
                    worst[v] = (good + (truth == heard), total + 1)
            entry["per voice"] = {v: 100 * g / t for v, (g, t) in
                                  sorted(worst.items(), key=lambda p: p[1][0] / p[1][1])}
        if "noise" in name:
            good, word = plain.argmax(1) == labels, labels < UNKNOWN
            turn = np.arange(len(labels)) % len(kinds)
            entry["per noise"] = {k: 100 * float(good[word & (turn == i)].mean())
                                  for i, k in enumerate(kinds)}
        result["conditions"][name] = entry

    quiet = {}
    for kind in conditions.noises:
        inputs = [level(conditions.noise(kind), conditions.rng) for _ in range(150)]
        scores = score(model, inputs, False)
        quiet[kind] = rates([SILENCE] * len(inputs), scores)
        quiet[kind]["silence"] = 100 * float((scores.argmax(1) == SILENCE).mean())
    zero = model.run(np.zeros(RATE, np.float32))
    result["no speech"] = quiet
    result["digital zero"] = {"heard": vocab.LABELS[int(zero.argmax())], "score": float(zero.max())}

    clips = flite_clips()
    if clips:
        labels = [c[1] for c in clips]
        result["flite"] = {}
        for name, make in (("clean, centred", conditions.clean),
                           ("noise at 10 dB", lambda c: conditions.noisy(c, 10))):
            scores = score(model, [make(c[0]) for c in clips], False)
            best = scores.argmax(1)
            entry = {"all": rates(labels, scores)}
            for voice in FLITE_VOICES:
                pick = np.array([c[3] == voice for c in clips])
                entry[voice] = rates(np.array(labels)[pick], scores[pick])
            entry["per word"] = {w: 100 * float((best == i)[np.array(labels) == i].mean())
                                 for i, w in enumerate(vocab.KEYWORDS)}
            entry["wrong"] = [f"{c[2]} ({c[3]}) -> {vocab.LABELS[b]}" for c, b in zip(clips, best)
                              if b != c[1] and c[1] < UNKNOWN]
            result["flite"][name] = entry
    return result
