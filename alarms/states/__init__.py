"""Which state each unit is in, slot by slot, and how far its meter can be believed."""
