"""What people see: Components V2 views, and the pure functions that put words and tables together for them."""
