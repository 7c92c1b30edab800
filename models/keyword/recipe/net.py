# SPDX-License-Identifier: MIT
"""The network: one second of samples in, a score for each label out."""

import math

import numpy as np
import torch
from torch import nn

SAMPLES = 16000
BANDS = 40
TAPS = 400          # the longest filter, 25 ms
HOP = 80            # 5 ms; pooling makes it 10 ms
PAD = 160
FRAMES = 99         # of 10 ms
POWER_FLOOR = 1e-5  # relative to the second's mean power; the rounding of bf16 samples is below
QUIET = 1e-7        # added to the mean power: below -70 dB of full scale all is silence


def bf16(x):
    """Round a float tensor to bfloat16 and back."""
    return x.to(torch.bfloat16).float()


def filter_bank():
    """BANDS pairs of windowed cosines and sines, mel-spaced from 80 to 7400 Hz.

    A filter's window is as long as its band is narrow, between 9 ms (so that no sample falls
    between two hops) and 25 ms. A sine of amplitude 1 at the centre has a power of about 1/2
    (Re^2 + Im^2 averaged over the pair). The values are bf16 numbers, so that a chip that casts
    them loses nothing.
    """
    def to_mel(f):
        return 2595 * math.log10(1 + f / 700)

    mel = np.linspace(to_mel(80), to_mel(7400), BANDS)
    centre = 700 * (10 ** (mel / 2595) - 1)
    spacing = np.gradient(centre)
    bank = np.zeros((2, BANDS, TAPS))
    for k in range(BANDS):
        length = int(np.clip(1.6 * SAMPLES / spacing[k], 144, TAPS))
        begin = (TAPS - length) // 2
        n = np.arange(length)
        window = np.hanning(length + 2)[1:-1]
        window *= math.sqrt(2) / window.sum()
        angle = 2 * np.pi * centre[k] / SAMPLES * (n - length / 2)
        bank[0, k, begin:begin + length] = window * np.cos(angle)
        bank[1, k, begin:begin + length] = window * np.sin(angle)
    return bf16(torch.tensor(bank.reshape(2 * BANDS, 1, 1, TAPS), dtype=torch.float32))


class FrontEnd(nn.Module):
    """Level-independent log mel-band powers, [N, 1, BANDS, 99]; nothing here is trained."""

    def __init__(self):
        super().__init__()
        self.register_buffer("bank", filter_bank())

    def forward(self, x, cast=False):
        x = x - x.mean(dim=1, keepdim=True)
        x = x / torch.sqrt(torch.mean(x * x, dim=1, keepdim=True) + QUIET)
        if cast:
            x = bf16(x)
        y = nn.functional.conv2d(x[:, None, None, :], self.bank, stride=(1, HOP), padding=(0, PAD))
        p = (y * y).reshape(len(x), 2, BANDS, -1).mean(dim=1, keepdim=True)
        p = nn.functional.avg_pool2d(p, (1, 4), (1, 2))
        return (torch.log(p + POWER_FLOOR) + 8.0) * 0.4


