"""The agent: a process of the user that holds unlocked vaults for a while, and the lane that asks it."""
