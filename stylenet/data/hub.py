"""Pictures of a dataset on the Hugging Face hub, or of a local folder of the same parquet files."""

from __future__ import annotations

import difflib
import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stylenet.data.credit import OF_DATASETS, Credit
from stylenet.data.revision import commit_of, unreadable
from stylenet.data.source import Listing, Photo, fingerprint
from stylenet.pictures.images import Picture, read_picture
from stylenet.pictures.sides import MIN_LEARNABLE_SIDE
from stylenet.system.errors import UserError

_FOOTER = 2**16  # bytes


@dataclass(frozen=True)
class HubPhotos:
    """The pictures of one split of a dataset, read without downloading the whole dataset.

    Attributes:
        path: the dataset's name, or a local folder of parquet files.
        split: the split to read.
        column: the column of encoded pictures, a feature `Image` of `datasets`.
        limit: take only the first `limit` rows of those that match `where`.
        where: label column → names to keep, such as {"style": ["Impressionism"]}.
        revision: a commit, tag or branch on the hub. None means the newest commit.
    """

    path: str
    split: str = "train"
    column: str = "image"
    limit: int | None = None
    where: Mapping[str, Sequence[str]] = field(default_factory=dict)
    revision: str | None = None

    @property
    def title(self) -> str:
        return f"{self.path} ({self.split})"

    @property
    def credit(self) -> Credit:
        if self._is_local():
            return Credit("parquet files of its user's")
        source = f"{self.path} on the Hugging Face hub, commit {self._commit()}"
        return Credit(source, OF_DATASETS.get(self.path), self.path)

    def key(self) -> str:
        wanted = sorted((column, sorted(names)) for column, names in self.where.items())
        lines = ["hub", self.path, self.split, self.column, str(self.limit), str(wanted)]
        if self._is_local():
            for file in self.files():
                lines += [fingerprint(file), _footer_sum(file)]
        else:
            lines.append(self._commit())
        return "\n".join(lines)

    def files(self) -> list[Path]:
        """The parquet files of a local folder. A dataset on the hub has none."""
        return sorted(self._folder().rglob("*.parquet"))

    def listing(self) -> Listing:
        rows = self.rows()
        splits = rows.info.splits or {}
        count = splits[self.split].num_examples if self.split in splits and not self.where else None
        if count is not None and self.limit is not None:
            count = min(count, self.limit)
        return Listing(count, self.photos(rows))

    def rows(self) -> Any:
        """The rows as a `datasets.IterableDataset` with encoded pictures and labels, nothing else.

        Raises:
            UserError: the dataset, split, column or a label cannot be found.
        """
        import datasets  # takes over a second, so it is imported only where it is needed

        with _as_user_error(self.path):
            local = self._is_local()
            rows = datasets.load_dataset(
                str(self._folder()) if local else self.path,
                split=self.split,
                streaming=True,
                revision=None if local else self._commit(),
            )
            for column in (self.column, *self.where):
                if column not in rows.features:
                    raise UserError(
                        f"{self.path} has no column {column}; choose one of"
                        f" {' '.join(rows.features)}"
                    )
            rows = rows.cast_column(self.column, datasets.Image(decode=False))
            for column, names in self.where.items():
                numbers = _label_numbers(rows.features[column].names, column, names)
                rows = rows.filter(numbers.__contains__, input_columns=[column])
            classes = [name for name, kind in rows.features.items() if _is_class(kind)]
            rows = rows.select_columns([self.column, *classes])
            return rows if self.limit is None else rows.take(self.limit)

    def _folder(self) -> Path:
        return Path(self.path).expanduser()

    def _is_local(self) -> bool:
        return self._folder().is_dir()

    def _commit(self) -> str:
        return commit_of(self.path, self.revision)

    def photos(self, rows: Any) -> Iterator[Photo]:
        """The pictures, not yet decoded, and labels of `rows`, which `self.rows` has returned."""
        with _as_user_error(self.path):
            classes = {name: kind.names for name, kind in rows.features.items() if _is_class(kind)}
            for number, row in enumerate(rows):
                name = row[self.column]["path"] or f"{self.path} {self.split} {number}"
                labels = {column: _label(row[column], known) for column, known in classes.items()}
                yield _photo(name, row[self.column]["bytes"], labels)


def _footer_sum(file: Path) -> str:
    """SHA-256 of a parquet file's end, where the format lists the place and size of its parts."""
    with file.open("rb") as opened:
        opened.seek(max(0, file.stat().st_size - _FOOTER))
        return hashlib.sha256(opened.read()).hexdigest()


def _photo(name: str, encoded: bytes | None, labels: Mapping[str, str]) -> Photo:
    def decode(shorter_side: int | None = None) -> Picture:
        if encoded is None:
            raise UserError(f"{name} holds no bytes; store the picture in the dataset")
        file = io.BytesIO(encoded)
        file.name = name  # for messages
        return read_picture(file, min_side=MIN_LEARNABLE_SIDE, shorter_side=shorter_side)

    return Photo(name, decode, labels)


def _is_class(feature: Any) -> bool:
    import datasets

    return isinstance(feature, datasets.ClassLabel)


def _label(number: int | None, known: list[str]) -> str:
    return "unlabelled" if number is None or number < 0 else known[number]


def _label_numbers(known: list[str], column: str, names: Sequence[str]) -> set[int]:
    """The class numbers of `names` among the `known` labels of a column."""
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3, cutoff=0.4) or known[:3]
            raise UserError(f"there is no {column} {name}; choose one such as {', '.join(near)}")
    return {known.index(name) for name in names}


@contextmanager
def _as_user_error(path: str) -> Iterator[None]:
    """Turn any error of reading a dataset into one line for the user. Many packages raise them."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise unreadable(path, error) from error
