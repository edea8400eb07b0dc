"""Trained models over HTTP: a photo is posted, its stylised picture comes back."""
