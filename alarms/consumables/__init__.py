"""What people do about things that wear out."""
