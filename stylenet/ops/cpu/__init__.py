"""Kernels in C for the CPU, compiled on first use. Without a compiler, torch does their work."""
