-- Whoever presses a button of a message names the message.
CREATE INDEX outbox_message ON outbox (message);
