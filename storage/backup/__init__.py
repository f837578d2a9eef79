"""A whole installation as one folder of plain files, and back."""
