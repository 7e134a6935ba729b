"""Pages and their panels: widgets in, pictures out."""
