"""Running exported models with numpy, Pillow and onnxruntime, never torch."""

from stylenet.runtime.mixture import MixtureSession
from stylenet.runtime.postprocess import Postprocess
from stylenet.runtime.session import Session
from stylenet.runtime.stylizer import Stylizer
from stylenet.runtime.tiles import TiledSession

__all__ = ["MixtureSession", "Postprocess", "Session", "Stylizer", "TiledSession"]
