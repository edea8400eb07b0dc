"""Loops in C for the CPU, compiled when first used; without a compiler, torch does their work."""
