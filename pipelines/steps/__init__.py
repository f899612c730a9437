"""The steps: plain functions over typed data; `pipelines.chain` has their order."""
