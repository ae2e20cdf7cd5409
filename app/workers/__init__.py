"""The threads of the live session; each hands its newest result to the next through a `app.slots.LatestSlot`."""
