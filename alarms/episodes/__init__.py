"""From conditions that lasted to alarms that explain themselves."""
