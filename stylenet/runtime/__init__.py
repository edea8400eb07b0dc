"""Exported models at work: numpy, Pillow and onnxruntime, never torch."""

from stylenet.runtime.session import Session
from stylenet.runtime.stylizer import Stylizer

__all__ = ["Session", "Stylizer"]
