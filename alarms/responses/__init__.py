"""Heavy-pollution responses and off-peak calendars."""
