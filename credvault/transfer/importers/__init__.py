"""One file per source format; `base` says what each gives, `choosing` which there are."""
