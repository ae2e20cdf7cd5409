"""Training and its teacher; nothing outside this package imports it."""
