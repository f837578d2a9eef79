"""Commands about cases: what people do about alarms, declare, and prove."""
