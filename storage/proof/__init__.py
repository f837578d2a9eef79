"""Signed daily roots over what arrived and was decided, and packages of evidence under them."""
