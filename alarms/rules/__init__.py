"""The rules, one function each by family, and the file with their numbers."""
