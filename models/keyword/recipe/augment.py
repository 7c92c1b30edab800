# SPDX-License-Identifier: MIT
"""Make one second of input out of a clip: placement, speed, room, microphone, noise, level."""

import numpy as np
from scipy import fft

import noise
import vocabulary as vocab
from synth import RATE

FFT = 20480  # one second, and all of a room's echoes that matter before they wrap around
FREQ = np.arange(FFT // 2 + 1) * RATE / FFT


def centre(x):
    """What a caller does with a recording of any length: its loudest second, or zeros around it."""
    out = np.zeros(RATE, np.float32)
    if len(x) <= RATE:
        at = (RATE - len(x)) // 2
        out[at:at + len(x)] = x
        return out
    energy = np.concatenate([[0], np.cumsum(np.asarray(x, np.float64) ** 2)])
    window = energy[RATE:] - energy[:-RATE]
    # The middle of all starts that hold (nearly) the most energy: a short word ends up centred.
    best = np.flatnonzero(window >= 0.999 * window.max())
    at = (best[0] + best[-1]) // 2
    out[:] = x[at:at + RATE]
    return out


class Augmenter:
    """Random training inputs from a bank; one instance is one deterministic stream."""

    def __init__(self, bank, seed):
        self.bank = bank
        self.rng = np.random.default_rng([seed, 3])
        unknown = vocab.LABELS.index(vocab.UNKNOWN)
        others = [c for c, l in zip(bank.clips, bank.labels) if l == unknown]
        self.noises = noise.training_noises(self.rng, others)
        self.rooms = [fft.rfft(noise.room(self.rng), FFT) for _ in range(150)]
        self.silence = vocab.LABELS.index(vocab.SILENCE)

    def microphone(self):
        """A smooth random frequency response, often with a limited band."""
        rng = self.rng
        tilt = rng.normal(0, 3.5)  # dB an octave, around 1 kHz
        octave = np.log2(np.maximum(FREQ, 50) / 1000)
        gain = np.clip(tilt * octave, -24, 24)
        for _ in range(rng.integers(0, 4)):
            height, at, width = rng.normal(0, 5), rng.uniform(-3, 3), rng.uniform(0.2, 1)
            gain = gain + height * np.exp(-0.5 * ((octave - at) / width) ** 2)
        h = 10 ** (gain / 20)
        if rng.random() < 0.3:
            h = h / (1 + (np.maximum(FREQ, 1) / rng.uniform(2800, 8000)) ** 8)
        if rng.random() < 0.3:
            h = h / (1 + (rng.uniform(50, 350) / np.maximum(FREQ, 1)) ** 4)
        return h

    def noise(self, n=RATE):
        x = self.noises[self.rng.integers(0, len(self.noises))]
        at = self.rng.integers(0, len(x) - n)
        return x[at:at + n]

    def place(self, clip):
        """Resample by a few per cent, then put the word somewhere in the second."""
        rng = self.rng
        x = clip.astype(np.float32) / 32768
        ratio = np.exp(rng.normal(0, 0.08))
        m = int(len(x) / ratio)
        x = np.interp(np.arange(m) * ratio, np.arange(len(x)), x).astype(np.float32)
        out = np.zeros(RATE, np.float32)
        if m > RATE:
            extra = m - RATE
            if rng.random() < 0.5 and m < 1.4 * RATE:
                return centre(x)
            at = rng.integers(0, extra + 1)
            out[:] = x[at:at + RATE]
            return out
        room = RATE - m
        at = room // 2 + rng.normal(0, 0.05 * RATE) if rng.random() < 0.5 else rng.uniform(0, room)
        at = int(np.clip(at, 0, room))
        out[at:at + m] = x
        return out

    def sample(self, index):
        """One second of clip `index`, or of no speech for a negative index; returns (x, label)."""
        rng = self.rng
        label = self.silence
        if index >= 0:
            label = self.bank.labels[index]
            x = self.place(self.bank.clips[index])
            if rng.random() < 0.75:
                h = self.microphone()
                if rng.random() < 0.4:
                    h = h * self.rooms[rng.integers(0, len(self.rooms))]
                x = fft.irfft(fft.rfft(x, FFT) * h.astype(np.complex64), FFT)[:RATE]
            active = np.sqrt(np.mean(np.square(x)) * 2 + 1e-12)
            level = active * 10 ** (-rng.uniform(-2, 40) / 20)
        else:
            x = np.zeros(RATE, np.float32)
            level = 10 ** (-rng.uniform(0, 60) / 20)
        if rng.random() < 0.85:
            y = self.noise() * level
            if rng.random() < 0.25:
                y = y + self.noise() * level * rng.uniform(0, 1)
            if rng.random() < 0.2:
                h = self.microphone()
                y = fft.irfft(fft.rfft(y, FFT) * h, FFT)[:RATE]
            x = x + y
            if rng.random() < 0.2:  # a noisy recording shorter than a second, padded by the caller
                a, b = rng.integers(0, 3000, 2)
                x[:a] = 0
                x[RATE - b:] = 0
        peak = np.abs(x).max() + 1e-9
        x = x * (10 ** (-rng.uniform(0, 40) / 20) / peak)
        if rng.random() < 0.05:
            x = np.clip(x * rng.uniform(1, 6), -1, 1)
        if rng.random() < 0.1:
            x = x + rng.normal(0, 0.02)
        return np.round(x * 32767).astype(np.float32) / 32768, label
