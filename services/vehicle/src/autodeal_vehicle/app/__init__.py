"""The use cases, one a module, and the ports they need. No framework, no database, no clock of its own."""
