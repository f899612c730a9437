"""Pages made by scripts, read by a browser that reaches nothing but through a guard of ours."""
