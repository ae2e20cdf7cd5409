"""The networks: motion encoder M, motion decoder Psi, Gaussian decoder Phi, descriptors, and the animator."""
