"""What stands beside a model file: its card and its calibration."""
