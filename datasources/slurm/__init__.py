"""Slurm's accounting database: discovery, decoding, queries."""
