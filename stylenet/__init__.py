"""Feed-forward style-transfer networks, from one picture to a trained model."""

__version__ = "0.1.0"
