"""Where secrets live: one file per store, each passing the same contract. A backend knows no users."""
