"""The settings of a training: how they are composed, written, spelled and checked."""
