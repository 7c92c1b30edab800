# SPDX-License-Identifier: MIT
"""Train the network on augmented clips; one thread, so that a seed gives one result."""

import sys
import time

import numpy as np
import torch
from torch import nn

import vocabulary as vocab
from augment import Augmenter
from net import Body, FrontEnd, mask


def train(bank, seed, steps, batch=64, rate=3e-3, log=None):
    """Returns the trained (front, body) in evaluation mode."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    rng = np.random.default_rng([seed, 4])
    source = Augmenter(bank, seed)
    front, body = FrontEnd(), Body(len(vocab.LABELS))
    decay = [p for p in body.parameters() if p.dim() > 1]
    plain = [p for p in body.parameters() if p.dim() <= 1]
    optimiser = torch.optim.AdamW([{"params": decay, "weight_decay": 0.02},
                                   {"params": plain, "weight_decay": 0.0}], lr=rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps, pct_start=0.1)
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.05)

    labels = np.array(bank.labels)
    silent = vocab.LABELS.index(vocab.SILENCE)
    groups = [np.flatnonzero(labels == i) for i in range(len(vocab.LABELS)) if i != silent]
    # A keyword's share, then the share of _unknown_ and _silence_.
    share = np.array([1.0] * len(vocab.KEYWORDS) + [5.0, 1.5])
    share /= share.sum()
    begin, seen, right = time.time(), 0, 0
    for step in range(steps):
        kinds = rng.choice(len(share), batch, p=share)
        pairs = [source.sample(-1 if k == silent else groups[k][rng.integers(0, len(groups[k]))])
                 for k in kinds]
        x = torch.tensor(np.stack([p[0] for p in pairs]))
        y = torch.tensor([p[1] for p in pairs])
        with torch.no_grad():
            features = mask(front(x, cast=step % 2 == 1), rng)
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
                  f"{100 * right / seen:.1f} %, {time.time() - begin:.0f} s", file=log or sys.stderr, flush=True)
            seen = right = 0
    return front.eval(), body.eval()
