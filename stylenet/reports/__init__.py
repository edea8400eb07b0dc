"""What a sweep found, as one page and one picture."""
