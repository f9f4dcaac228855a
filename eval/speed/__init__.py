"""How fast every runtime is on this machine."""
