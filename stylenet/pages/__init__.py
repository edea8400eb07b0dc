"""The look that all pages of HTML share."""
