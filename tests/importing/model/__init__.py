"""The model test of the engine: random packages and edits against a fresh interpreter that imports the same files."""
