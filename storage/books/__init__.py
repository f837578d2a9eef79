"""Books of tables: the registry as a workbook or as CSV files, read with bounds and written."""
