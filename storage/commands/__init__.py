"""What is wanted of meters: entered, sent by the gateway that holds the session, answered."""
