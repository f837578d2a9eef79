"""What figures are counted from: states, alarms, readings and decisions of a span of time."""
