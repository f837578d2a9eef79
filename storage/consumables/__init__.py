"""Things that wear out in the database: how far they are used up, and what was done about them."""
