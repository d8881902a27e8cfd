"""A payment provider on this machine that behaves like Mercado Pago over HTTP, with faults on demand."""
