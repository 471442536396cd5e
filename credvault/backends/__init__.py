"""Where secrets live: one file or folder per store, each passing the same contract. A backend knows no users."""
