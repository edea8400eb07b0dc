"""One function per operation of the nets, whatever computes it."""
