"""The demo world: a synthetic genome with planted regulatory elements, and the network trained on its grammar."""
