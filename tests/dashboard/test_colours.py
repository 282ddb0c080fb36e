"""The colours of the outcomes, computed from the style sheet: told apart by everyone, and seen on their ground.

Colour vision deficiencies as in Machado, Oliveira and Fernandes, "A Physiologically-based Model for Simulation of Color Vision
Deficiency" (IEEE TVCG 2009), severity 1; distances in Oklab (Ottosson 2020), where 0.02 is about what an eye can just tell.
"""

from __future__ import annotations

import math
import re
from itertools import combinations
from pathlib import Path

import pytest

import extproc.shell.dashboard
from extproc.core.vocabulary import Outcome

STYLE = Path(extproc.shell.dashboard.__file__).with_name("static").joinpath("style.css").read_text()
Colour = tuple[float, float, float]

VISION: dict[str, tuple[Colour, Colour, Colour]] = {
    "full": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}
TO_CONES: tuple[Colour, Colour, Colour] = (
    (0.4122214708, 0.5363325363, 0.0514459929),
    (0.2119034982, 0.6806995451, 0.1073969566),
    (0.0883024619, 0.2817188376, 0.6299787005),
)
TO_LAB: tuple[Colour, Colour, Colour] = (
    (0.2104542553, 0.7936177850, -0.0040720468),
    (1.9779984951, -2.4285922050, 0.4505937099),
    (0.0259040371, 0.7827717662, -0.8086757660),
)


def named(name: str, theme: int) -> Colour:
    """Give a colour of the style sheet in linear light."""
    pair = re.search(rf"--{name}: light-dark\(#(\w{{6}}), #(\w{{6}})\);", STYLE)
    assert pair, name
    parts = [int(pair[theme + 1][at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return red, green, blue


def applied(matrix: tuple[Colour, Colour, Colour], colour: Colour) -> Colour:
    first, second, third = (sum(a * b for a, b in zip(row, colour, strict=True)) for row in matrix)
    return first, second, third


def lab(colour: Colour) -> Colour:
    long, medium, short = (max(0.0, cone) ** (1 / 3) for cone in applied(TO_CONES, colour))
    return applied(TO_LAB, (long, medium, short))


def luminance(colour: Colour) -> float:
    return 0.2126 * colour[0] + 0.7152 * colour[1] + 0.0722 * colour[2]


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_any_two_outcomes_differ(theme: int, vision: str):
    matrix = VISION[vision]
    seen = {outcome: lab(tuple(min(1.0, max(0.0, part)) for part in applied(matrix, named(outcome, theme)))) for outcome in Outcome}
    alike = [(one, other) for one, other in combinations(Outcome, 2) if math.dist(seen[one], seen[other]) < 0.07]
    assert alike == []


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_every_outcome_stands_out(theme: int):
    ground = luminance(named("ground", theme))
    for outcome in Outcome:
        low, high = sorted((luminance(named(outcome, theme)), ground))
        assert (high + 0.05) / (low + 0.05) >= 3.0, outcome  # WCAG 1.4.11
