"""Feed-forward style-transfer networks, from one picture to a trained model."""

import os
import sys

from stylenet.system.errors import interrupted

__version__ = "0.1.0"

# Else onnxruntime sends the names of models to its makers, by a thread that forked children wait
# for at their end. It looks here once, when it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

if sys.argv[:1] == [
    "-m"
]:  # python -m stylenet.…, which imports torch, for seconds, before all else
    sys.excepthook = interrupted
