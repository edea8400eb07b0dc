"""The base of the package: errors, the cache folder, memory, processors, sealed files."""
