"""The window: draws what the session publishes and turns mouse, keys and dropped files into calls on it."""
