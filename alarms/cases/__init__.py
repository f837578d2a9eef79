"""What people do about alarms: seen, handled, rectified, verified."""
