"""What waits for officers: declarations to review; visits, from proposal to their end."""
