"""Losses: pure functions first, thin modules over them."""
