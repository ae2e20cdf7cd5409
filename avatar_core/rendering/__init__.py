"""Rasterisers behind one protocol."""
