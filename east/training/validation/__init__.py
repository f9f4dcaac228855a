"""What weights are scored on, kind by kind: photographs, the same enlarged and turned, and pages drawn for it."""
