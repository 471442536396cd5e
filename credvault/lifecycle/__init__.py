"""How secrets stay good: does a credential still work, and may its value leave for the service that knows."""
