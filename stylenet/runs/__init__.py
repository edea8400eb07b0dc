"""Folders of runs: who may write into a folder, and whether a training may resume there."""
