"""How readings, decisions and ticks become states and alarms, step by step."""
