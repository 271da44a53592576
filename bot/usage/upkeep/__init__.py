"""What is done to the books beside calls: verify, retention, erasure, repricing, the provider's bill, backup."""
