"""The backend `hashicorp`: OpenBao and HashiCorp Vault, KV version 2, by their HTTP API and no library for it."""
