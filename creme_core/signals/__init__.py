"""What was measured, or annotated, along the genome: signal tracks and regions, read by window."""
