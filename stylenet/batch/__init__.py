"""Very many photos at once: the work on Ray Data, its note of what is finished, Parquet files."""
