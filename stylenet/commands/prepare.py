"""Decode training photographs ahead of time."""

from __future__ import annotations

import argparse


def parser() -> argparse.ArgumentParser:
    """The options of the command."""
    made = argparse.ArgumentParser(
        prog="stylenet prepare",
        description="Decode training photographs into the cache that training with the same"
        " overrides uses; find bad files and duplicates, report the balance of classes. Killed at"
        " any time, the same command goes on.",
    )
    help = "of stylenet.train, such as data=folder data.path=PHOTOS data.size=256"
    made.add_argument("overrides", nargs="*", metavar="OVERRIDE", help=help)
    return made
