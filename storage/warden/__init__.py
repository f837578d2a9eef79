"""What a warden keeps and reads: rows step by step, states, alarms and who folds which slice."""
