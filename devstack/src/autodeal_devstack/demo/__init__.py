"""The demonstration: real purchases to each of their endings, through the public routes only."""
