"""What the checks of `steps.check` look with: schemas, repetition, refusal."""
