# SPDX-License-Identifier: MIT
"""Speak the words with espeak-ng; the result is a bank of 16 kHz clips."""

import io
import os
import subprocess
import sys
import wave

import numpy as np
from scipy.signal import resample_poly

import vocabulary as vocab
import voices

RATE = 16000


def progress(text, i, n):
    """One line on a terminal, a line every tenth in a log."""
    if sys.stderr.isatty():
        print(f"\r{text} {i}/{n}", end="" if i < n else "\n", file=sys.stderr, flush=True)
    elif i == n or i % max(1, n // 10) == 0:
        print(f"{text} {i}/{n}", file=sys.stderr, flush=True)


def read_wav(data):
    """16 kHz mono float samples in [-1, 1] of a 16-bit WAV file's bytes."""
    with wave.open(io.BytesIO(data)) as w:
        if w.getsampwidth() != 2:
            raise ValueError("only 16-bit PCM is read")
        rate, channels = w.getframerate(), w.getnchannels()
        x = np.frombuffer(w.readframes(w.getnframes()), "<i2").astype(np.float32) / 32768
    x = x.reshape(-1, channels).mean(axis=1)
    if rate != RATE:
        g = np.gcd(rate, RATE)
        x = resample_poly(x, RATE // g, rate // g).astype(np.float32)
    return x


def trim(x, threshold=0.003):
    """Drop the near-silent ends (espeak-ng adds some), keep 10 ms of margin."""
    loud = np.flatnonzero(np.abs(x) > threshold * np.abs(x).max(initial=1e-9))
    if len(loud) == 0:
        return x
    margin = RATE // 100
    return x[max(0, loud[0] - margin):loud[-1] + margin]


def speak(text, voice, speed, pitch, path=None):
    """One utterance; raises if espeak-ng fails or says nothing."""
    cmd = ["espeak-ng"] + ([f"--path={path}"] if path else [])
    cmd += ["-v", voice, "-s", str(speed), "-p", str(pitch), "--stdout", text]
    run = subprocess.run(cmd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True)
    if run.stderr:  # a warning here means that it speaks with another voice than the wanted one
        raise RuntimeError(" ".join(cmd) + ": " + run.stderr.decode(errors="replace").strip())
    out = run.stdout
    # A WAV written to a pipe carries no true length: take what follows the 44-byte header.
    rate = int.from_bytes(out[24:28], "little")
    pcm = np.frombuffer(out[44:len(out) - len(out) % 2], "<i2")
    with io.BytesIO() as buf:
        with wave.open(buf, "wb") as w:
            w.setnchannels(1)
            w.setsampwidth(2)
            w.setframerate(rate)
            w.writeframes(pcm.tobytes())
        x = trim(read_wav(buf.getvalue()))
    if len(x) < RATE // 20 or np.abs(x).max() < 1e-3:
        raise RuntimeError(f"espeak-ng said nothing for {text!r} with voice {voice}")
    return x


class Bank:
    """Clips back to back as int16, with the label, the word and the voice of each."""

    def __init__(self):
        self.clips, self.labels, self.words, self.voices = [], [], [], []

    def add(self, x, label, word, voice):
        peak = np.abs(x).max()
        self.clips.append(np.round(x * (30000 / peak)).astype(np.int16))
        self.labels.append(label)
        self.words.append(word)
        self.voices.append(voice)

    def save(self, path):
        part = path + ".part.npz"  # an interrupted run leaves no half bank under the final name
        np.savez(part, pcm=np.concatenate(self.clips), length=[len(c) for c in self.clips],
                 labels=self.labels, words=self.words, voices=self.voices)
        os.replace(part, path)

    @staticmethod
    def load(path):
        bank = Bank()
        with np.load(path) as z:
            bank.clips = np.split(z["pcm"], np.cumsum(z["length"])[:-1])
            bank.labels, bank.words = z["labels"].tolist(), z["words"].tolist()
            bank.voices = z["voices"].tolist()
        return bank


# Other ways to say the keywords, in espeak-ng's phonemes for English voices.
PRONUNCIATIONS = {
    "yes": ["jEs", "jes", "jas", "jeIs", "jE:s"], "no": ["noU", "n0U", "no:", "nV:"],
    "up": ["Vp", "ap", "@p", "Up"], "down": ["daUn", "d0Un", "daU@n"],
    "left": ["lEft", "left", "laft"], "right": ["raIt", "r0It", "rVIt", "rA:It"],
    "on": ["0n", "A:n", "O:n"], "off": ["0f", "A:f", "O:f", "Of"],
    "stop": ["st0p", "stA:p", "stVp", "stap", "stO:p"], "go": ["goU", "g0U", "go:", "gV:"],
    "start": ["stA@t", "stA:t", "sta:t", "stA:rt", "st0rt"],
    "pause": ["pO:z", "pA:z", "p0:z", "pO:s", "po:z"],
}

# Vowels that other languages lack, and their nearest neighbours there.
NEIGHBOURS = [("V", "a"), ("0", "O"), ("0", "o"), ("A@", "a:"), ("A:", "a:"), ("O:", "o:"),
              ("O2", "O")]
# IPA symbols that count as the same sound, and marks that don't count.
ALIKE = str.maketrans({"ɑ": "a", "ʌ": "a", "ɐ": "a", "æ": "a", "ɔ": "o", "ɒ": "o", "ɛ": "e",
                       "ɹ": "r", "ɾ": "r", "ʁ": "r", "ɭ": "l", "ʊ": "u", "ɪ": "i", "ɜ": "ə",
                       "z": "s", "ð": "d", "ɡ": "g", "ˈ": None, "ˌ": None, "ː": None})


def transcribe(text, voice, flag, path):
    """espeak-ng's phonemes (flag -x) or IPA (--ipa) of a text."""
    out = subprocess.run(["espeak-ng", f"--path={path}", "-v", voice, "-q", flag, text],
                         stdout=subprocess.PIPE, check=True).stdout.decode()
    return out.strip()


class Foreigners:
    """English words in the phonemes of other languages, where those have all that a word needs."""

    def __init__(self, path):
        self.path, self.known = path, {}

    def spelling(self, word, language):
        """The [[phonemes]] that make `language` say `word`, or None."""
        key = (word, language)
        if key not in self.known:
            self.known[key] = self.find(word, language)
        return self.known[key]

    def find(self, word, language):
        phonemes = transcribe(word, "en-gb", "-x", self.path)
        wanted = transcribe(word, "en-gb", "--ipa", self.path).translate(ALIKE).replace("əu", "ou")
        for old, new in [("", "")] + NEIGHBOURS:
            if old and old not in phonemes:
                continue
            text = "[[" + phonemes.replace(old, new) + "]]" if old else "[[" + phonemes + "]]"
            heard = transcribe(text, language, "--ipa", self.path).translate(ALIKE)
            heard = heard.replace("əu", "ou")
            # Some languages have a plain o for the diphthong; that is an accent, not another word.
            if heard in (wanted, wanted.replace("ou", "o")):
                return text
        return None


def settings(rng):
    """Speed in words a minute and pitch as espeak-ng's -s and -p take them."""
    return int(np.exp(rng.uniform(np.log(75), np.log(250)))), int(rng.integers(0, 100))


def punctuation(rng):
    return ["", "", "", ".", "!", "?", ","][rng.integers(0, 7)]


def training_bank(path, folder, seed, per_keyword=1000, per_near=25, per_other=14, per_sentence=30):
    """Render the training words with trained accents, shipped and random variants."""
    vocab.check()
    rng = np.random.default_rng([seed, 1])
    data, random_names = voices.private_data(folder, 200, rng)
    shipped = voices.train_variants() + [""] * 4
    jobs = []
    for i, word in enumerate(vocab.KEYWORDS):
        jobs += [(i, word)] * per_keyword
    unknown = vocab.LABELS.index(vocab.UNKNOWN)
    jobs += [(unknown, w) for w in vocab.NEAR_MISSES for _ in range(per_near)]
    jobs += [(unknown, w) for w in vocab.OTHER_WORDS for _ in range(per_other)]
    jobs += [(unknown, s) for s in vocab.SENTENCES for _ in range(per_sentence)]
    bank = Bank()
    foreigners = Foreigners(data)
    for n, (label, text) in enumerate(jobs):
        names = shipped if rng.random() < 0.5 else random_names
        variant = names[rng.integers(0, len(names))]
        accent = voices.TRAIN_ACCENTS[rng.integers(0, len(voices.TRAIN_ACCENTS))]
        said, way = text + punctuation(rng), rng.random()
        if way < 0.3 and " " not in text:
            language = voices.FOREIGN[rng.integers(0, len(voices.FOREIGN))][1]
            spelling = foreigners.spelling(text, language)
            if spelling:
                accent, said = language, spelling
        elif way < 0.45 and text in PRONUNCIATIONS:
            said = "[[" + PRONUNCIATIONS[text][rng.integers(0, len(PRONUNCIATIONS[text]))] + "]]"
        voice = f"{accent}+{variant}" if variant else accent
        speed, pitch = settings(rng)
        bank.add(speak(said, voice, speed, pitch, data), label, text, voice)
        progress("speaking for training", n + 1, len(jobs))
    bank.save(path)


def test_bank(path, seed):
    """Render keywords and never-trained words with voices that no training clip has.

    Every held-out variant speaks every word, half of the time in a held-out accent too.
    Speeds are 110 to 220 words a minute.
    """
    rng = np.random.default_rng([seed, 2])
    accents = voices.TRAIN_ACCENTS
    jobs = []
    for variant in voices.HELD_OUT_VARIANTS:
        for i, word in enumerate(vocab.KEYWORDS):
            for k in range(6):
                pool = voices.HELD_OUT_ACCENTS if k % 2 else accents
                jobs.append((i, word, f"{pool[rng.integers(0, len(pool))]}+{variant}"))
    unknown = vocab.LABELS.index(vocab.UNKNOWN)
    pool = voices.HELD_OUT_ACCENTS + accents
    for text in vocab.HELD_OUT_WORDS + vocab.HELD_OUT_SENTENCES:
        for _ in range(12):
            variant = voices.HELD_OUT_VARIANTS[rng.integers(0, len(voices.HELD_OUT_VARIANTS))]
            jobs.append((unknown, text, f"{pool[rng.integers(0, len(pool))]}+{variant}"))
    bank = Bank()
    for n, (label, text, voice) in enumerate(jobs):
        speed, pitch = int(rng.integers(110, 221)), int(rng.integers(10, 91))
        bank.add(speak(text, voice, speed, pitch), label, text, voice)
        progress("speaking for the test", n + 1, len(jobs))
    bank.save(path)
