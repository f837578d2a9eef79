"""``wattwarden notify``: how people are reached, why they get what they get, and trying it out."""
