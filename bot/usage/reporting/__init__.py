"""The reader: spend by day and dimension, trends, projections, suggestions, single calls, export."""
