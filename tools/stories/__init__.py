"""Stories: documents whose commands are played on a simulated city."""
