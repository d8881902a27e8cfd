"""What the edge does itself, one use case a module, with the ports each needs."""
