"""Many photos times many clips, one video for each pair, by several processes or a Ray cluster."""
