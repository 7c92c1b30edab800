# SPDX-License-Identifier: MIT
"""Noises and rooms: some kinds for training, other kinds for the test alone."""

import numpy as np
from scipy.signal import butter, lfilter, sosfilt

from synth import RATE


def coloured(rng, n, slope):
    """Gaussian noise whose power falls by slope * 3 dB an octave: 0 white, 1 pink, 2 brown."""
    spectrum = rng.standard_normal(n // 2 + 1) + 1j * rng.standard_normal(n // 2 + 1)
    f = np.maximum(np.arange(n // 2 + 1), 20 * n / RATE)
    return np.fft.irfft(spectrum / f ** (slope / 2), n)


def band(rng, n):
    low = np.exp(rng.uniform(np.log(60), np.log(3000)))
    high = min(7800, low * rng.uniform(1.3, 4))
    return sosfilt(butter(2, [low, high], "band", fs=RATE, output="sos"), rng.standard_normal(n))


def hum(rng, n):
    t = np.arange(n) / RATE
    base = rng.choice([50, 60, 100, 120]) * rng.uniform(0.99, 1.01)
    x = sum(rng.uniform(0, 1) / k * np.sin(2 * np.pi * (base * k * t + rng.random()))
            for k in range(1, rng.integers(2, 25)))
    return x + 0.05 * np.std(x) * rng.standard_normal(n)


def clicks(rng, n):
    x = np.zeros(n)
    at = rng.integers(0, n, rng.integers(2, 30))
    x[at] = rng.normal(0, 1, len(at))
    pole = rng.uniform(0.7, 0.98)
    return lfilter([1], [1, -2 * pole * np.cos(rng.uniform(0.1, 2.5)), pole * pole], x) \
        + 0.003 * rng.standard_normal(n)


def swelling(rng, n):
    t = np.arange(n) / RATE
    swell = 1 + rng.uniform(0.5, 1) * np.sin(2 * np.pi * (rng.uniform(0.5, 12) * t + rng.random()))
    return swell * coloured(rng, n, rng.uniform(0, 2))


def tone(rng, n):
    t = np.arange(n) / RATE
    f = np.exp(rng.uniform(np.log(120), np.log(5000)))
    sweep = rng.uniform(-0.3, 0.3) * f * rng.integers(0, 2)
    x = np.sin(2 * np.pi * (f * t + sweep * t * t / 2))
    if rng.random() < 0.5:  # beeping
        x *= (np.sin(2 * np.pi * rng.uniform(1, 6) * t) > 0)
    return x + 0.01 * rng.standard_normal(n)


def whistle(rng, n):
    """Notes with a few harmonics and vibrato, one after another."""
    x, at = np.zeros(n), 0
    while at < n:
        m = min(int(rng.uniform(0.08, 0.7) * RATE), n - at)
        t = np.arange(m) / RATE
        f = np.exp(rng.uniform(np.log(200), np.log(2500)))
        phase = 2 * np.pi * f * t + rng.uniform(0, 4) * np.sin(2 * np.pi * rng.uniform(3, 9) * t)
        note = sum(rng.uniform(0, 1) / k * np.sin(k * phase) for k in range(1, rng.integers(2, 7)))
        x[at:at + m] = note * np.sin(np.pi * np.arange(m) / m) ** rng.uniform(0.2, 1)
        at += m + int(rng.uniform(0, 0.2) * RATE)
    return x + 0.01 * rng.standard_normal(n)


def babble(rng, n, clips):
    """Several talkers at once (words that are not keywords)."""
    x = np.zeros(n)
    for _ in range(rng.integers(3, 9)):
        gain, at = rng.uniform(0.3, 1), -int(rng.integers(0, RATE // 2))
        while at < n:
            clip = clips[rng.integers(0, len(clips))].astype(np.float64)
            begin, end = max(at, 0), min(at + len(clip), n)
            if end > begin:
                x[begin:end] += gain * clip[begin - at:end - at]
            at += len(clip) + int(rng.integers(0, RATE // 5))
    return x


def rain(rng, n):
    x = np.zeros(n)
    at = rng.integers(0, n, int(n * rng.uniform(0.005, 0.05)))
    np.add.at(x, at, rng.exponential(1, len(at)) * rng.choice([-1, 1], len(at)))
    return sosfilt(butter(1, rng.uniform(500, 2000), "high", fs=RATE, output="sos"), x)


def engine(rng, n):
    rate = rng.uniform(20, 90) * (1 + 0.1 * np.cumsum(rng.standard_normal(n)) / np.sqrt(n))
    phase = np.cumsum(rate) / RATE
    x = (phase % 1) - 0.5 + 0.3 * rng.standard_normal(n) * ((phase % 1) < 0.3)
    return lfilter([0.1], [1, -0.9], x)


def chord(rng, n):
    t = np.arange(n) / RATE
    x = np.zeros(n)
    root = rng.uniform(110, 440)
    for start in np.arange(0, n / RATE, rng.uniform(0.2, 0.6)):
        for ratio in rng.choice([1, 1.25, 4 / 3, 1.5, 5 / 3, 2], 3):
            on = t >= start
            for k in range(1, 6):
                fade = on * np.exp(-(t - start) * on * 4)
                x += fade * np.sin(2 * np.pi * root * ratio * k * t) / k
    return x


def siren(rng, n):
    t = np.arange(n) / RATE
    f = 900 + 400 * np.sin(2 * np.pi * rng.uniform(0.3, 3) * t + rng.uniform(0, 6))
    phase = 2 * np.pi * np.cumsum(f) / RATE
    return np.sin(phase) + 0.3 * np.sin(2 * phase) + 0.02 * rng.standard_normal(n)


def training_noises(rng, clips, each=60, seconds=3):
    """Unit-power noises, `each` of every kind that trains."""
    n = RATE * seconds
    kinds = [lambda r: coloured(r, n, r.uniform(0, 0.5)),
             lambda r: coloured(r, n, r.uniform(0.5, 1.5)),
             lambda r: coloured(r, n, r.uniform(1.5, 2.2)),
             lambda r: band(r, n), lambda r: hum(r, n),
             lambda r: clicks(r, n), lambda r: swelling(r, n), lambda r: tone(r, n),
             lambda r: whistle(r, n), lambda r: babble(r, n, clips), lambda r: babble(r, n, clips)]
    return [unit(kind(rng)) for kind in kinds for _ in range(each)]


def held_out_noises(rng, clips, each=60, seconds=2):
    """The kinds that only test, by name; `clips` are of voices that never trained."""
    n = RATE * seconds
    kinds = {"blue": lambda r: coloured(r, n, -1), "rain": lambda r: rain(r, n),
             "engine": lambda r: engine(r, n), "chords": lambda r: chord(r, n),
             "siren": lambda r: siren(r, n), "babble": lambda r: babble(r, n, clips)}
    return {name: [unit(kind(rng)) for _ in range(each)] for name, kind in kinds.items()}


def unit(x):
    return (x / np.sqrt(np.mean(x ** 2) + 1e-12)).astype(np.float32)


def room(rng, low=0.08, high=0.6):
    """A synthetic impulse response: a direct path, early echoes, a tail with an RT60 in seconds."""
    rt60 = rng.uniform(low, high)
    n = int(RATE * 0.4)
    t = np.arange(n) / RATE
    tail = rng.standard_normal(n) * 10 ** (-3 * t / rt60)
    tail = lfilter([1 - 0.5], [1, -0.5], tail)
    h = np.zeros(n)
    h[0] = 1
    for _ in range(rng.integers(2, 8)):
        h[rng.integers(16, 800)] += rng.uniform(-0.5, 0.5)
    return (h + tail * rng.uniform(0.02, 0.18)).astype(np.float32)
