"""Everything on one machine: engines, the provider sandbox, the demo."""
