"""How secrets and their vault stay good: trials and due dates, slots and rekeying, rescue, offline copies, `doctor`."""
