"""Class balance: how many pictures of a set each class has."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from stylenet.data.index import Entry

_SHOWN = 20  # classes in the table; the CSV file lists all


@dataclass(frozen=True)
class Balance:
    """The pictures of one class: how many can be trained on, and how many are left out.

    Attributes:
        column: the column of labels that the class belongs to.
        label: the name of the class.
        pictures: number of pictures to train on.
        share: `pictures` divided by the sum of `pictures` over the column's classes.
        bad: number of pictures that cannot be used.
        duplicates: number of pictures that repeat others.
    """

    column: str
    label: str
    pictures: int
    share: float
    bad: int
    duplicates: int


def balances(entries: Sequence[Entry], duplicates: Collection[int]) -> list[Balance]:
    """Count the pictures of each class. Columns with a single class are left out.

    Args:
        entries: the records of all pictures, in the order of the source.
        duplicates: indices of the entries that are left out because they repeat others.

    Returns:
        The classes column by column. Within a column, the largest class comes first.
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
    """The result of `balances` as text: each column's largest classes, and the range of sizes."""
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
