"""Small, fast, exact sequence labellers."""
