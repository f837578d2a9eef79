"""Who gets what of a case, at which grade, by which way and when, and why."""
