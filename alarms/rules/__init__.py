"""The rules R0 to R22: their numbers as data, and one pure function each."""
