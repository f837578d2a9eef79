"""Days of rows as Parquet files: written, verified, read together with what is in the database.

partition of a closed day ─ extract ─► file ─ verify ─► catalogue ─ drop ─► the day is its file
across(meters, since, until) ─► the tables `reading` and `factor` with these days in them
"""
