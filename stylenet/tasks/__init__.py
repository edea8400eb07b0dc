"""Lightning modules: what to optimise and how."""
