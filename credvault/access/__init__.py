"""Who may do what: identities, and a pure decision over rules. Knows no backend."""
