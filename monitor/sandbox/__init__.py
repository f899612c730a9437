"""Opens hostile files in processes of their own, which can compute and answer, and nothing else."""
