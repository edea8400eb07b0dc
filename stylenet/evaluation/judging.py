"""Shared parts of judging photos and judging clips: each model is judged in its styles."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from stylenet.evaluation.inputs import Input
from stylenet.evaluation.judge import Judge, Target
from stylenet.evaluation.subjects import Subject
from stylenet.pictures.images import Bytes

Row = dict[str, Any]
"""The names of the photo or clip and of the style, and measures, which may be nested."""

Seen = TypeVar("Seen")
"""What the models stylise: a photo or a clip."""


class Judging(ABC, Generic[Seen]):
    """Judges stylised photos or clips against style pictures."""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        self._targets: dict[str, Target] = {}

    def judged(
        self, subject: Subject, seen: Seen, styles: Sequence[Input]
    ) -> tuple[Bytes, list[Row]]:
        """Judge a model in each of its styles.

        Returns:
            The first result as a picture, and a row of measures for each style.

        Raises:
            UserError: a style cannot be read, or the net needs more memory than there is.
        """
        each = [self.judged_once(one, seen, its) for one, its in subject.by_style(styles)]
        return each[0][0], [row for _, rows in each for row in rows]

    @abstractmethod
    def judged_once(
        self, subject: Subject, seen: Seen, styles: Sequence[Input]
    ) -> tuple[Bytes, list[Row]]:
        """Judge a subject whose style is already set.

        Returns:
            The result as a picture, and a row of measures for each style picture.
        """

    def target(self, style: Input) -> Target:
        """The features of a style picture, which results are compared with. Computed once."""
        if style.sha256 not in self._targets:
            self._targets[style.sha256] = self.judge.target(style.painting())
        return self._targets[style.sha256]
