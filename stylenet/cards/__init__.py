"""Cards of models: what a model is, what it was made from and on what terms, how to use it."""
