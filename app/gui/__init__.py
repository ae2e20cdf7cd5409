"""The Dear PyGui window. Only the main thread calls into it."""
