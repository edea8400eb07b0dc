"""Composing a config from the command line, and checking it before anything is built."""
