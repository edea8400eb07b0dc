"""Damage as files meet it: bits that flip, blocks that are lost, ends that are missing."""

import random
from dataclasses import dataclass

KINDS = ("flip", "zero", "fill", "cut", "insert", "drop", "swap", "repeat")


@dataclass(frozen=True)
class Damage:
    """One change to the bytes of a file.

    place: where, as a share of the file, in [0, 1). length: bytes that it concerns. seed: of what
    is random about it.
    """

    kind: str
    place: float
    length: int
    seed: int

    def __call__(self, data: bytes) -> bytes:
        """The damaged bytes; they differ from `data` unless chance wrote the same."""
        start = int(self.place * len(data))
        end = min(len(data), start + self.length)
        draw = random.Random(self.seed)
        if self.kind == "flip":
            flipped = data[start] ^ 1 << draw.randrange(8)
            return data[:start] + bytes([flipped]) + data[start + 1 :]
        if self.kind == "zero":
            return data[:start] + bytes(end - start) + data[end:]
        if self.kind == "fill":
            return data[:start] + draw.randbytes(end - start) + data[end:]
        if self.kind == "cut":
            return data[:start]
        if self.kind == "insert":
            return data[:start] + draw.randbytes(self.length) + data[start:]
        if self.kind == "drop":
            return data[:start] + data[end:]
        if self.kind == "repeat":
            return data[:end] + data[start:]
        other = draw.randrange(len(data))
        return data[:start] + data[other : other + end - start] + data[end:]


def draw_damage(draw: random.Random) -> Damage:
    """Damage of any kind; most of it is short, as most faults are."""
    length = int(2 ** draw.uniform(0, 14))
    return Damage(draw.choice(KINDS), draw.random(), length, draw.randrange(2**32))
