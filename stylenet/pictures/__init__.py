"""Pictures on disk and in numpy: reading, writing, colour, which files a command takes."""
