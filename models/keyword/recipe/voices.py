# SPDX-License-Identifier: MIT
"""Voices of espeak-ng: which train, which only test, and random ones made for training."""

import os
import shutil

DATA = "/usr/lib/x86_64-linux-gnu/espeak-ng-data"

TRAIN_ACCENTS = ["en-us", "en-gb", "en-gb-scotland", "en-gb-x-gbclan", "en-us-nyc", "en-029"]
HELD_OUT_ACCENTS = ["en-gb-x-rp", "en-gb-x-gbcwmd"]

# Voices of other languages that speak English phonemes: other vowels, other consonants, other
# rhythm than espeak-ng's English. For training only. Folder in lang/, file there, -v name.
FOREIGN = [("gmw", "de"), ("gmw", "nl"), ("gmw", "af"), ("gmq", "sv"), ("gmq", "nb"), ("gmq", "da"),
           ("roa", "fr"), ("roa", "it"), ("roa", "es"), ("roa", "pt"), ("roa", "ro"), ("zlw", "pl"),
           ("zlw", "cs"), ("zle", "ru"), ("trk", "tr"), ("grk", "el"), ("inc", "hi"), ("cel", "cy"),
           ("cel", "ga"), ("poz", "id")]

# Variants that no training clip is spoken with: old and new families, men, women, whispers,
# a Klatt voice, robots.
HELD_OUT_VARIANTS = [
    "m3", "m7", "f2", "f5", "klatt4", "adam", "Andrea", "aunty", "belinda", "Diogo", "Gene2",
    "grandpa", "Jacky", "john", "linda", "Marco", "michel", "Nguyen", "paul", "robosoft6",
    "shelby", "steph2", "victor", "whisperf",
]
# Voices with the same formants as a held-out one under another number would leak: train without.
RELATED = ["whisper", "steph", "steph3", "Gene"]


def train_variants():
    """Every variant that espeak-ng ships, minus the held-out ones and their close relatives."""
    shipped = sorted(os.listdir(os.path.join(DATA, "voices", "!v")))
    missing = set(HELD_OUT_VARIANTS + RELATED) - set(shipped)
    if missing:
        raise SystemExit("espeak-ng-data lacks the voice variants " + ", ".join(sorted(missing)))
    return [v for v in shipped if v not in HELD_OUT_VARIANTS + RELATED]


def random_variant(rng, name):
    """The text of a voice variant with a random vocal tract, source and pitch."""
    length = rng.uniform(0.82, 1.28)  # formant scale: long to short vocal tract
    pitch = int(rng.uniform(55, 260))
    lines = ["language variant", f"name {name}",
             f"pitch {pitch} {int(pitch * rng.uniform(1.05, 1.7))}"]
    for n in range(9):
        freq = 100 * length * rng.uniform(0.93, 1.07)
        height, width = rng.uniform(60, 140), rng.uniform(70, 170)
        lines.append(f"formant {n} {freq:.0f} {height:.0f} {width:.0f}")
    lines.append(f"flutter {rng.integers(0, 25)}")
    lines.append(f"roughness {rng.integers(0, 5)}")
    lines.append(f"consonants {rng.integers(60, 150)} {rng.integers(60, 150)}")
    lines.append(f"intonation {rng.integers(1, 5)}")
    if rng.random() < 0.5:
        lines.append(f"voicing {rng.integers(50, 130)}")
    if rng.random() < 0.35:
        lines.append("breath " + " ".join(str(rng.integers(0, 40)) for _ in range(8)))
        lines.append("breathw " + " ".join(str(rng.integers(100, 400)) for _ in range(8)))
        if rng.random() < 0.3:
            lines.append("voicing 15")  # a whisper
    if rng.random() < 0.45:
        lines.append(f"klatt {rng.integers(1, 7)}")
    if rng.random() < 0.5:
        lines.append(f"tone 600 {rng.integers(90, 255)} 1200 {rng.integers(60, 200)} "
                     f"2500 {rng.integers(40, 170)} 4500 {rng.integers(30, 170)}")
    if rng.random() < 0.1:
        lines.append(f"echo {rng.integers(30, 200)} {rng.integers(5, 40)}")
    if rng.random() < 0.4:
        lines.append("stressLength " + " ".join(
            str(int(b * rng.uniform(0.75, 1.3))) for b in (160, 140, 200, 200, 0, 0, 220, 240)))
    return "\n".join(lines) + "\n"


def private_data(folder, count, rng):
    """Lay out an espeak-ng data folder with `count` random variants added; returns (path, names).

    It holds only the languages used here: espeak-ng 1.51 lists at most 349 voices and silently
    speaks with another one when the wanted voice is not among them.
    """
    root = os.path.join(folder, "espeak-ng-data")
    shutil.rmtree(root, ignore_errors=True)
    variants = os.path.join("voices", "!v")
    os.makedirs(os.path.join(root, variants))
    links = [entry for entry in os.listdir(DATA) if entry not in ("voices", "lang")]
    links += [os.path.join("lang", "gmw", entry)
              for entry in os.listdir(os.path.join(DATA, "lang", "gmw")) if entry.startswith("en")]
    links += [os.path.join("lang", family, name) for family, name in FOREIGN]
    links += [os.path.join(variants, entry) for entry in os.listdir(os.path.join(DATA, variants))]
    for entry in links:
        os.makedirs(os.path.dirname(os.path.join(root, entry)), exist_ok=True)
        os.symlink(os.path.join(DATA, entry), os.path.join(root, entry))
    names = [f"rnd{i}" for i in range(count)]
    for name in names:
        with open(os.path.join(root, variants, name), "w") as out:
            out.write(random_variant(rng, name))
    return folder, names
