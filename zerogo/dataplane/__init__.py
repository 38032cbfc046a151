"""The data plane: opening the TAP, and the planes that move frames between it and the data sockets."""
