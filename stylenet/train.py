"""The command that trains a style: ``python -m stylenet.train style=starry_night``."""

from __future__ import annotations

import sys

from stylenet.commands.train import asks_for_help, help_text, only_shows
from stylenet.system.errors import interrupted
from stylenet.system.loading import say_loading

if __name__ == "__main__":  # before the import below, which takes seconds
    sys.excepthook = interrupted
    if asks_for_help(sys.argv[1:]):
        sys.exit(print(help_text()))
    if not only_shows(sys.argv[1:]):
        say_loading()

from stylenet.launch import main

if __name__ == "__main__":
    main()
