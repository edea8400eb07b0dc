"""Feed-forward style-transfer networks, from one picture to a trained model."""

import os

__version__ = "0.1.0"

# Else onnxruntime sends the names of models to its makers, by a thread that forked children wait
# for at their end. It looks here once, when it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
