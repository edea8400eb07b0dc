"""A style's picture: the shipped ones, a user's own, and homages that stand in for them."""

from stylenet.styles.picture import Style

__all__ = ["Style"]  # where configs look for it
