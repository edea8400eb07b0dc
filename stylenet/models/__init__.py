"""A trained model on disk: saving, building safely, opening."""
