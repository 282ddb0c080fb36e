"""The image where no container engine is at hand."""
