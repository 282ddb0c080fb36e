"""What the manifests are made and checked with."""
