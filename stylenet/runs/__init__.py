"""The folder of a run: who writes into it, and whether a training may go on there."""
