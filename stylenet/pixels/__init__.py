"""Pixel optimisation of one picture, and measurements that use it."""
