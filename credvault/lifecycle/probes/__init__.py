"""One file per kind of probe; `base` says what a probe is, `choosing` which one a record has."""
