"""Optimising the pixels of one picture, and what is measured by it."""
