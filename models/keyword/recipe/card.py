# SPDX-License-Identifier: MIT
"""Write the measured figures into the model card, between its two markers."""

import vocabulary as vocab

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return lines + ["| " + " | ".join(str(c) for c in row) + " |" for row in rows]


def percent(entry, key):
    return f"{entry[key]:.1f} %" if key in entry else "-"


def render(result):
    """The card's measured section as text."""
    sure = result["threshold"]
    conditions = result["conditions"]
    any_entry = next(iter(conditions.values()))["fp32"]
    out = [f"{any_entry['keywords']} keyword clips and {any_entry['others']} clips of other words "
           "and sentences in each condition.", ""]
    rows = []
    for name, entry in conditions.items():
        f, b = entry["fp32"], entry["bf16"]
        rows.append([name, percent(f, "right"), percent(b, "right"),
                     percent(entry["trained accent"], "right"), percent(entry["new accent"], "right"),
                     percent(f, "false_accept"),
                     f"{percent(f, 'right_sure')} / {percent(f, 'false_accept_sure')}"])
    out += table(["condition", "keywords right, fp32", "the same, bf16", "trained accents (fp32)",
                  "new accents (fp32)", "other words taken for a keyword (fp32)",
                  f"right / falsely accepted at a score of {sure} or more"], rows)
    out += ["", "Answers that are the same in fp32 and bf16, and the largest difference of a score: "
            + "; ".join(f"{name}: {e['same answer']:.1f} %, {e['largest fp32-bf16 difference']:.3f}"
                        for name, e in conditions.items()) + ".", "", "Right by word (fp32):", ""]
    named = {n: e for n, e in conditions.items() if "per word" in e}
    out += table(["condition"] + vocab.KEYWORDS,
                 [[n] + [f"{e['per word'][w]:.0f}" for w in vocab.KEYWORDS]
                  for n, e in named.items()])
    loud = {n: e["per noise"] for n, e in conditions.items() if "per noise" in e}
    out += ["", "Keywords right by kind of noise (fp32):", ""]
    kinds = list(next(iter(loud.values())))
    out += table(["condition"] + kinds,
                 [[n] + [f"{e[k]:.0f}" for k in kinds] for n, e in loud.items()])
    out += ["", "Most frequent mistakes (spoken -> heard, clips):", ""]
    for n, e in named.items():
        out.append(f"- {n}: " + ", ".join(f"{k} {v}" for k, v in e["confusions"].items()))
    out += ["", "Weakest of the held-out voices (keywords right): "]
    for n, e in named.items():
        weakest = list(e["per voice"].items())[:6]
        out.append(f"- {n}: " + ", ".join(f"{v} {p:.0f} %" for v, p in weakest))
    out += ["", "No speech, noise kinds that did not train (150 clips each, fp32):", ""]
    out += table(["noise", "heard as `_silence_`", "taken for a keyword",
                  f"the same at {sure} or more"],
                 [[k, percent(v, "silence"), percent(v, "false_accept"),
                   percent(v, "false_accept_sure")] for k, v in result["no speech"].items()])
    zero = result["digital zero"]
    out += ["", f"A second of zeros: {zero['heard']} with a score of {zero['score']:.3f}."]
    if "flite" in result:
        out += ["", "Another engine (Festival Lite, Debian's `flite`), none of whose voices "
                "trained, fp32:", ""]
        rows = []
        for name, entry in result["flite"].items():
            for voice, e in entry.items():
                if isinstance(e, dict) and "keywords" in e:
                    rows.append([name, voice, e["keywords"], percent(e, "right"),
                                 percent(e, "right_sure"), percent(e, "false_accept")])
        out += table(["condition", "voice", "keyword clips", "right", f"right at {sure} or more",
                      "other words taken for a keyword"], rows)
        out += [""]
        out += table(["condition"] + vocab.KEYWORDS,
                     [[n] + [f"{e['per word'][w]:.0f}" for w in vocab.KEYWORDS]
                      for n, e in result["flite"].items()])
    return "\n".join(out)


def update(path, result):
    """Replace the section of the card at `path`."""
    with open(path) as f:
        text = f.read()
    head, rest = text.split(BEGIN)
    tail = rest.split(END)[1]
    with open(path, "w") as f:
        f.write(head + BEGIN + "\n" + render(result) + "\n" + END + tail)
