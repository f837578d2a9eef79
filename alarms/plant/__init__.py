"""What stands in the city, as arrays: units, lines, meters, and the orders that hold for them."""
