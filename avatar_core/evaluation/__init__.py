"""Figures of merit on photos and clips, and the contact sheets that go with them."""
