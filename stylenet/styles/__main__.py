"""List the shipped styles: ``stylenet styles``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from stylenet.styles.known import config_of, known_styles


def main(argv: Sequence[str] | None = None) -> None:
    """Print each style's name, and the work, its artist and year."""
    description = "List the shipped styles, to train with style=NAME."
    argparse.ArgumentParser(prog="stylenet styles", description=description).parse_args(argv)
    names = known_styles()
    width = max(map(len, names))
    for name in names:
        work = config_of(name)
        print(f"{name:{width}}  {work['title']}, {work['artist']}, {work['year']}")


if __name__ == "__main__":
    main()
