"""Style pictures: the shipped styles, a user's own pictures, and homages that replace originals."""

from stylenet.styles.picture import Style

__all__ = ["Style"]  # configs name stylenet.styles.Style
