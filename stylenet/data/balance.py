"""How evenly the classes of a set of pictures are filled."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from stylenet.data.index import Entry

_SHOWN = 20  # classes; the file has all


@dataclass(frozen=True)
class Balance:
    """One class of one column of labels: how many pictures it has to train on, and has lost."""

    column: str
    label: str
    pictures: int
    share: float
    bad: int
    duplicates: int


def balances(entries: Sequence[Entry], duplicates: Collection[int]) -> list[Balance]:
    """Every class of every column that has at least two, a column's fullest class first.

    duplicates: the numbers of the entries left out because they repeat others.
    """
    columns: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    for number, entry in enumerate(entries):
        fate = "bad" if entry.shape is None else "copy" if number in duplicates else "used"
        for column, label in entry.labels.items():
            columns[column][label][fate] += 1
    return [
        balance
        for column, classes in columns.items()
        if len(classes) > 1
        for balance in _of_column(column, classes)
    ]


def _of_column(column: str, classes: dict[str, Counter[str]]) -> Iterator[Balance]:
    total = sum(fates["used"] for fates in classes.values())
    for label, fates in sorted(classes.items(), key=lambda item: (-item[1]["used"], item[0])):
        used = fates["used"]
        yield Balance(column, label, used, used / max(1, total), fates["bad"], fates["copy"])


def table(found: Sequence[Balance]) -> str:
    """What `balances` found as text: each column's fullest classes, and how uneven they are."""
    return "\n".join(
        line
        for column in dict.fromkeys(balance.column for balance in found)
        for line in _lines(column, [balance for balance in found if balance.column == column])
    )


def _lines(column: str, found: list[Balance]) -> Iterator[str]:
    width = max(len(column), *(len(balance.label) for balance in found[:_SHOWN]))
    yield f"{column:{width}}  pictures  share   bad  duplicates"
    for b in found[:_SHOWN]:
        yield f"{b.label:{width}}  {b.pictures:8}  {b.share:5.1%}  {b.bad:4}  {b.duplicates:10}"
    if len(found) > _SHOWN:
        yield f"… and {len(found) - _SHOWN} with fewer"
    most, least = found[0], found[-1]
    yield (
        f"{len(found)} classes of {column}, from {least.pictures} ({least.label})"
        f" to {most.pictures} ({most.label}) pictures"
    )
