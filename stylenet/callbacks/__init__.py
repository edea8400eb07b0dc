"""Lightning callbacks: progress, previews, guards."""
