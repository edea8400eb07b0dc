"""The operations of the nets: one public function for each, whatever kernel computes it."""
