"""The vault file of format.md: keys, slots, buckets, entries. No policy, no prompts, no settings."""
