"""What every room stands on: errors, the cache folder, memory, processors, sealed files."""
