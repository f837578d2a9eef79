"""What is stopped or limited: plans, responses to warnings, presets, off-peak calendars."""