def block(cin, cout, kernel, stride=1, groups=1, padding=None):
    if padding is None:
        padding = (kernel[0] // 2, kernel[1] // 2)
    return nn.Sequential(nn.Conv2d(cin, cout, kernel, stride, padding, groups=groups, bias=False),
                         nn.BatchNorm2d(cout))


class Body(nn.Module):
    """Convolutions over bands and time, then over time alone, then the mean over time."""

    def __init__(self, labels, wide=80, narrow=32):
        super().__init__()
        self.stem = block(1, 16, (5, 5), (2, 2))                   # 20 x 50
        self.down = block(16, narrow, (3, 3), (2, 2))              # 10 x 25
        self.res_a = block(narrow, narrow, (3, 3))
        self.res_b = block(narrow, narrow, (3, 3))
        self.fold = block(narrow, wide, (10, 1), padding=(0, 0))   # 1 x 25
        self.depth1 = block(wide, wide, (1, 9), groups=wide)
        self.point1 = block(wide, wide, (1, 1))
        self.depth2 = block(wide, wide, (1, 9), groups=wide)
        self.point2 = block(wide, wide, (1, 1))
        self.drop = nn.Dropout(0.1)
        self.head = nn.Linear(wide, labels)

    def forward(self, x):
        x = torch.relu(self.stem(x))
        x = torch.relu(self.down(x))
        x = torch.relu(x + self.res_b(torch.relu(self.res_a(x))))
        x = torch.relu(self.fold(x))
        x = torch.relu(x + self.point1(torch.relu(self.depth1(x))))
        x = torch.relu(x + self.point2(torch.relu(self.depth2(x))))
        return self.head(self.drop(x.mean(dim=(2, 3))))


def distort(features, generator):
    """Speak each training input with another mouth: bend bands and time, colour, blank some parts.

    features [N, 1, BANDS, frames]; returns a tensor of the same shape. The bends are smooth: a
    stretch around the middle plus a slow wave, in both directions; the colour is a smooth random
    field of gains over bands and time, as other synthesisers and microphones have.
    """
    n, _, bands, frames = features.shape

    def normal(*shape):
        return torch.randn(*shape, generator=generator)

    def uniform(*shape):
        return torch.rand(*shape, generator=generator)

    band = torch.linspace(-1, 1, bands)[None, :, None]
    time = torch.linspace(-1, 1, frames)[None, None, :]
    wave_b = torch.sin(math.pi * (band * (0.5 + uniform(n, 1, 1)) + 2 * uniform(n, 1, 1)))
    wave_t = torch.sin(math.pi * (time * (1 + 2 * uniform(n, 1, 1)) + 2 * uniform(n, 1, 1)))
    to_b = band * (1 + 0.04 * normal(n, 1, 1)) + 0.05 * normal(n, 1, 1)
    to_b = to_b + 0.04 * normal(n, 1, 1) * wave_b
    to_t = time * (1 + 0.10 * normal(n, 1, 1)) + 0.04 * normal(n, 1, 1) * wave_t
    grid = torch.stack([to_t.expand(n, bands, frames), to_b.expand(n, bands, frames)], dim=3)
    y = nn.functional.grid_sample(features, grid, padding_mode="border", align_corners=True)

    # The formants of a synthesiser are narrower and its changes more sudden than a person's.
    for axis in (2, 3):
        for sigma in (1.0, 2.0):
            kernel = torch.exp(-0.5 * (torch.arange(-5, 6) / sigma) ** 2)
            kernel = (kernel / kernel.sum()).reshape((1, 1, 11, 1) if axis == 2 else (1, 1, 1, 11))
            soft = nn.functional.conv2d(y, kernel, padding=(5, 0) if axis == 2 else (0, 5))
            y = y + (soft - y) * (1.6 * uniform(n, 1, 1, 1) - 0.6).clamp(min=0)

    field = nn.functional.interpolate(normal(n, 1, 6, 7), (bands, frames), mode="bicubic",
                                      align_corners=True)
    y = y + 0.7 * uniform(n, 1, 1, 1) * field
    middle = y.mean(dim=(2, 3), keepdim=True)
    y = middle + (y - middle) * (1 + 0.12 * normal(n, 1, 1, 1))

    for count, axis, widest in ((bands, 2, 7), (frames, 3, 12)):
        begin = torch.randint(0, count, (n, 1), generator=generator)
        width = torch.randint(1, widest, (n, 1), generator=generator) * (uniform(n, 1) < 0.5)
        at = torch.arange(count)[None, :]
        blank = ((at >= begin) & (at < begin + width)).reshape(
            (n, 1, count, 1) if axis == 2 else (n, 1, 1, count))
        y = torch.where(blank, middle, y)
    # A quarter stays as it is, so that the undistorted input is well known too.
    return torch.where(uniform(n, 1, 1, 1) < 0.25, features, y)
