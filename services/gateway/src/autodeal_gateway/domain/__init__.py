"""What the edge knows without talking to anyone: people's data, webhook signatures, the routes."""
