"""Feed-forward style-transfer networks, from one picture to a trained model."""

import sys

from stylenet.errors import interrupted

__version__ = "0.1.0"

if sys.argv[:1] == [
    "-m"
]:  # python -m stylenet.…, which imports torch, for seconds, before all else
    sys.excepthook = interrupted
