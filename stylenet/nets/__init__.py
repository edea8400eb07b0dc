"""Plain networks: images in, images out; they know no losses and no Lightning."""
