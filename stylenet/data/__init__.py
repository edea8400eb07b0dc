"""Training pictures: sources, the decoded cache and the data module."""
