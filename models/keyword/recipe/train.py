# SPDX-License-Identifier: MIT
"""Train the network on augmented clips; one thread, so that a seed gives one result."""

import sys
import time

import numpy as np
import torch
from torch import nn

import vocabulary as vocab
from augment import Augmenter
from net import BANDS, FRAMES, Body, FrontEnd, distort

POOL = 4096  # features kept for a second use


def train(bank, seed, steps, batch=64, rate=3e-3, log=sys.stderr):
    """Returns the trained (front, body) in evaluation mode."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    rng = np.random.default_rng([seed, 4])
    source = Augmenter(bank, seed)
    noise = torch.Generator().manual_seed(seed)
    front, body = FrontEnd(), Body(len(vocab.LABELS))
    decay = [p for p in body.parameters() if p.dim() > 1]
    plain = [p for p in body.parameters() if p.dim() <= 1]
    optimiser = torch.optim.AdamW([{"params": decay, "weight_decay": 0.02},
                                   {"params": plain, "weight_decay": 0.0}], lr=rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps,
                                                   pct_start=0.1)
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.05)

    labels = np.array(bank.labels)
    silent = vocab.LABELS.index(vocab.SILENCE)
    groups = [np.flatnonzero(labels == i) for i in range(len(vocab.LABELS)) if i != silent]
    # A keyword's share, then the share of _unknown_ and _silence_. Much _unknown_ rejects more
    # words, but also the keywords of voices that are unlike espeak-ng's.
    share = np.array([1.0] * len(vocab.KEYWORDS) + [4.5, 1.5])
    share /= share.sum()
    pool_x = torch.zeros(POOL, 1, BANDS, FRAMES)
    pool_y = torch.zeros(POOL, dtype=torch.long)
    filled = 0
    begin, seen, right = time.time(), 0, 0
    for step in range(steps):
        # Half of a batch is new; the other half was in an earlier one and gets another distortion,
        # which is cheaper than noise and rooms.
        fresh = batch if step < POOL // batch else batch // 2
        kinds = rng.choice(len(share), fresh, p=share)
        pairs = [source.sample(-1 if k == silent else groups[k][rng.integers(0, len(groups[k]))])
                 for k in kinds]
        again = rng.integers(0, POOL, batch - fresh)
        with torch.no_grad():
            x = front(torch.tensor(np.stack([p[0] for p in pairs])), cast=step % 2 == 1)
            y = torch.tensor([p[1] for p in pairs])
            x, y = torch.cat([x, pool_x[again]]), torch.cat([y, pool_y[again]])
            at = torch.arange(filled, filled + fresh) % POOL
            pool_x[at], pool_y[at] = x[:fresh], y[:fresh]
            filled += fresh
            features = distort(x, noise)
        scores = body(features)
        loss = loss_of(scores, y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        seen += batch
        right += int((scores.argmax(1) == y).sum())
        if (step + 1) % 250 == 0 or step + 1 == steps:
            print(f"step {step + 1}/{steps}: loss {loss.item():.3f}, right in training "
                  f"{100 * right / seen:.1f} %, {time.time() - begin:.0f} s", file=log, flush=True)
            seen = right = 0
    return front.eval(), body.eval()
