"""The geometric lift: one photo and its landmarks in, Gaussians at rest out."""
