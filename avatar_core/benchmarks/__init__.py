"""What `avatar_core.bench` measures: whole frames, quality levels, and how cost grows."""
