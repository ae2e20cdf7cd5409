"""Landmarks of photos and drivers: detection, alignment, neutral, motion."""
