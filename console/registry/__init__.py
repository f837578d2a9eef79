"""The registry on pages: every kind of record listed, shown with its history, entered, removed."""
