"""The desktop program: command line, live session, window. Everything about avatars lives in `avatar_core`."""
