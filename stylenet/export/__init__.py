"""Exported models: the contract, its graph, and the proof that they are right."""
